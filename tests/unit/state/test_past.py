# SPDX-License-Identifier: Apache-2.0
"""What a reader of the history gets, and that reading changes nothing."""

import contextlib
import os
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.irq import DEFAULT
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.target import UnknownTarget
from irqaffinity.model.verdict import Cause
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.history import MIGRATIONS
from irqaffinity.state.past import HistoryMissing, Line, Wanted, read_history
from tests.fakes.snapshots import VF2, guest_id
from tests.unit.state.sample import look_at
from tests.unit.state.test_history import START, append_and_be_killed, change, history_in, told

FAR = PciAddress.parse("10000:41:00.1")


def read(path: Path, **wanted: object) -> list[Line]:
    return read_history(StateFolder(str(path)), Wanted(**wanted))  # type: ignore[arg-type]


@pytest.fixture
def kept(path: Path) -> Path:
    """A folder with the history of three guests; one has ended, and its last line has only its uuid."""
    history_in(path).append(
        [
            change(0),
            change(1, device=VF2, numbers=(40, 42, 43, 44)),
            change(2, guest=guest_id(2), name="other", device=FAR, numbers=(50,)),
            change(3, guest=guest_id(3), name=None, cause=Cause.AUDIT, numbers=(401,)),
            change(4, name=None, cause=Cause.GONE, is_release=True),
            change(5, guest=GuestId(guest_id(4)), name="vm", numbers=(140,)),
        ]
    )
    return path


def test_lines_of_the_host_have_no_guest_and_may_have_no_device(path: Path) -> None:
    own = change(0, guest=HOST, name=None, cause=Cause.ISOLATION, device=NO_DEVICE, numbers=(DEFAULT.number,))
    history_in(path).append([own, own._replace(device=VF2, numbers=(9,)), change(2)])
    lines = read(path, cause="isolation")
    assert [(line["guest"], line["name"], line["device"], line["irqs"]) for line in lines] == [
        (None, None, None, "default_smp_affinity"),
        (None, None, str(VF2), "9"),
    ]
    assert [line["irqs"] for line in read(path, irq=9)] == ["9"]
    for wanted in ({"guest": "-"}, {"guest": ""}, {"device": "-"}):
        with pytest.raises(UnknownTarget):
            read(path, **wanted)
    with contextlib.closing(sqlite3.connect(path / "history.db")) as connection:
        stored = connection.execute("SELECT guest, device FROM lines").fetchall()
    assert stored == [("-", "-"), ("-", str(VF2)), (change().guest, str(change().device))]


def test_a_failure_of_the_host_is_stored_once(path: Path) -> None:
    failed = change(0, guest=HOST, name=None, cause=Cause.ERROR, device=NO_DEVICE, numbers=(9,))
    for second in range(2):
        history_in(path).append([failed._replace(time=START + timedelta(seconds=second))])
    assert len(read(path)) == 1


@pytest.mark.parametrize(
    ("wanted", "seconds"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"since": START + timedelta(seconds=3)}, [3, 4, 5]),
        ({"since": START + timedelta(seconds=2.5)}, [3, 4, 5]),
        ({"until": START + timedelta(seconds=2)}, [0, 1]),
        ({"since": START + timedelta(days=1)}, []),
        ({"guest": guest_id(1)}, [0, 1, 4]),
        ({"guest": guest_id(1).upper().replace("-", "")}, [0, 1, 4]),
        ({"guest": "vm"}, [0, 1, 4, 5]),
        ({"guest": "other"}, [2]),
        ({"device": str(VF2)}, [1]),
        ({"device": "0000:41:00.1"}, [0, 3, 4, 5]),
        ({"device": "41:00.1"}, [0, 2, 3, 4, 5]),
        ({"irq": 40}, [0, 1, 4]),
        ({"irq": 43}, [1]),
        ({"cause": "gone"}, [4]),
        ({"cause": "reset"}, []),
        ({"guest": "vm", "irq": 41, "cause": "birth", "until": START + timedelta(seconds=1)}, [0]),
        ({"guest": "other", "device": str(VF2)}, []),
    ],
)
def test_what_is_wanted_is_shown_the_oldest_first(kept: Path, wanted: dict[str, object], seconds: list[int]) -> None:
    assert told(kept, **wanted) == [f"12:00:0{second}" for second in seconds]


@pytest.mark.parametrize(
    ("wanted", "subject"),
    [
        ({"guest": "vm2"}, "a guest 'vm2'"),
        ({"guest": "%"}, "a guest '%'"),
        ({"guest": guest_id(9)}, f"a guest '{guest_id(9)}'"),
        ({"guest": "\x1b[31m"}, r"a guest '\x1b[31m'"),
        ({"device": "0000:99:00.0"}, "a device '0000:99:00.0'"),
        ({"device": "eth0"}, "a device 'eth0'"),
        ({"device": "%"}, "a device '%'"),
        ({"irq": 45}, "an interrupt 45"),
    ],
)
def test_what_no_line_has_is_unknown(kept: Path, wanted: dict[str, object], subject: str) -> None:
    with pytest.raises(UnknownTarget) as unknown:
        read(kept, **wanted)
    assert str(unknown.value).startswith(f"no line of the history has {subject}; ")


def test_a_guest_that_was_named_in_one_line_is_named_in_all(kept: Path) -> None:
    assert [line["name"] for line in read(kept)] == ["vm", "vm", "other", None, "vm", "vm"]


def test_texts_of_a_file_that_somebody_has_changed_forge_nothing(kept: Path) -> None:
    with contextlib.closing(sqlite3.connect(kept / "history.db")) as connection, connection:
        connection.execute("UPDATE lines SET name = 'a' || char(10, 27) || CAST(x'ff' AS TEXT) WHERE name = 'other'")
    assert read(kept)[2]["name"] == r"a\x0a\x1b\xdcff"


@pytest.mark.parametrize("value", [f"'{'9' * 5000}'", "CAST(x'ff' AS TEXT)", "'²'", "x'00'", "'40-'", "7"])
def test_interrupts_that_are_none_are_not_the_one_that_is_wanted(kept: Path, value: str) -> None:
    make_loose(kept, f"UPDATE loose SET irqs = {value} WHERE name = 'other'")
    assert len(read(kept, irq=40)) == 3


@pytest.mark.parametrize("value", ["NULL", "x'00'", "'yesterday'", "1e300", "9000000000000000"])
def test_a_line_without_a_time_is_damage(kept: Path, value: str) -> None:
    make_loose(kept, f"UPDATE loose SET time = {value} WHERE name = 'other'")
    with pytest.raises(StateError, match=r"history.db: a line has no time; move it away, and a new one begins"):
        read(kept)


@pytest.mark.parametrize("value", ["NULL", "x'00'"])
def test_a_line_without_a_guest_is_damage(kept: Path, value: str) -> None:
    make_loose(kept, f"UPDATE loose SET guest = {value} WHERE name = 'other'")
    with pytest.raises(StateError, match=r"history.db: a line of 2026-11-20T12:00:02Z has no guest; move it away"):
        read(kept)


def make_loose(path: Path, statement: str) -> None:
    """Change a line in a table without types."""
    with contextlib.closing(sqlite3.connect(path / "history.db")) as connection, connection:
        connection.execute("CREATE TABLE loose AS SELECT * FROM lines")
        connection.execute(statement)
        connection.execute("DROP TABLE lines")
        connection.execute("ALTER TABLE loose RENAME TO lines")


def test_a_history_whose_process_has_ended_is_read_and_nothing_made(kept: Path) -> None:
    with contextlib.closing(sqlite3.connect(kept / "history.db")) as connection:
        connection.execute("SELECT count(*) FROM lines").fetchone()
    before = look_at(kept)
    assert len(read(kept)) == 6
    assert look_at(kept) == before


def test_one_whose_process_was_killed_is_read_with_its_log_and_nothing_changed(path: Path) -> None:
    append_and_be_killed(path)
    before = look_at(path)
    assert set(before) == {"history.db", "history.db-wal", "history.db-shm"}
    assert len(read(path)) == 1
    assert look_at(path) == before


def test_one_that_is_just_being_made_has_no_lines(path: Path) -> None:
    (path / "history.db").touch(mode=0o600)
    assert read(path) == []


def test_one_that_is_missing_says_why_that_may_be(path: Path) -> None:
    with pytest.raises(HistoryMissing, match=r"has no history.db: nothing has been moved yet"):
        read(path)
    with pytest.raises(HistoryMissing, match=r"there is no folder .*/nowhere: nothing has been moved"):
        read(path / "nowhere")


def test_one_that_is_missing_has_nothing_that_a_person_named(path: Path) -> None:
    with pytest.raises(UnknownTarget, match="has a guest 'web-1'"):
        read(path, guest="web-1")


@pytest.mark.parametrize("data", [b"x" * 5000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_one_is_one_line_and_stays_as_it_is(path: Path, data: bytes) -> None:
    (path / "history.db").write_bytes(data)
    (path / "history.db").chmod(0o600)
    with pytest.raises(StateError, match=r"history.db: .*; move it away, and a new one begins$"):
        read(path)
    assert (path / "history.db").read_bytes() == data
    assert os.listdir(path) == ["history.db"]


def test_one_of_a_newer_program_is_one_line(kept: Path) -> None:
    with contextlib.closing(sqlite3.connect(kept / "history.db")) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StateError, match="its schema is 2, and this program knows 1; install the newer program"):
        read(kept)


def test_what_is_written_meanwhile_is_seen_and_nobody_held_up(kept: Path) -> None:
    writer = history_in(kept)
    for second in range(6, 9):
        writer.append([change(second)])
        assert len(read(kept)) == second + 1
