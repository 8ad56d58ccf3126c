# SPDX-License-Identifier: Apache-2.0
"""The store: what is saved is there, what cannot be saved changes nothing, and nobody else's change is missed."""

import contextlib
import logging
import os
import sqlite3
import threading
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import DEFAULT, IrqId
from irqaffinity.model.record import Changes, State
from irqaffinity.state import store
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.lock import PASS_LOCK, LockTaken, hold
from irqaffinity.state.memory import MemoryStore
from tests.unit.state.sample import (
    BEFORE_FRAMES,
    DEFAULT_RECORD,
    DEFERRED,
    DEFERREDS,
    DISK,
    EXTRA_SPECS,
    FILES,
    FIXED,
    GUEST,
    HOLD,
    HOST_FIXED,
    HOST_RECORDS,
    NIC,
    ONE,
    OTHER_BOOT,
    PROOF,
    RECORD,
    RECORDS,
    SOCKET,
    SPECS,
    TIMER,
    TOLDS,
    changes,
    edit,
    leave_log,
    look_at,
    make_state,
    no_file_above,
    save_and_end,
    store_in,
)

FEW_IRQS = st.builds(IrqId, st.sampled_from([NIC, DISK]), st.integers(0, 3))
HOSTS_IRQS = st.sampled_from([DEFAULT, TIMER])
FEW_CHANGES = st.builds(
    Changes,
    st.dictionaries(FEW_IRQS, st.none() | RECORDS | HOST_RECORDS, max_size=4)
    | st.dictionaries(FEW_IRQS | HOSTS_IRQS, st.none() | HOST_RECORDS, max_size=4),
    st.dictionaries(FEW_IRQS, st.none() | FIXED | HOST_FIXED, max_size=2),
    st.dictionaries(st.just(GUEST), st.none() | EXTRA_SPECS),
    told=st.dictionaries(st.sampled_from([SOCKET, "@irqbalance1.sock"]), st.none() | TOLDS, max_size=2),
    holds=st.dictionaries(st.just(3), st.sampled_from([None, HOLD, replace(HOLD, reason="another")])),
    deferred=st.dictionaries(FEW_IRQS | HOSTS_IRQS, st.none() | DEFERREDS, max_size=2),
)


def test_what_is_saved_is_there_at_once_and_after_a_restart(path):
    made = store_in(path)
    before = made.load()
    made.save(changes(3))
    assert before == make_state(3)
    assert made.load() is before
    assert store_in(path).load() == store_in(path).peek() == make_state(3)
    gone = dict.fromkeys([IrqId(NIC, 101), IrqId(DISK, 35), TIMER])
    fixed = dict.fromkeys([IrqId(DISK, 36), IrqId(DISK, 37)])
    ended = {4: None}, dict.fromkeys([IrqId(NIC, 100), DEFAULT])
    made.save(Changes(gone, fixed, {GUEST: None}, None, {SOCKET: None}, *ended))
    records = {NIC: {100: RECORD, 102: RECORD}, DEFAULT.device: {DEFAULT.number: DEFAULT_RECORD}}
    left = State(records, proof=PROOF, holds={3: HOLD})
    assert (before, store_in(path).load(), store_in(path).peek()) == (left, left, left)


@given(st.lists(st.tuples(FEW_CHANGES, st.booleans()), max_size=8))
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changes_are_there_after_a_restart(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("any") / "state"
    path.mkdir(mode=0o700)
    made, expected = store_in(path), State()
    for step, is_restart in steps:
        if is_restart:
            made = store_in(path)
        made.save(step)
        expected.apply(step)
        assert made.load() == expected
    assert store_in(path).load() == store_in(path).peek() == expected


def test_nothing_stored_is_an_empty_state_and_makes_nothing(path):
    made = store_in(path)
    assert made.load() == State()
    assert made.load() is made.load()
    made.save(Changes())
    made.tidy()
    assert list(path.iterdir()) == []


def test_no_changes_are_no_transaction(path):
    made, other = store_in(path), store_in(path)
    made.save(changes())
    before = other.load()
    made.save(Changes())
    assert other.load() is before


def test_a_save_before_any_load_keeps_what_is_stored(path):
    save_and_end(path, changes(2))
    made = store_in(path)
    made.save(ONE)
    assert made.load() == store_in(path).load()
    assert sorted(made.load().records[NIC]) == [100, 101, 500]


def test_the_state_is_read_again_only_when_another_process_has_changed_it(path):
    made, other = store_in(path), store_in(path)
    made.save(changes())
    first = made.load()
    assert made.load() is first
    other.save(changes(2))
    second = made.load()
    assert second == make_state(2)
    made.save(ONE)
    made.tidy()
    assert made.load() is second
    assert other.load() == second


def test_a_change_that_could_not_be_read_is_read_the_next_time(path, monkeypatch):
    made = store_in(path)
    made.save(changes())
    store_in(path).save(ONE)

    def fail(*_arguments):
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(store, "read_all", fail)
        for _ in range(2):
            with pytest.raises(StateError, match=r"state\.db: disk I/O error; free or mend"):
                made.load()
    assert sorted(made.load().records[NIC]) == [100, 500]


def test_a_change_that_is_made_while_the_state_is_read_is_read_the_next_time(path, monkeypatch):
    made, other, read = store_in(path), store_in(path), store.read_all
    made.save(changes())
    other.save(ONE)

    def read_and_be_late(*arguments):
        found = read(*arguments)
        other.save(changes(2))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(store, "read_all", read_and_be_late)
        made.load()
    assert made.load() == other.load()


@pytest.mark.parametrize("mistake", [AttributeError, TypeError, KeyError, ValueError])
def test_a_mistake_of_the_program_over_a_change_is_raised_and_costs_nothing(path, monkeypatch, mistake):
    made = store_in(path)
    made.save(changes())
    store_in(path).save(ONE)

    def fail(*_arguments):
        raise mistake

    with monkeypatch.context() as patched:
        patched.setattr(store, "read_all", fail)
        with pytest.raises(mistake):
            made.load()
    assert set(os.listdir(path)) == FILES
    assert sorted(made.load().records[NIC]) == [100, 500]


def test_a_transaction_that_cannot_be_rolled_back_does_not_stop_the_next_one(path, monkeypatch):
    made = store_in(path)
    made.save(changes())

    @contextlib.contextmanager
    def stay(connection):
        connection.execute("BEGIN IMMEDIATE")
        yield
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(store, "transaction", stay)
        with pytest.raises(StateError, match="disk I/O error"):
            made.save(changes(2))
    assert store_in(path).load() == make_state()
    made.save(ONE)
    assert made.load() == store_in(path).load()
    assert sorted(made.load().records[NIC]) == [100, 500]


def test_files_that_were_removed_or_replaced_are_noticed(path):
    made = store_in(path)
    made.save(changes())
    for name in FILES:
        (path / name).unlink()
    assert made.load() == State()
    store_in(path).save(changes(2))
    assert made.load() == make_state(2)
    path.rename(path.with_name("away"))
    with pytest.raises(StateError, match="No such file or directory"):
        made.load()
    path.mkdir(mode=0o700)
    assert made.load() == State()
    made.save(changes(3))
    assert store_in(path).load() == make_state(3)
    assert store_in(path.with_name("away")).load() == make_state(2)


def test_a_log_that_was_removed_costs_nothing(path):
    made = store_in(path)
    made.save(changes())
    (path / "state.db-wal").unlink()
    assert made.load() == make_state()
    made.save(ONE)
    assert sorted(store_in(path).load().records[NIC]) == [100, 500]


def test_files_that_vanish_between_load_and_save_are_made_again_with_all_of_the_state(path):
    made = store_in(path)
    made.save(changes(2))
    found = made.load()
    (path / "state.db").unlink()
    made.save(ONE)
    assert sorted(found.records[NIC]) == [100, 101, 500]
    assert made.load() is found
    assert store_in(path).load() == found


def test_of_another_boot_specs_proof_and_holds_stay_and_the_rest_goes_with_the_first_save(path, caplog):
    save_and_end(path, changes(2))
    caplog.set_level(logging.INFO)
    before = (path / "state.db").read_bytes()
    made = store_in(path, OTHER_BOOT)
    lasting = State(extra_specs=make_state().extra_specs, proof=PROOF, holds=make_state().holds)
    assert made.load() == made.load() == lasting
    assert caplog.messages == ["the state is of another boot: its interrupts are forgotten"]
    assert (path / "state.db").read_bytes() == before
    assert store_in(path).load() == make_state(2)
    made.save(ONE)
    expected = State({NIC: {500: RECORD}}, {}, make_state().extra_specs, PROOF, {}, make_state().holds)
    assert made.load() == store_in(path, OTHER_BOOT).load() == expected
    assert store_in(path).load() == lasting


@pytest.mark.parametrize(
    ("change", "is_synced"),
    [
        (Changes(holds={5: HOLD}), True),
        (Changes(holds={3: None}), True),
        (ONE, False),
        (Changes(deferred={DEFAULT: DEFERRED}), False),
    ],
)
def test_holds_alone_are_on_the_disk_when_they_are_saved(path, change, is_synced):
    made = store_in(path)
    made.save(changes())
    said: list[str] = []
    made._database.connection.set_trace_callback(said.append)
    made.save(change)
    made.save(ONE)
    at_commit, synced = [], 0
    for statement in said:
        if statement.startswith("PRAGMA synchronous"):
            synced = statement.endswith("FULL")
        elif statement == "COMMIT":
            at_commit.append(synced)
    assert at_commit == [is_synced, False]
    assert made._database.connection.execute("PRAGMA synchronous").fetchone() == (1,)


def test_a_save_that_fails_changes_neither_file_nor_state_and_the_next_one_works(path):
    made = store_in(path)
    made.save(changes())
    found = made.load()
    size = (path / "state.db-wal").stat().st_size
    with no_file_above(size), pytest.raises(StateError, match=rf"{path}/state\.db: .*; free or mend"):
        made.save(changes(500))
    assert found == store_in(path).load() == make_state()
    assert made.load() is found
    made.save(changes(500))
    assert found == store_in(path).load() == make_state(500)


def test_a_first_save_that_fails_leaves_no_state(path):
    made = store_in(path)
    with no_file_above(BEFORE_FRAMES), pytest.raises(StateError, match=r"state\.db: .*; free or mend"):
        made.save(changes())
    assert "state.db" not in os.listdir(path)
    assert made.load() == State()
    made.save(changes())
    assert store_in(path).load() == make_state()


def test_a_mistake_of_the_program_in_a_save_is_raised_and_costs_nothing(path):
    made = store_in(path)
    made.save(changes())
    found = made.load()
    with pytest.raises(AttributeError):
        made.save(Changes({IrqId(NIC, 7): RECORD, IrqId(NIC, 8): "no record"}))
    assert set(os.listdir(path)) == FILES
    assert made.load() is found
    assert found == store_in(path).load() == make_state()
    made.save(ONE)
    assert 500 in store_in(path).load().records[NIC]


@pytest.mark.parametrize("mistake", [AttributeError, TypeError, KeyError, ValueError, sqlite3.ProgrammingError])
@pytest.mark.parametrize("where", ["read_all", "put"])
def test_a_mistake_of_the_program_never_counts_as_damage(path, monkeypatch, mistake, where):
    save_and_end(path, changes())
    made = store_in(path)

    def fail(*_arguments):
        raise mistake

    with monkeypatch.context() as patched:
        patched.setattr(store, where, fail)
        with pytest.raises(mistake):
            made.save(ONE)
    assert not [name for name in os.listdir(path) if "corrupt" in name]
    assert made.load() == store_in(path).load() == make_state()


def test_a_newer_schema_is_left_as_it_is(path):
    save_and_end(path, changes())
    edit(path, "PRAGMA user_version = 9", "DROP TABLE records", "PRAGMA journal_mode = DELETE")
    before = look_at(path)
    made = store_in(path)
    for use in (made.load, lambda: made.save(ONE), made.load, lambda: store_in(path).save(ONE)):
        with pytest.raises(
            StateError, match=r"state\.db: its schema is 9, and this program knows 5; install the newer"
        ):
            use()
    assert made.peek() == State()
    assert look_at(path) == before


def test_one_store_serves_several_threads_one_after_the_other(path):
    made = store_in(path)

    def save(number: int) -> None:
        with made.exclusive():
            made.load()
            made.save(Changes({IrqId(NIC, number): RECORD}))

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(store_in(path).load().records[NIC]) == list(range(8))


def test_what_a_killed_process_has_saved_is_there(path):
    leave_log(store_in(path), changes(3))
    assert set(os.listdir(path)) == FILES
    assert store_in(path).peek() == store_in(path).load() == make_state(3)


def test_a_pass_holds_off_other_passes(path):
    with store_in(path).exclusive(), pytest.raises(LockTaken), hold(StateFolder(str(path)), PASS_LOCK):
        pytest.fail("two passes run side by side")
    with hold(StateFolder(str(path)), PASS_LOCK):
        assert (path / PASS_LOCK).exists()


def test_a_pass_holds_off_another_one_of_the_same_store(path, monkeypatch):
    monkeypatch.setattr(store, "PASS_WAIT", 0.0)
    made = store_in(path)
    with made.exclusive(), pytest.raises(LockTaken), made.exclusive():
        pytest.fail("two passes run side by side")
    with made.exclusive():
        assert (path / PASS_LOCK).exists()


def test_the_store_in_memory_keeps_what_is_saved():
    made = MemoryStore()
    with made.exclusive(), made.exclusive():
        assert made.load() == made.peek() == State()
        made.save(changes())
    made.tidy()
    assert made.load() == made.peek() == make_state()


def test_texts_that_were_not_cleaned_are_when_they_are_read(path):
    save_and_end(path, changes())
    edit(path, "UPDATE records SET driver = 'vfio' || char(10)", "UPDATE specs SET mask = char(7)")
    state = store_in(path).load()
    assert state.records[NIC][100].driver == r"vfio\x0a"
    assert state.extra_specs == {GUEST: replace(SPECS, mask=r"\x07")}
    assert state.records[NIC][100].written == CpuSet.parse("21,23")
