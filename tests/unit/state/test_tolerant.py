# SPDX-License-Identifier: Apache-2.0
"""The state of an agent that goes on when it cannot be stored."""

import json
import logging
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST
from irqaffinity.model.irq import DEFAULT, IrqId
from irqaffinity.model.isolation import Told
from irqaffinity.model.record import Changes, Record, State
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.lock import PASS_LOCK, LockTaken, hold
from irqaffinity.state.schema import MIGRATIONS
from irqaffinity.state.store import Store
from irqaffinity.state.tolerant import TolerantStore
from tests.unit.state.sample import (
    BEFORE_FRAMES,
    DISK,
    GUEST,
    NIC,
    RECORD,
    SOCKET,
    TOLD,
    await_copiers,
    changes,
    edit,
    make_state,
    no_file_above,
    put,
    store_in,
)

ONE, TWO = Changes({IrqId(NIC, 1): RECORD}), Changes({IrqId(NIC, 2): RECORD})
GONE = Changes({IrqId(NIC, 100): None, IrqId(NIC, 1): None})


def one_pass(store: TolerantStore, *saves: Changes) -> State:
    with store.exclusive():
        found = store.load()
        for save in saves:
            store.save(save)
        store.tidy()
    return found


def numbers(state: State) -> list[int]:
    return sorted(state.records.get(NIC, {}))


def test_what_could_not_be_stored_is_kept_in_memory_and_stored_as_soon_as_possible(path, caplog) -> None:
    caplog.set_level(logging.INFO)
    store = TolerantStore(store_in(path))
    found = one_pass(store, changes())
    with no_file_above(BEFORE_FRAMES):
        found = one_pass(store, ONE)
        assert one_pass(store, TWO, GONE) is found
        assert numbers(found) == [2]
        assert "state.db: " in (store.unsaved or "")
        assert store.peek() == store_in(path).load() == make_state()
    assert caplog.text.count("is kept in memory alone") == 1
    with store.exclusive():
        pass  # nothing was stored
    assert store.unsaved is not None

    assert one_pass(store) is found
    assert store.unsaved is None
    assert caplog.messages[-1] == "the state is stored again"
    assert store_in(path).load() == found
    assert numbers(found) == [2]


def test_a_save_that_works_again_within_a_pass_stores_what_failed_before_it(path) -> None:
    store = TolerantStore(store_in(path))
    with store.exclusive():
        found = store.load()
        with no_file_above(BEFORE_FRAMES):
            store.save(ONE)
        assert numbers(found) == [1]
        assert store_in(path).load() == State()
        store.save(TWO)
    assert numbers(found) == numbers(store_in(path).load()) == [1, 2]


def test_a_folder_that_cannot_be_used_for_a_while_loses_nothing_that_was_stored(path) -> None:
    store_in(path).save(changes(2))
    path.chmod(0o755)
    store = TolerantStore(store_in(path))
    assert numbers(one_pass(store, ONE)) == [1]
    assert numbers(one_pass(store, TWO)) == [1, 2]
    assert "chmod it to 0700" in (store.unsaved or "")
    path.chmod(0o700)
    assert numbers(one_pass(store)) == [1, 2, 100, 101]
    assert store.unsaved is None
    assert numbers(store_in(path).load()) == [1, 2, 100, 101]


def test_a_folder_that_can_be_used_within_a_pass_is_used_in_the_next(path) -> None:
    store_in(path).save(changes())
    store = TolerantStore(store_in(path))
    path.chmod(0o755)
    with store.exclusive():
        found = store.load()
        path.chmod(0o700)
        store.save(ONE)
        assert numbers(found) == [1]
        assert store_in(path).load() == make_state()
    assert store.unsaved is not None
    assert numbers(one_pass(store)) == [1, 100]
    assert store.unsaved is None


def record(original: str | None, written: str, driver: str | None = "vfio-pci") -> Record:
    return Record(GUEST, driver, None if original is None else CpuSet.parse(original), CpuSet.parse(written))


@pytest.mark.parametrize(
    ("owed", "kept"),
    [
        (record(None, "21,23"), "0-31"),  # found in place
        (record("21,23", "25"), "0-31"),  # moved on from where it had been moved to
        (record("7", "25"), "7"),  # somebody else, or another life, had it there
        (record("21,23", "25", None), "21,23"),  # another driver, so another life
    ],
)
def test_originals_that_were_stored_outlive_a_time_without_them(path, owed, kept) -> None:
    store_in(path).save(changes())
    path.chmod(0o755)
    store = TolerantStore(store_in(path))
    one_pass(store, Changes({IrqId(NIC, 100): owed}))
    path.chmod(0o700)
    found = one_pass(store)
    assert found.records[NIC][100] == replace(owed, original=CpuSet.parse(kept))
    assert store_in(path).load() == found


def hosts(original: str, written: str, action: str = "nvme0q0") -> Record:
    return Record(HOST, "nvme", CpuSet.parse(original), CpuSet.parse(written), action=action)


@pytest.mark.parametrize(
    ("irq", "owed", "kept"),
    [
        (IrqId(DISK, 35), hosts("0-1", "0"), "0-31"),  # moved on
        (IrqId(DISK, 35), hosts("0-1", "0", "nvme1q0"), "0-1"),  # another handler, so another life
        (IrqId(DISK, 35), record("0-1", "25", "nvme"), "0-31"),  # a guest has got it
        (DEFAULT, Record(HOST, None, CpuSet.parse("0-1"), CpuSet.parse("0"), action=""), "0-31"),
    ],
)
def test_originals_of_the_host_outlive_a_time_without_them(path: Path, irq: IrqId, owed: Record, kept: str) -> None:
    store_in(path).save(changes())
    path.chmod(0o755)
    store = TolerantStore(store_in(path))
    one_pass(store, Changes({irq: owed}))
    path.chmod(0o700)
    found = one_pass(store)
    assert found.records[irq.device][irq.number] == replace(owed, original=CpuSet.parse(kept))
    assert store_in(path).load() == found


def test_what_irqbalance_had_before_the_program_outlives_a_time_without_the_state(path: Path) -> None:
    store_in(path).save(changes())
    told = Told(TOLD.cpus, (36, 100, 7), CpuSet.parse("0,21"), (36, 100, 7))
    other = TOLD._replace(cpus_before=CpuSet.parse("5"))
    path.chmod(0o755)
    store = TolerantStore(store_in(path))
    one_pass(store, Changes(told={SOCKET: told, "other.sock": told, "gone.sock": None}))
    path.chmod(0o700)
    kept = told._replace(cpus_before=TOLD.cpus_before, irqs_before=(36, 7))
    assert one_pass(store).told == store_in(path).load().told == {SOCKET: kept, "other.sock": told}
    path.chmod(0o755)
    store = TolerantStore(store_in(path))
    one_pass(store, Changes(told={SOCKET: other}))
    path.chmod(0o700)
    assert one_pass(store).told[SOCKET] == other


def test_what_was_known_is_stored_whole_where_the_files_were_lost_meanwhile(path) -> None:
    store = TolerantStore(store_in(path))
    one_pass(store, changes(2), Changes({IrqId(NIC, 101): replace(RECORD, original=None)}))
    path.chmod(0o755)
    one_pass(store, ONE)
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        (path / name).unlink(missing_ok=True)
    path.chmod(0o700)
    store_in(path).save(Changes({IrqId(NIC, 101): RECORD}))
    found = one_pass(store)
    assert numbers(found) == [1, 100, 101]
    assert found.records[NIC][101].original is None
    assert store_in(path).load() == found


def test_another_pass_is_waited_for_all_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("irqaffinity.state.store.PASS_WAIT", 0.0)
    with hold(StateFolder(str(path)), PASS_LOCK), pytest.raises(LockTaken), TolerantStore(store_in(path)).exclusive():
        pytest.fail("the lock was not held")


def test_a_lock_that_cannot_be_had_is_said_and_stops_nothing(path) -> None:
    put(path / PASS_LOCK, b"", 0o644)
    store = TolerantStore(store_in(path))
    one_pass(store, changes())
    assert "pass.lock has mode 0644" in (store.unsaved or "")
    assert store_in(path).load() == make_state()
    (path / PASS_LOCK).chmod(0o600)
    one_pass(store)
    assert store.unsaved is None


@pytest.mark.parametrize("name", ["state.json", "state.db"])
def test_a_state_of_a_newer_program_is_never_replaced(path, caplog, name) -> None:
    if name == "state.json":
        put(path / name, json.dumps({"schema": 2}).encode())
    else:
        store_in(path).save(Changes({}, {}, changes().extra_specs))
        edit(path, f"PRAGMA user_version = {len(MIGRATIONS) + 1}", "CREATE TABLE later (it)")
    store = TolerantStore(store_in(path))
    for save in (ONE, TWO):
        one_pass(store, save)
    assert numbers(one_pass(store)) == [1, 2]
    assert os.listdir(path) == [name] or set(os.listdir(path)) == {name, PASS_LOCK}
    assert "its schema is " in (store.unsaved or "")
    assert caplog.text.count("is kept in memory alone") == 1
    (path / name).unlink()
    assert numbers(one_pass(store)) == [1, 2]
    assert (store.unsaved, numbers(store_in(path).load())) == (None, [1, 2])


def test_a_mistake_of_the_program_is_raised(path, monkeypatch) -> None:
    def fail(*_arguments: object) -> None:
        raise TypeError

    monkeypatch.setattr(Store, "load", fail)
    with pytest.raises(TypeError):
        one_pass(TolerantStore(store_in(path)))


def test_what_was_saved_is_copied_once_in_a_thread(path) -> None:
    await_copiers()  # those of other tests
    store = TolerantStore(store_in(path))
    one_pass(store, ONE)
    await_copiers()
    assert str(NIC).encode() in (path / "state.db").read_bytes()
    one_pass(store)
    assert all(thread.name != "state-log" for thread in threading.enumerate())


def test_a_hold_that_a_person_lifted_does_not_come_back_with_what_could_not_be_stored(path, caplog) -> None:
    store = TolerantStore(store_in(path))
    one_pass(store, changes())
    with no_file_above(BEFORE_FRAMES):
        one_pass(store, ONE)
    lifted = store_in(path)
    with lifted.exclusive():
        lifted.load()
        lifted.save(Changes(holds={3: None}))
    found = one_pass(store, TWO)
    assert sorted(found.holds) == sorted(store_in(path).load().holds) == [4]
    assert numbers(found) == [1, 2, 100]
    assert "whether there is a hold is not known" not in caplog.text


def test_an_agent_that_never_read_the_state_says_that_it_knows_no_hold_and_finds_it_later(path, caplog) -> None:
    kept = store_in(path)
    kept.save(changes())
    del kept
    path.chmod(0o777)
    store = TolerantStore(store_in(path))
    assert one_pass(store, ONE).holds == {}
    assert "whether there is a hold is not known" in caplog.text
    path.chmod(0o700)
    assert one_pass(store).holds == store_in(path).load().holds == make_state().holds
