# SPDX-License-Identifier: Apache-2.0
"""state.db and its connections: what is opened is ours alone, and commits wait for no disk."""

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from irqaffinity.model.irq import IrqId
from irqaffinity.model.record import Changes, State
from irqaffinity.state import database, log, store
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.lock import PASS_LOCK
from irqaffinity.state.store import Store
from tests.unit.state.sample import (
    BEFORE_FRAMES,
    BOOT,
    FILES,
    NIC,
    ONE,
    RECORD,
    alone,
    await_copiers,
    changes,
    descriptors,
    edit,
    look_at,
    make_state,
    no_file_above,
    put,
    save_and_end,
    store_in,
)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another uid")


def test_a_database_that_somebody_holds_is_no_damage(path, monkeypatch):
    monkeypatch.setattr(database, "_BUSY", 0.0)
    made = store_in(path)
    made.save(changes())
    with contextlib.closing(sqlite3.connect(path / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match=r"state\.db: database is locked; free or mend its file system, or end"):
            made.save(ONE)
    assert made.load() == make_state()
    assert set(os.listdir(path)) == FILES


def test_a_statement_that_makes_no_sense_is_a_mistake_of_the_program(path):
    with (
        contextlib.closing(sqlite3.connect(":memory:")) as connection,
        pytest.raises(sqlite3.OperationalError, match="syntax error"),
        database.judged(StateFolder(str(path))),
    ):
        connection.execute("SELEKT")


USES = pytest.mark.parametrize("use", [Store.load, lambda made: made.save(ONE)], ids=["load", "save"])


@USES
def test_a_folder_that_is_missing_a_link_or_open_to_others_is_refused(path, use):
    path.with_name("link").symlink_to(path)
    for name, said in (("missing", "No such file"), ("link", "is a link"), ("state", "has mode 0755")):
        path.chmod(0o755 if name == "state" else 0o700)
        with pytest.raises(StateError, match=said):
            use(store_in(path.with_name(name)))
    assert list(path.iterdir()) == []


@as_root
@USES
def test_a_folder_of_another_uid_is_refused(path, use):
    os.chown(path, 12345, -1)
    with pytest.raises(StateError, match="belongs to uid 12345"):
        use(store_in(path))
    assert list(path.iterdir()) == []


@USES
def test_a_folder_that_others_may_write_is_refused_also_later(path, use):
    made = store_in(path)
    made.save(changes())
    found = made.load()
    path.chmod(0o770)
    with pytest.raises(StateError, match="has mode 0770"):
        use(made)
    assert found == make_state()
    path.chmod(0o700)
    assert made.load() == make_state()


@pytest.mark.parametrize("name", ["state.db", "state.db-wal", "state.db-shm", "state.db-journal"])
@USES
def test_a_file_that_is_not_ours_alone_is_refused_and_left(path, name, use):
    save_and_end(path, changes())
    kept = path.with_name("kept")
    put(kept, (path / "state.db").read_bytes())
    before = look_at(path)
    (path / name).unlink(missing_ok=True)

    def refuse(said: str) -> None:
        with pytest.raises(StateError, match=said):
            use(store_in(path))

    (path / name).symlink_to(kept)
    refuse(rf"{name} is a link, and links are not followed")
    (path / name).unlink()
    (path / name).mkdir()
    refuse(rf"{name} is not a regular file: move it away")
    (path / name).rmdir()
    os.link(kept, path / name)
    refuse(rf"{name} has 2 names \(hard links\): remove the others")
    (path / name).unlink()
    put(path / name, b"", 0o640)
    refuse(rf"{name} has mode 0640: chmod it to 0600")
    (path / name).unlink()
    assert kept.read_bytes() == before["state.db"][3]
    assert set(os.listdir(path)) == {"state.db"} - {name}


@as_root
@USES
def test_a_file_of_another_uid_is_refused(path, use):
    save_and_end(path, changes())
    os.chown(path / "state.db", 12345, -1)
    with pytest.raises(StateError, match=r"state\.db belongs to uid 12345"):
        use(store_in(path))


def test_a_folder_that_is_replaced_while_sqlite_opens_the_file_is_refused(path, monkeypatch):
    save_and_end(path, changes())
    save_and_end_elsewhere = path.with_name("other")
    save_and_end_elsewhere.mkdir(mode=0o700)
    save_and_end(save_and_end_elsewhere, changes(2))
    connect = database.connect

    def swap(*arguments):
        path.rename(path.with_name("away"))
        save_and_end_elsewhere.rename(path)
        return connect(*arguments)

    monkeypatch.setattr(database, "connect", swap)
    with pytest.raises(StateError, match=r"state was replaced while state\.db was opened: let nobody else write above"):
        store_in(path).load()


@pytest.mark.parametrize("umask", [0, 0o777])
def test_what_is_made_is_private_under_any_umask(path, umask):
    path.rmdir()
    before = os.umask(0)
    try:
        made = store_in(path)
        with made.exclusive():
            os.umask(umask)
            made.save(changes())
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.iterdir()}
    assert modes == dict.fromkeys([*FILES, PASS_LOCK], 0o600)


def test_a_path_with_signs_that_mean_something_in_a_uri_is_taken_as_it_is(tmp_path):
    path = tmp_path / "100% ?mode=memory#\udcff"
    path.mkdir(mode=0o700)
    save_and_end(path, changes())
    assert store_in(path).load() == store_in(path).peek() == make_state()
    assert os.listdir(path) == ["state.db"]


def test_a_relative_path_is_taken_as_it_is(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    Store(StateFolder("state"), BOOT).save(changes())
    assert store_in(path).load() == make_state()


def test_every_connection_is_opened_in_one_place_and_syncs_no_commit(path):
    sources = Path(store.__file__).parent.glob("*.py")
    assert [source.name for source in sources if "sqlite3.connect(" in source.read_text()] == ["database.py"]
    save_and_end(path, changes())
    with contextlib.closing(database.connect(StateFolder(str(path)))) as connection:
        asked = {
            pragma: connection.execute(f"PRAGMA {pragma}").fetchone()[0]
            for pragma in ("journal_mode", "synchronous", "wal_autocheckpoint", "trusted_schema", "cell_size_check")
        }
    assert asked.pop("journal_mode") == "wal"
    assert asked == {"synchronous": 1, "wal_autocheckpoint": 0, "trusted_schema": 0, "cell_size_check": 1}


def test_only_tidy_copies_the_log_into_the_database(path, tmp_path):
    made = store_in(path)
    made.save(changes())
    before = (path / "state.db").read_bytes()
    for number in range(1500):  # pages: SQLite's own limit is 1000
        made.save(Changes({IrqId(NIC, number): RECORD}))
    assert (path / "state.db").read_bytes() == before
    made.tidy()
    assert alone(path, tmp_path / "copy") == made.load()
    size = (path / "state.db-wal").stat().st_size
    made.save(ONE)
    assert (path / "state.db-wal").stat().st_size < size
    assert store_in(path).load() == made.load()


def copiers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "state-log"]


def test_a_large_log_is_copied_in_a_thread_while_the_state_stays(path, tmp_path, monkeypatch):
    made = store_in(path)
    made.save(changes())
    found = made.load()
    monkeypatch.setattr(log, "LARGE", (path / "state.db-wal").stat().st_size + 1)
    made.save(ONE)
    await_copiers()
    assert alone(path, tmp_path / "copy") == found == make_state_with(500)
    assert made.load() is found
    made.save(Changes({IrqId(NIC, 501): RECORD}))
    assert copiers() == []
    assert made.load() is found
    assert store_in(path).load() == found == make_state_with(500, 501)


def make_state_with(*numbers: int) -> State:
    state = make_state()
    state.apply(Changes({IrqId(NIC, number): RECORD for number in numbers}))
    return state


def test_a_log_that_cannot_be_copied_is_said_once_and_nothing_is_lost(path, caplog):
    made = store_in(path)
    made.save(changes(500))
    with no_file_above(BEFORE_FRAMES):
        made.tidy()
        made.tidy()
    (message,) = caplog.messages
    assert message.startswith(f"the log of state.db grows until it can be copied: {path}/state.db: ")
    assert made.load() == store_in(path).load() == make_state(500)


LOCKED = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)
    except BlockingIOError:
        print("locked")
"""


def test_the_locks_of_sqlite_outlast_whatever_else_is_done(path, monkeypatch):
    made = store_in(path)
    made.save(changes())
    monkeypatch.setattr(log, "LARGE", 1)
    for use in (made.load, made.peek, store_in(path).peek, lambda: made.save(ONE), made.tidy):
        with made.exclusive():
            use()
    await_copiers()
    found = subprocess.run(
        [sys.executable, "-c", LOCKED, str(path / "state.db")], capture_output=True, text=True, check=True
    )
    assert found.stdout == "locked\n"


def test_a_store_that_is_gone_leaves_one_file_and_no_descriptor(path):
    before = descriptors()
    made = store_in(path)
    with made.exclusive():
        made.save(changes())
        made.peek()
    del made
    assert descriptors() == before
    assert set(os.listdir(path)) == {"state.db", PASS_LOCK}


def test_refusals_leave_no_descriptor(path):
    save_and_end(path, changes())
    edit(path, "PRAGMA user_version = 9")
    before = descriptors()
    made = store_in(path)
    for _ in range(3):
        with pytest.raises(StateError):
            made.load()
        made.peek()
    assert descriptors() == before


def test_a_large_log_is_copied_by_one_thread_at_a_time(path, monkeypatch):
    made = store_in(path)
    made.save(changes())
    monkeypatch.setattr(log, "LARGE", 1)
    go_on, copied = threading.Event(), []

    def wait(_connection):
        copied.append(1)
        go_on.wait()

    await_copiers()  # those of other tests
    with monkeypatch.context() as patched:
        patched.setattr(log, "checkpoint", wait)
        for number in range(3):
            made.save(Changes({IrqId(NIC, number): RECORD}))
        threads = copiers()
        go_on.set()
        for thread in threads:
            thread.join()
    assert len(threads) == len(copied) == 1


def test_a_file_system_without_a_write_ahead_log_is_refused():
    with (
        contextlib.closing(sqlite3.connect(":memory:")) as connection,
        pytest.raises(sqlite3.OperationalError, match="no shared memory for a write-ahead log"),
    ):
        database.prepare(connection)
