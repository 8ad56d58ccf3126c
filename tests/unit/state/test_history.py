# SPDX-License-Identifier: Apache-2.0
"""The history: kept within its bounds, beside other processes, and never in anybody's way."""

import contextlib
import logging
import os
import shutil
import signal
import sqlite3
import tracemalloc
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from irqaffinity.model.change import Bounds, Change
from irqaffinity.model.verdict import Cause, Verdict
from irqaffinity.state.check import check_files
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.history import _MOST_OWED, MIGRATIONS, STEP, StoredHistory
from irqaffinity.state.past import Wanted, read_history
from tests.fakes.snapshots import VF, VF2, cpus, guest_id
from tests.unit.state.sample import fork, look_at, no_file_above, store_in

START = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
DAY = 86400
CHANGE = Change(START, guest_id(1), "vm", VF, (40, 41), cpus("0-15"), cpus("2-3"), Cause.BIRTH, Verdict.SET, False, 2)
MILLION = 1_000_000
BOUNDS = Bounds(30, 100)


class Clock:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.now = START.timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(path: Path, clock: Clock) -> StoredHistory:
    return history_in(path, clock)


def history_in(path: Path, clock: Clock | None = None, bounds: Bounds = BOUNDS) -> StoredHistory:
    return StoredHistory(StateFolder(str(path)), bounds, clock=clock or Clock())


def change(second: int = 0, **others: object) -> Change:
    return CHANGE._replace(time=START + timedelta(seconds=second), **others)


def told(path: Path, **wanted: object) -> list[str]:
    """Return the times of the lines."""
    return [str(line["time"])[11:-1] for line in read_history(StateFolder(str(path)), Wanted(**wanted))]  # type: ignore[arg-type]


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]


def count(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path / "history.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM lines").fetchone()[0])


def fill(path: Path, lines: int, first: float = START.timestamp()) -> None:
    """Write lines, one a second, as many as nobody would wait for one by one."""
    with contextlib.closing(sqlite3.connect(path / "history.db")) as connection, connection:
        connection.execute(
            "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < ? - 1)"
            " INSERT INTO lines (time, guest, name, device, irqs, before, after, cause, verdict)"
            " SELECT ? + n, ?, 'vm', '0000:41:00.1', '40-41', '0-15', '2-3', 'birth', 'set' FROM n",
            (lines, int(first), CHANGE.guest),
        )


def append_and_be_killed(path: Path) -> None:
    """Append a line in a process that is killed then, with the database open."""
    made = history_in(path)

    def work() -> None:
        made.append([CHANGE])

    assert fork(work)() == -signal.SIGKILL


def test_a_line_has_all_that_a_change_tells(history: StoredHistory, path: Path) -> None:
    history.append([CHANGE, change(1, before=None, name=None, device=VF2, cause=Cause.GONE, verdict=Verdict.PENDING)])
    assert read_history(StateFolder(str(path)), Wanted()) == [
        {"time": "2026-11-20T12:00:00Z", **CHANGE.fields(), "setting": None},
        {
            "time": "2026-11-20T12:00:01Z",
            **CHANGE.fields(),
            "device": str(VF2),
            "from": None,
            "cause": "gone",
            "verdict": "pending",
            "setting": None,
        },
    ]


def test_a_line_survives_the_process_that_wrote_it_from_the_moment_it_is_written(path: Path) -> None:
    append_and_be_killed(path)
    assert told(path) == ["12:00:00"]
    history_in(path).append([change(1)])
    assert told(path) == ["12:00:00", "12:00:01"]


def test_nothing_is_synced_where_a_line_is_written(path: Path, history: StoredHistory) -> None:
    history.append([CHANGE])
    database = history._database
    assert database is not None
    assert database.connection.execute("PRAGMA synchronous").fetchone() == (1,)  # NORMAL: a checkpoint alone syncs
    assert database.connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)


def test_files_are_for_nobody_else(path: Path, history: StoredHistory) -> None:
    before = os.umask(0)
    try:
        history.append([CHANGE])
    finally:
        os.umask(before)
    assert {name: os.stat(path / name).st_mode & 0o777 for name in os.listdir(path)} == {
        "history.db": 0o600,
        "history.db-wal": 0o600,
        "history.db-shm": 0o600,
    }


def test_nothing_is_made_where_nothing_is_written(path: Path, history: StoredHistory) -> None:
    history.append([])
    history.tidy()
    history_in(path, bounds=Bounds(30, 0)).append([CHANGE])
    assert os.listdir(path) == []


def test_lines_beyond_the_bound_go_the_oldest_first(path: Path, history: StoredHistory) -> None:
    history.append([change(second) for second in range(150)])
    history.tidy()
    assert told(path) == [f"12:{second // 60:02}:{second % 60:02}" for second in range(50, 150)]


def test_lines_go_after_their_days(path: Path, history: StoredHistory, clock: Clock) -> None:
    history.append([change(second) for second in range(10)])
    clock.now += 30 * DAY + 4
    history.tidy()
    assert told(path)[0] == "12:00:04"


def test_bounds_may_become_others(path: Path, history: StoredHistory) -> None:
    history.append([change(second) for second in range(10)])
    history.bounds = Bounds(30, 2)
    history.tidy()
    assert told(path) == ["12:00:08", "12:00:09"]
    history.bounds = Bounds(30, 0)
    history.append([CHANGE])
    history.tidy()
    assert len(told(path)) == 2


def test_a_clock_that_is_set_back_changes_no_order_and_loses_nothing(
    path: Path, history: StoredHistory, clock: Clock
) -> None:
    history.append([change(second) for second in (100, 101)])
    clock.now -= 40 * DAY
    history.append([change(-40 * DAY)])
    history.tidy()
    assert [str(line["time"]) for line in read_history(StateFolder(str(path)), Wanted())] == [
        "2026-11-20T12:01:40Z",
        "2026-11-20T12:01:41Z",
        "2026-10-11T12:00:00Z",
    ]
    clock.now += 40 * DAY
    history.tidy()
    assert told(path) == ["12:01:40", "12:01:41"]


def test_a_clock_that_jumps_ahead_for_a_pass_costs_a_step_at_most(
    path: Path, history: StoredHistory, clock: Clock
) -> None:
    history.bounds = Bounds(30, 10_000)
    history.append([CHANGE])
    fill(path, 3 * STEP)
    clock.now += 10_000 * DAY
    history.tidy()
    assert count(path) == 2 * STEP + 1


def test_a_million_lines_are_bounded_in_small_steps_and_read_all_the_while(path: Path, history: StoredHistory) -> None:
    history.append([CHANGE])
    fill(path, MILLION)
    history.bounds = Bounds(30, MILLION - 3 * STEP // 2)
    for left in (MILLION + 1 - STEP, MILLION - 3 * STEP // 2, MILLION - 3 * STEP // 2):
        history.tidy()
        assert count(path) == left
    history.append([change(2 * MILLION, cause=Cause.GONE)])
    folder = StateFolder(str(path))
    (line,) = read_history(folder, Wanted(since=START + timedelta(seconds=MILLION), guest="vm", device=str(VF), irq=41))
    assert line["cause"] == "gone"
    history.bounds = Bounds(30, 10)
    history.tidy()
    assert count(path) == MILLION - 5 * STEP // 2 + 1


def test_more_lines_than_a_step_between_two_full_passes_stay_within_the_bounds(
    path: Path, history: StoredHistory, clock: Clock
) -> None:
    for day in range(3):
        clock.now += DAY
        for second in range(3):
            history.append([change(day * DAY + second)] * STEP)
        history.tidy()
        assert count(path) == BOUNDS.lines


def test_a_failure_is_sought_among_the_last_lines_alone(path: Path, history: StoredHistory) -> None:
    failed = change(device=VF2, cause=Cause.ERROR, verdict=Verdict.DENIED)
    for lines in (10_000 - 1, 1):
        history.append([failed])
        fill(path, lines)
    assert count(path) == 1 + 10_000
    history.append([failed])
    assert count(path) == 1 + 10_000 + 1


def test_an_agent_waits_for_no_program_that_holds_the_history_and_the_command_line_a_moment(path: Path) -> None:
    waits = []
    for stays in (True, False):
        made = StoredHistory(StateFolder(str(path)), BOUNDS, stays=stays, clock=Clock())
        made.append([CHANGE])
        assert made._database is not None
        waits += made._database.connection.execute("PRAGMA busy_timeout").fetchone()
    assert waits == [100, 1000]


def test_a_long_log_is_copied_into_the_database_after_a_pass(path: Path, history: StoredHistory) -> None:
    log = path / "history.db-wal"
    history.append([change(second, name="n" * 250) for second in range(5000)])
    assert log.stat().st_size > 1 << 20
    history.tidy()
    history.append([CHANGE])
    assert log.stat().st_size < 1 << 20


def test_the_lines_of_two_processes_are_kept(path: Path) -> None:
    one, other = history_in(path), history_in(path)
    one.append([change(0)])
    other.append([change(1)])
    one.append([change(2)])
    one.tidy()
    assert told(path) == ["12:00:00", "12:00:01", "12:00:02"]


def test_while_somebody_else_writes_lines_wait_and_are_stored_later(
    path: Path, history: StoredHistory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    history.append([change(0)])
    with contextlib.closing(sqlite3.connect(path / "history.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        history.append([change(1)])
        assert told(path) == ["12:00:00"]
        other.execute("COMMIT")
    history.tidy()
    assert told(path) == ["12:00:00", "12:00:01"]
    broken, works = said(caplog)
    assert broken.startswith("the history is not kept at present, and the work goes on: ")
    assert "history.db: database is locked; " in broken
    assert works == "the history is kept again"


def test_a_reader_holds_up_no_writer(path: Path, history: StoredHistory, caplog: pytest.LogCaptureFixture) -> None:
    history.append([change(0)])
    with contextlib.closing(sqlite3.connect(path / "history.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM lines").fetchall()
        history.append([change(1)])
        history.tidy()
    assert (told(path), said(caplog)) == (["12:00:00", "12:00:01"], [])


def test_a_full_disk_is_one_line_and_what_was_lost_is_little(
    path: Path, history: StoredHistory, caplog: pytest.LogCaptureFixture
) -> None:
    history.append([change(0)])
    with no_file_above(0):
        for second in range(1, 4):
            history.append([change(second)])
            history.tidy()
    assert len(said(caplog)) == 1
    history.append([change(4)])
    assert told(path) == [f"12:00:0{second}" for second in range(5)]


def test_what_cannot_be_stored_for_long_costs_little_memory(path: Path, history: StoredHistory) -> None:
    path.chmod(0o755)
    history.append([change(second) for second in range(_MOST_OWED + 10)])
    path.chmod(0o700)
    history.append([])
    assert count(path) == _MOST_OWED
    assert told(path)[0] == "12:00:10"


def test_nor_do_changes_of_a_great_many_interrupts(path: Path, history: StoredHistory) -> None:
    path.chmod(0o755)
    large = 2048
    tracemalloc.start()
    try:
        for first in range(0, 100 * large, large):
            history.append([change(numbers=tuple(range(first, first + large)))])
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 100 * large


@pytest.mark.parametrize("data", [b"", b"x" * 5000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_history_is_set_aside_under_a_name_with_its_time(
    path: Path, history: StoredHistory, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    (path / "history.db").write_bytes(data)
    (path / "history.db").chmod(0o600)
    history.append([CHANGE])
    assert told(path) == ["12:00:00"]
    aside = [name for name in os.listdir(path) if name.startswith("history.db.corrupt-2")]
    assert len(aside) == len(said(caplog)) == bool(data)
    assert [(path / name).read_bytes() for name in aside] == [data] * bool(data)


def test_damage_that_is_met_later_costs_the_history_and_no_line_of_now(path: Path, history: StoredHistory) -> None:
    history.append([change(second) for second in range(90)])
    history_in(path, bounds=Bounds(30, 100)).tidy()
    with contextlib.closing(sqlite3.connect(path / "history.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (path / "history.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (os.stat(path / "history.db").st_size - 4096))
    later = history_in(path)
    later.append([change(91)])
    later.tidy()
    assert told(path)[-1] == "12:01:31"
    assert any(name.startswith("history.db.corrupt-") for name in os.listdir(path))


def test_a_history_without_its_tables_is_damaged(path: Path, history: StoredHistory) -> None:
    history.append([CHANGE])
    with contextlib.closing(sqlite3.connect(path / "history.db")) as connection, connection:
        connection.execute("ALTER TABLE lines RENAME COLUMN cause TO reason")
    history_in(path).append([change(1)])
    assert told(path) == ["12:00:01"]


def test_one_of_a_newer_program_stays_as_it_is_and_is_told_once(
    path: Path, history: StoredHistory, caplog: pytest.LogCaptureFixture
) -> None:
    history.append([CHANGE])
    with contextlib.closing(sqlite3.connect(path / "history.db")) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    older = history_in(path)
    before = look_at(path)["history.db"]
    for second in range(3):
        older.append([change(second)])
        older.tidy()
    assert look_at(path)["history.db"] == before
    (line,) = said(caplog)
    assert "history.db: its schema is 2, and this program knows 1; install the newer program again, or move" in line
    (path / "history.db").unlink()
    older.append([change(3)])
    assert told(path) == ["12:00:00", "12:00:01", "12:00:02", "12:00:03"]


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "open to others"])
def test_what_is_no_file_of_ours_is_refused_and_waited_for_by_nobody(
    path: Path, tmp_path: Path, history: StoredHistory, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    victim, place = tmp_path / "victim", path / "history.db"
    victim.write_bytes(b"")
    if kind == "link":
        place.symlink_to(victim)
    elif kind == "fifo":
        os.mkfifo(place, 0o600)
    elif kind == "folder":
        place.mkdir()
    else:
        place.touch(mode=0o666)
        place.chmod(0o666)
    history.append([CHANGE])
    history.tidy()
    assert len(said(caplog)) == 1
    assert victim.read_bytes() == b""
    with pytest.raises(StateError, match=r"history\.db"):
        check_files(StateFolder(str(path)))


def test_the_log_of_a_history_that_was_removed_becomes_no_part_of_the_next(path: Path) -> None:
    append_and_be_killed(path)
    (path / "history.db").unlink()
    history_in(path).append([change(1)])
    assert told(path) == ["12:00:01"]


def test_a_history_that_is_removed_while_it_is_written_begins_anew(path: Path, history: StoredHistory) -> None:
    history.append([change(0)])
    for name in os.listdir(path):
        (path / name).unlink()
    history.append([change(1)])
    assert told(path) == ["12:00:01"]


def test_a_folder_that_is_missing_is_one_line(
    path: Path, history: StoredHistory, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(path)
    history.append([CHANGE])
    history.tidy()
    assert len(said(caplog)) == 1


def test_a_failure_that_goes_on_is_one_line_however_often_a_process_begins(path: Path) -> None:
    """Cron may start `audit --once` each minute."""
    failed = {"cause": Cause.ERROR, "verdict": Verdict.NO_VECTOR}
    for second in range(3):
        history_in(path).append([change(second, **failed), change(second, device=VF2, **failed)])
    assert told(path) == ["12:00:00", "12:00:00"]
    history_in(path).append([change(5, cause=Cause.AUDIT), change(6, **failed), change(7, numbers=(40,), **failed)])
    assert told(path) == ["12:00:00", "12:00:00", "12:00:05", "12:00:06", "12:00:07"]


def test_the_state_knows_nothing_of_it(path: Path, history: StoredHistory) -> None:
    """Neither damage nor a million lines of it can reach the originals."""
    (path / "history.db").write_bytes(b"x" * 5000)
    store = store_in(path)
    with store.exclusive():
        assert store.load().records == {}
    assert (path / "history.db").read_bytes() == b"x" * 5000
