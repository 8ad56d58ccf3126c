# SPDX-License-Identifier: Apache-2.0
"""Files that are not ours or not whole: set aside together, never over each other, and said with the reason."""

import errno
import logging
import os
import re
import signal
import sqlite3
from pathlib import Path

import pytest

from irqaffinity.model.irq import IrqId
from irqaffinity.model.record import Changes, State
from irqaffinity.state import store
from irqaffinity.state.aside import free_name
from irqaffinity.state.fields import BadState
from irqaffinity.state.folder import StateError
from tests.unit.state.sample import (
    NIC,
    RECORD,
    changes,
    edit,
    fork,
    leave_log,
    make_state,
    put,
    save_and_end,
    store_in,
)

ASIDE = re.compile(r"state\.db\.corrupt-\d{8}T\d{6}Z(\.\d+)?")
UNREADABLE = [b"{}", b"SQLite format 3\0", b"\0" * 100, b"SQLite format 3\0" + b"\xff" * 5000, b"x" * 5000]
WRONG = {
    "UPDATE records SET device = '../../0000:81:00.2'": "device ../../0000:81:00.2 is not a PCI address",
    "UPDATE records SET irq = 'many'": "irq many is not an interrupt number",
    "UPDATE records SET irq = -1": "irq -1 is not an interrupt number",
    "UPDATE records SET owner = 'me'": "owner me is not a uuid",
    "UPDATE records SET driver = x'00'": r"driver \(bytes\) is not a text",
    "UPDATE records SET original = '3-1'": "original 3-1 is not a list of CPUs",
    "UPDATE records SET written = '70000'": "written 70000 is not a list of CPUs",
    "UPDATE records SET previous = x'00'": r"previous \(bytes\) is not a text",
    "UPDATE records SET spread_over = 'all'": "spread_over all is not a list of CPUs",
    "UPDATE records SET next_cpu = 2": "next_cpu 2 is neither true nor false",
    "UPDATE managed SET device = ''": "device '' is not a PCI address",
    "UPDATE managed SET irq = 1.5": "irq 1.5 is not an interrupt number",
    "UPDATE managed SET action = x'00'": r"action \(bytes\) is not a text",
    "UPDATE managed SET verdict = 'ok'": "verdict ok is none of managed, immovable",
    "UPDATE specs SET uuid = 'x'": "uuid x is not a uuid",
    "UPDATE specs SET mask = x'00'": r"mask \(bytes\) is not a text",
    "UPDATE specs SET timestamp = x'00'": r"timestamp \(bytes\) is not a text",
    "UPDATE specs SET publisher = x'00'": r"publisher \(bytes\) is not a text",
    "UPDATE specs SET arrived = x'00'": r"arrived \(bytes\) is not a text",
    "UPDATE boot SET boot_id = x'00'": r"boot_id \(bytes\) is not a text",
}
LOST = {
    "DROP TABLE specs": "table specs is missing",
    "ALTER TABLE managed RENAME COLUMN action TO reaction": "table managed has no action",
    "PRAGMA user_version = -1": "its schema is -1",
}


NO_HOLD = "; a hold that it had is no longer in force"


def set_aside_in(path: Path) -> list[Path]:
    """Return the databases that were set aside."""
    return [entry for entry in path.iterdir() if ASIDE.fullmatch(entry.name)]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("data", UNREADABLE, ids=lambda data: repr(data[:16]))
def test_a_file_that_is_no_database_is_set_aside_and_said_once_with_its_path(path, caplog, data):
    put(path / "state.db", data)
    made = store_in(path)
    assert made.load() == made.load() == State()
    (found,) = set_aside_in(path)
    assert found.read_bytes() == data
    assert "state.db" not in os.listdir(path)
    (warning,) = warnings(caplog)
    assert warning.startswith(f"{path}/state.db was set aside as {found.name}: ")
    assert warning.isprintable()
    made.save(changes())
    assert store_in(path).load() == make_state()


@pytest.mark.parametrize(("statement", "said"), WRONG.items(), ids=WRONG)
def test_a_value_of_the_wrong_kind_is_named_with_its_table_row_and_field(path, caplog, statement, said):
    save_and_end(path, changes())
    edit(path, statement)
    before = (path / "state.db").read_bytes()
    assert store_in(path).load() == State()
    (found,) = set_aside_in(path)
    assert found.read_bytes() == before
    (warning,) = warnings(caplog)
    table = statement.split()[1]
    row = {"records": ".* .*", "managed": ".* .*", "specs": ".*"}.get(table)
    assert re.search(rf": {table}( of {row})?: {said}", warning)
    assert "of 0000:81:00.2 100: " in warning or table != "records" or "device" in said or "irq" in said


@pytest.mark.parametrize(("statement", "said"), LOST.items(), ids=LOST)
def test_a_database_of_another_form_is_set_aside(path, caplog, statement, said):
    save_and_end(path, changes())
    edit(path, statement)
    assert store_in(path).load() == State()
    (found,) = set_aside_in(path)
    assert warnings(caplog) == [f"{path}/state.db was set aside as {found.name}: {said}{NO_HOLD}"]


def test_a_database_cut_short_anywhere_never_gives_half_a_state(path):
    save_and_end(path, changes())
    whole = (path / "state.db").read_bytes()
    for length in range(2, len(whole), 512):
        put(path / "state.db", whole[:length])
        found = store_in(path).load()
        assert found == State() or (found == make_state() and length > len(whole) - 4096)
        assert [entry.stat().st_size for entry in set_aside_in(path)] == ([] if found == make_state() else [length])
        for entry in path.iterdir():
            entry.unlink()


def test_a_database_cut_to_nothing_is_an_empty_one(path, caplog):
    put(path / "state.db", b"")
    made = store_in(path)
    assert made.load() == State()
    made.save(changes())
    assert store_in(path).load() == make_state()
    assert warnings(caplog) == []


def edit_and_die(path: Path, statement: str) -> None:
    """Change the database in a process that is killed before the log is copied."""
    connection = sqlite3.connect(path / "state.db", isolation_level=None)
    assert fork(lambda: connection.execute(statement))() == -signal.SIGKILL
    connection.close()


def test_the_files_of_sqlite_are_set_aside_together_and_as_they_are(path, caplog):
    save_and_end(path, changes())
    edit_and_die(path, "UPDATE records SET written = 'none'")
    before = {name: (path / name).read_bytes() for name in ("state.db", "state.db-wal")}
    made = store_in(path)
    assert made.load() == State()
    assert not [fd for fd in Path("/proc/self/fd").iterdir() if str(path) in str(fd.resolve())]
    name = set_aside_in(path)[0].name
    assert set(os.listdir(path)) == {name, f"{name}-wal", f"{name}-shm"}
    assert {old: (path / old.replace("state.db", name)).read_bytes() for old in before} == before
    assert before["state.db-wal"]
    assert "written none is not a list of CPUs" in caplog.text


def test_what_is_set_aside_takes_no_name_that_anything_has(path):
    endings = ("", "-wal")
    assert free_name("new", endings, ["old"]) == "new"
    assert free_name("new", endings, ["new"]) == "new.1"
    assert free_name("new", endings, ["new-wal", "new.1", "new.2-wal"]) == "new.3"
    contents = [b"first", b"second", b"third"]
    for data in contents:  # in one second, or in two
        put(path / "state.db", data)
        assert store_in(path).load() == State()
    assert sorted(entry.read_bytes() for entry in set_aside_in(path)) == contents


def test_a_file_that_cannot_be_set_aside_is_a_state_error_and_stays(path, monkeypatch):
    put(path / "state.db", b"no database")
    made = store_in(path)

    def refuse(*_arguments, **_options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "rename", refuse)
    for use in (made.load, lambda: made.save(changes()), made.load):
        with pytest.raises(StateError, match=r"state\.db is damaged \(.*\): Read-only file system; move it away"):
            use()
    assert (path / "state.db").read_bytes() == b"no database"


def test_a_log_whose_database_is_gone_is_kept_and_not_read_into_the_next_one(path, caplog):
    leave_log(store_in(path), changes(3))
    log = (path / "state.db-wal").read_bytes()
    (path / "state.db").unlink()
    made = store_in(path)
    assert made.load() == State()
    made.save(changes(1, first=200))
    assert made.load() == store_in(path).load() == make_state(1, first=200)
    (kept,) = (entry for entry in path.iterdir() if re.fullmatch(ASIDE.pattern + "-wal", entry.name))
    assert kept.read_bytes() == log
    assert "state.db was set aside as state.db.corrupt-" in caplog.text
    assert caplog.text.rstrip().endswith("its database is gone")


def test_damage_that_a_save_meets_costs_nothing_that_is_in_memory(path, caplog):
    made = store_in(path)
    made.save(changes(2))
    made.tidy()
    found = made.load()
    with (path / "state.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path / "state.db").stat().st_size)
    made._database.connection.execute("PRAGMA shrink_memory")  # it has all pages in memory
    made.save(Changes({IrqId(NIC, 500): RECORD}))
    assert sorted(found.records[NIC]) == [100, 101, 500]
    assert made.load() is found
    assert store_in(path).load() == found
    assert "state.db was set aside as state.db.corrupt-" in caplog.text


def test_damage_of_another_process_is_found_by_the_next_load_and_costs_no_known_hold(path, caplog):
    made = store_in(path)
    made.save(changes())
    edit(path, "UPDATE specs SET uuid = 'x'")
    assert made.load() == State(holds=make_state().holds)
    assert len(set_aside_in(path)) == 1
    assert NO_HOLD not in caplog.text
    assert store_in(path).load() == State(holds=make_state().holds), "other processes lift it, or keep to it"
    made.save(changes(1, 200))
    assert store_in(path).load().holds == make_state().holds


def test_holds_that_cannot_be_stored_anew_after_a_damage_are_kept_and_stored_with_the_next_change(path, monkeypatch):
    made = store_in(path)
    made.save(changes())
    edit(path, "UPDATE specs SET uuid = 'x'")

    def fail(*_arguments):
        raise StateError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(store, "create", fail)
        assert made.load() == State(holds=make_state().holds)
    made.save(changes(1, 200))
    assert store_in(path).load().holds == make_state().holds


def test_a_file_system_that_damages_what_is_made_is_a_state_error(path, monkeypatch):
    def fail(*_arguments):
        raise BadState("a row")

    made = store_in(path)
    monkeypatch.setattr(store, "clear", fail)
    with pytest.raises(StateError, match=r"state\.db is damaged as soon as it is made: a row; mend its file system"):
        made.save(changes())
    assert made.load() == State()
