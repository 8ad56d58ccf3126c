# SPDX-License-Identifier: Apache-2.0
"""A look at the state for a dry run: no lock, nothing changed, and said once where it cannot be had."""

import contextlib
import logging
import os
import sqlite3
import stat

import pytest

from irqaffinity.model.irq import IrqId
from irqaffinity.model.record import Changes, State
from irqaffinity.state import peek as module
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.peek import peek_holds
from irqaffinity.state.rows import COLUMNS
from tests.unit.state.sample import (
    NIC,
    ONE,
    OTHER_BOOT,
    PROOF,
    RECORD,
    changes,
    edit,
    leave_log,
    look_at,
    make_old_state,
    make_state,
    put,
    save_and_end,
    store_in,
)
from tests.unit.state.test_format import DATA

UNREADABLE = {
    "state.db": [b"{}", b"SQLite format 3\0" + b"\xff" * 5000, b"x" * 5000],
    "state.json": [b"", b"{", b"\xff\xfe", b"[]", b'{"schema": 0}', b'{"schema": 2}', b"[" * 100_000, b"1" * 5000],
}


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_state_without_a_log_is_read_and_nothing_made(path):
    save_and_end(path, changes())
    before = look_at(path)
    assert set(before) == {"state.db"}
    assert store_in(path).peek() == make_state()
    assert look_at(path) == before


@pytest.mark.parametrize("mode", [0o700, 0o500])
def test_a_state_whose_process_was_killed_is_read_with_its_log_and_nothing_changed(path, mode):
    leave_log(store_in(path), changes(), ONE)
    path.chmod(mode)
    before = look_at(path)
    assert set(before) == {"state.db", "state.db-wal", "state.db-shm"}
    assert sorted(store_in(path).peek().records[NIC]) == [100, 500]
    assert look_at(path) == before
    path.chmod(0o700)


def test_a_log_without_its_index_is_read_all_the_same(path):
    leave_log(store_in(path), changes(), ONE)
    (path / "state.db-shm").unlink()
    assert sorted(store_in(path).peek().records[NIC]) == [100, 500]


def test_what_another_process_stores_in_a_pass_is_seen_and_its_lock_not_asked_for(path):
    made = store_in(path)
    with made.exclusive():
        for number in range(3):
            made.save(Changes({IrqId(NIC, number): RECORD}))
            assert store_in(path).peek() == made.peek() == made.load()


def test_what_is_begun_while_the_state_is_read_without_a_log_is_read_again(path, monkeypatch):
    save_and_end(path, changes())
    read, made = module.read_all, store_in(path)

    def interfere(*arguments):
        found = read(*arguments)
        made.save(Changes({IrqId(NIC, len(made.load().records[NIC])): RECORD}))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(module, "read_all", interfere)
        assert sorted(store_in(path).peek().records[NIC]) == [1, 100]
    assert store_in(path).peek() == made.load()


def test_of_another_boot_it_has_specs_proof_and_holds_alone(path):
    save_and_end(path, changes())
    assert store_in(path, OTHER_BOOT).peek() == State(
        extra_specs=make_state().extra_specs, proof=PROOF, holds=make_state().holds
    )


def test_a_state_json_is_read_where_there_is_no_database_and_left(path):
    put(path / "state.json", DATA)
    before = look_at(path)
    assert store_in(path).peek() == make_old_state(2)
    assert store_in(path, OTHER_BOOT).peek() == State(extra_specs=make_state().extra_specs)
    assert look_at(path) == before


def test_where_nothing_is_stored_it_is_quiet_and_makes_nothing(path, caplog):
    assert store_in(path).peek() == State()
    put(path / "state.db", b"")
    assert store_in(path).peek() == State()
    (path / "state.db").unlink()
    path.rmdir()
    assert store_in(path).peek() == State()
    assert not path.exists()
    assert said(caplog) == []


@pytest.mark.parametrize(("name", "data"), [(name, data) for name, many in UNREADABLE.items() for data in many])
def test_what_cannot_be_read_counts_as_empty_is_said_once_and_stays(path, caplog, name, data):
    put(path / name, data)
    before = look_at(path)
    made = store_in(path)
    assert (made.peek(), made.peek()) == (State(), State())
    assert look_at(path) == before
    (message,) = said(caplog)
    assert message.startswith(f"the state is taken as empty: {path}/{name}: ")
    assert message.isprintable()


DAMAGED = "the next audit sets it aside, and begins a new one"


def test_a_wrong_value_is_named_and_stays(path, caplog):
    save_and_end(path, changes())
    edit(path, "UPDATE records SET written = 'none'")
    before = look_at(path)
    assert store_in(path).peek() == State()
    assert look_at(path) == before
    wrong = "records of 0000:81:00.2 100: written none is not a list of CPUs such as 0-3,8"
    assert said(caplog) == [f"the state is taken as empty: {path}/state.db: {wrong}; {DAMAGED}"]


def test_it_refuses_what_load_refuses_but_only_says_so(path, caplog):
    save_and_end(path, changes())
    path.with_name("link").symlink_to(path)
    (path / "state.db").chmod(0o644)
    assert store_in(path).peek() == State()
    (path / "state.db").chmod(0o600)
    (path / "state.db-wal").symlink_to(path / "elsewhere")
    assert store_in(path).peek() == State()
    (path / "state.db-wal").unlink()
    assert store_in(path.with_name("link")).peek() == State()
    path.chmod(0o755)
    assert store_in(path).peek() == State()
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert os.listdir(path) == ["state.db"]
    expected = ["state.db has mode 0644", "state.db-wal is a link", "link is a link", "state has mode 0755"]
    assert [part in message for part, message in zip(expected, said(caplog), strict=True)] == [True] * 4


def test_a_mistake_of_the_program_is_raised(path, monkeypatch):
    save_and_end(path, changes())

    def fail(*_arguments):
        raise TypeError

    monkeypatch.setattr(module, "read_all", fail)
    with pytest.raises(TypeError):
        store_in(path).peek()


def test_a_database_of_another_form_counts_as_empty_and_stays(path, caplog):
    save_and_end(path, changes())
    edit(path, "DROP TABLE specs")
    before = look_at(path)
    assert store_in(path).peek() == State()
    assert look_at(path) == before
    assert said(caplog) == [f"the state is taken as empty: {path}/state.db: table specs is missing; {DAMAGED}"]


NEW = {"proofs", "host_records", "host_managed", "told", "holds", "deferred"}
"""Tables that the first version did not have."""


def test_a_state_of_the_version_before_is_read_and_left(path):
    save_and_end(path, changes(3))
    with contextlib.closing(sqlite3.connect(path / "state.db", isolation_level=None)) as connection:
        for table in NEW:
            connection.execute(f"DROP TABLE {table}")
        for table in COLUMNS.keys() - NEW:
            connection.execute(f"ALTER TABLE {table} DROP COLUMN sum")
        connection.execute("PRAGMA user_version = 1")
    before = look_at(path)
    assert store_in(path).peek() == make_old_state(3)
    assert look_at(path) == before
    assert store_in(path).load() == store_in(path).peek() == make_old_state(3)


def test_holds_alone_are_read_as_with_the_rest_and_nothing_is_changed(path):
    folder = StateFolder(str(path))
    assert peek_holds(folder) == {}
    put(path / "state.db", b"")
    assert peek_holds(folder) == {}
    (path / "state.db").unlink()
    leave_log(store_in(path), changes())
    before = look_at(path)
    assert peek_holds(folder) == make_state().holds
    assert look_at(path) == before


def test_damage_is_no_lack_of_holds(path):
    put(path / "state.db", UNREADABLE["state.db"][1])
    with pytest.raises(StateError):
        peek_holds(StateFolder(str(path)))
