# SPDX-License-Identifier: Apache-2.0
"""The two locks, against a real other process."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from irqaffinity.model.times import PASS_WAIT
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.lock import AGENT_LOCK, PASS_LOCK, Lock, LockTaken, hold
from tests.unit.state.sample import descriptors

HOLDER = """
import sys
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.lock import hold
with hold(StateFolder(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    """Return a folder that is not made yet."""
    return StateFolder(str(tmp_path / "state"))


@pytest.fixture
def start_holder(folder: StateFolder):
    """Return a function that starts a process which holds a lock until its input ends."""
    started = []

    def start(name: str) -> subprocess.Popen[str]:
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, folder.path, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(holder)
        assert holder.stdout.readline() == "held\n"
        return holder

    yield start
    for holder in started:
        with holder:
            holder.kill()


@pytest.mark.parametrize(("name", "who"), [(AGENT_LOCK, "an agent"), (PASS_LOCK, "another pass")])
@pytest.mark.parametrize("wait", [0, 0.01])
def test_a_lock_that_another_process_holds_is_taken(folder, start_holder, name, who, wait):
    start_holder(name)
    with (
        pytest.raises(LockTaken, match=f"{who} holds {folder.path}/{name}; waited {wait:g} s"),
        hold(folder, name, wait),
    ):
        pytest.fail("two processes hold one lock")


def test_the_lock_is_free_once_its_holder_is_killed(folder, start_holder):
    holder = start_holder(PASS_LOCK)
    holder.kill()
    holder.wait()
    with hold(folder, PASS_LOCK):
        assert Path(folder.path, PASS_LOCK).exists()


def test_a_lock_that_is_freed_in_time_is_had(folder, start_holder):
    holder = start_holder(PASS_LOCK)
    holder.stdin.close()
    with hold(folder, PASS_LOCK, wait=60):
        assert holder.wait() == 0


def test_an_agents_lock_does_not_keep_a_pass_away(folder, start_holder):
    start_holder(AGENT_LOCK)
    with hold(folder, PASS_LOCK):
        assert Path(folder.path, PASS_LOCK).exists()


def test_the_lock_is_held_for_the_block_and_freed_after_it_also_by_an_exception(folder):
    with hold(folder, PASS_LOCK), pytest.raises(LockTaken), hold(folder, PASS_LOCK):
        pytest.fail("one lock is held twice")
    with pytest.raises(KeyError), hold(folder, PASS_LOCK):
        raise KeyError
    with hold(folder, PASS_LOCK):
        assert Path(folder.path, PASS_LOCK).exists()


def test_the_folder_and_the_lock_are_made_private(folder):
    before = os.umask(0)
    try:
        with hold(folder, AGENT_LOCK):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path(folder.path).stat().st_mode) == 0o700
    assert stat.S_IMODE(Path(folder.path, AGENT_LOCK).stat().st_mode) == 0o600


def test_a_lock_that_is_a_link_or_open_to_others_is_refused(folder, tmp_path):
    folder.make()
    lock = Path(folder.path, PASS_LOCK)
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="is a link"), hold(folder, PASS_LOCK):
        pytest.fail("a link is followed")
    assert not (tmp_path / "elsewhere").exists()
    lock.unlink()
    lock.touch()
    lock.chmod(0o644)
    with pytest.raises(StateError, match="has mode 0644"), hold(folder, PASS_LOCK):
        pytest.fail("others can hold this lock for ever")


def test_a_lock_that_is_taken_again_stays_open_and_is_free_in_between(folder, start_holder):
    lock = Lock(folder, PASS_LOCK)
    with lock.hold():
        opened = descriptors()
    with pytest.raises(KeyError), lock.hold():
        raise KeyError
    holder = start_holder(PASS_LOCK)
    with pytest.raises(LockTaken, match=f"another pass holds {folder.path}/{PASS_LOCK}; waited 0 s"), lock.hold():
        pytest.fail("two processes hold one lock")
    with holder:
        holder.kill()
    with lock.hold(), pytest.raises(LockTaken), hold(folder, PASS_LOCK):
        pytest.fail("one lock is held twice")
    assert descriptors() == opened


def test_two_threads_do_not_hold_one_lock(folder):
    lock = Lock(folder, PASS_LOCK)
    tries: list[str] = []

    def take() -> None:
        try:
            with lock.hold():
                tries.append("held")
        except LockTaken:
            tries.append("taken")

    with lock.hold():
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
    take()
    assert tries == ["taken", "held"]


@pytest.mark.parametrize("part", ["file", "folder"])
def test_a_lock_whose_path_leads_elsewhere_is_opened_anew(folder, start_holder, part):
    lock = Lock(folder, PASS_LOCK)
    with lock.hold():
        pass
    if part == "file":
        Path(folder.path, PASS_LOCK).unlink()
    else:
        Path(folder.path).rename(f"{folder.path}.away")
    start_holder(PASS_LOCK)
    with pytest.raises(LockTaken), lock.hold():
        pytest.fail("two processes hold locks of one name")


def test_a_lock_that_was_kept_open_is_refused_once_others_can_have_it(folder):
    lock = Lock(folder, PASS_LOCK)
    with lock.hold():
        Path(folder.path, PASS_LOCK).chmod(0o644)
    with pytest.raises(StateError, match="has mode 0644"), lock.hold():
        pytest.fail("others can hold this lock for ever")
    Path(folder.path, PASS_LOCK).chmod(0o600)
    Path(folder.path).chmod(0o755)
    with pytest.raises(StateError, match="has mode 0755"), lock.hold():
        pytest.fail("others can reach this folder")
    Path(folder.path).chmod(0o700)
    with lock.hold(), pytest.raises(LockTaken), hold(folder, PASS_LOCK):
        pytest.fail("one lock is held twice")


def test_a_lock_that_is_gone_is_closed(folder):
    before = descriptors()
    lock = Lock(folder, PASS_LOCK)
    with lock.hold():
        pass
    assert descriptors() != before
    del lock
    assert descriptors() == before


def test_a_pass_waits_five_seconds():
    assert PASS_WAIT == 5
