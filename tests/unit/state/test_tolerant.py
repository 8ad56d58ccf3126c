# SPDX-License-Identifier: Apache-2.0
"""The state of an agent that goes on when it cannot be stored."""

from pathlib import Path

import pytest

from irqaffinity.model.record import State
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.lock import PASS_LOCK, LockTaken, hold
from irqaffinity.state.store import Store
from irqaffinity.state.tolerant import TolerantStore
from tests.unit.state.test_store import BOOT, make_state


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    made.mkdir(mode=0o700)
    return made


def store_in(path: Path) -> Store:
    return Store(StateFolder(str(path)), BOOT)


def one_pass(store: TolerantStore, save: State | None = None) -> State:
    with store.exclusive():
        found = store.load()
        if save is not None:
            store.save(save)
    return found


def test_what_could_not_be_stored_is_kept_in_memory_and_stored_as_soon_as_possible(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = TolerantStore(store_in(path))
    one_pass(store, make_state(1))
    (path / "state.json.new").mkdir()
    for count in (2, 3):
        one_pass(store, make_state(count))
    assert one_pass(store) == make_state(3)
    assert "state.json.new" in (store.unsaved or "")
    assert caplog.text.count("is kept in memory alone") == 1
    assert store_in(path).load() == make_state(1)

    (path / "state.json.new").rmdir()
    assert one_pass(store) == make_state(3)
    assert store.unsaved is None
    assert store_in(path).load() == make_state(3)


def test_a_folder_that_cannot_be_used_for_a_while_loses_nothing_that_was_stored(path: Path) -> None:
    store_in(path).save(make_state(2))
    path.chmod(0o755)
    store = TolerantStore(store_in(path))
    assert one_pass(store) == State()
    assert "chmod it to 0700" in (store.unsaved or "")
    path.chmod(0o700)
    assert one_pass(store) == make_state(2)
    assert store.unsaved is None
    assert store_in(path).load() == make_state(2)


def test_another_pass_is_waited_for_all_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("irqaffinity.state.store.PASS_WAIT", 0.0)
    with hold(StateFolder(str(path)), PASS_LOCK), pytest.raises(LockTaken), TolerantStore(store_in(path)).exclusive():
        pytest.fail("the lock was not held")


def test_a_state_of_a_newer_program_is_never_replaced(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    newer = path / "state.json"
    newer.touch(mode=0o600)
    newer.write_text('{"schema": 2}')
    store = TolerantStore(store_in(path))
    for count in (1, 2):
        one_pass(store, make_state(count))
    assert one_pass(store) == make_state(2)
    assert newer.read_text() == '{"schema": 2}'
    assert "its schema is 2" in (store.unsaved or "")
    assert caplog.text.count("is kept in memory alone") == 1
    newer.unlink()
    assert one_pass(store) == make_state(2)
    assert (store.unsaved, store_in(path).load()) == (None, make_state(2))
