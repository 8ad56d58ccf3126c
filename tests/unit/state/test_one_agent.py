# SPDX-License-Identifier: Apache-2.0
"""Two locks keep a second agent away; one of them may be out of reach."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.lock import AGENT_LOCK, LockTaken, hold
from irqaffinity.state.one_agent import hold_agent_locks, run_folder

HOLDER = """
import sys
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.one_agent import hold_agent_locks, run_folder
with hold_agent_locks(StateFolder(sys.argv[1]), run_folder(sys.argv[2]), sys.argv[3]):
    print("held", flush=True)
    sys.stdin.read()
"""
Start = Callable[..., subprocess.Popen[str]]


class Places:
    """The folders of one agent; `of` gives those of another one on the same host."""

    def __init__(self, folder: Path, name: str = "state") -> None:
        self.folder = folder
        self.state, self.run, self.proc = folder / name, folder / "run", folder / "proc"
        (self.proc / "irq").mkdir(parents=True, exist_ok=True)

    def of(self, name: str) -> "Places":
        return Places(self.folder, name)

    def hold(self):
        return hold_agent_locks(StateFolder(str(self.state)), run_folder(str(self.run)), str(self.proc))

    def second(self) -> list[Path]:
        """Return the files of second locks."""
        return list(self.run.iterdir())


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts a process which holds both locks until its input ends."""
    started = []

    def begin(places: Places) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLDER, places.state, places.run, places.proc]
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(holder)
        assert holder.stdout.readline() == "held\n"
        return holder

    yield begin
    for holder in started:
        with holder:
            holder.kill()


def refused(places: Places) -> str:
    """Return why an agent is refused."""
    with pytest.raises(LockTaken) as caught, places.hold():
        pytest.fail("two agents run")
    return str(caught.value)


def test_one_agent_holds_both_locks_and_leaves_no_file_in_run(places: Places, start: Start) -> None:
    holder = start(places)
    assert f"an agent holds {places.state}/{AGENT_LOCK}" in refused(places)
    (second,) = places.second()
    assert stat.S_IMODE(second.stat().st_mode) == 0o600
    assert f"an agent holds {second}" in refused(places.of("other"))
    holder.communicate()
    assert holder.returncode == 0
    assert places.second() == []
    with places.hold() as troubles:
        assert troubles == {}


@pytest.mark.parametrize("of_second", ["same", "another", "usable"])
def test_where_the_state_cannot_be_used_the_second_lock_keeps_others_away(
    places: Places, start: Start, of_second: str
) -> None:
    places.state.touch()
    holder = start(places)
    if of_second == "another":
        places.of("other").state.symlink_to("/")
    elif of_second == "usable":
        places.state.unlink()
    (second,) = places.second()
    assert f"an agent holds {second}" in refused(places.of("other") if of_second == "another" else places)
    holder.kill()
    holder.wait()
    with places.hold() as troubles:
        assert len(troubles) == (of_second != "usable")


def test_where_run_cannot_be_used_the_lock_of_the_state_does(places: Places, start: Start) -> None:
    places.run.touch()
    start(places)
    assert f"an agent holds {places.state}/{AGENT_LOCK}" in refused(places)
    with places.of("other").hold() as troubles:
        (trouble,) = troubles.values()
        assert str(trouble) == f"{places.run}: Not a directory; make it a folder of root's that root alone can write"


def test_without_either_lock_no_agent_runs(places: Places) -> None:
    places.state.touch()
    places.run.mkdir()
    places.run.chmod(0o777)
    with pytest.raises(StateError) as caught, places.hold():
        pytest.fail("nothing keeps a second agent away")
    assert not isinstance(caught.value, LockTaken)
    assert str(caught.value) == (
        f"nothing would keep a second agent away: {places.state}: Not a directory; name a folder that can be written "
        f"with --state or [state] path; {places.run} has mode 0777: chmod it to 0755"
    )


def test_agents_on_other_trees_are_not_kept_away(places: Places, tmp_path: Path, start: Start) -> None:
    start(places)
    elsewhere = Places(tmp_path / "elsewhere")
    elsewhere.run = places.run
    with elsewhere.hold() as troubles:
        assert (troubles, len(places.second())) == ({}, 2)
    assert len(places.second()) == 1


def test_one_host_is_one_by_any_path(places: Places, tmp_path: Path, start: Start) -> None:
    start(places)
    inside = places.of("inside")
    inside.proc = tmp_path / "host-proc"
    inside.proc.symlink_to(places.proc)
    assert "an agent holds" in refused(inside)


def test_a_host_without_interrupts_has_the_lock_of_the_state_alone(places: Places) -> None:
    (places.proc / "irq").rmdir()
    with places.hold() as troubles:
        (trouble,) = troubles.values()
        assert str(trouble) == f"{places.proc}/irq: No such file or directory; name the host's /proc with --proc"
        with pytest.raises(LockTaken), hold(StateFolder(str(places.state)), AGENT_LOCK):
            pytest.fail("the lock is not held")


def test_the_folder_in_run_is_for_every_user_to_read_and_stays_as_it_is(places: Places) -> None:
    before = os.umask(0o077)
    try:
        with places.hold():
            assert stat.S_IMODE(places.run.stat().st_mode) == 0o755
    finally:
        os.umask(before)
    (places.run / "status.json").touch()
    with places.hold() as troubles:
        assert troubles == {}


def test_whoever_waits_for_a_lock_that_is_removed_takes_the_next_one(places: Places, start: Start) -> None:
    for _ in range(3):
        holder = start(places)
        holder.communicate()
        with places.hold() as troubles:
            assert (troubles, len(places.second())) == ({}, 1)
            refused(places.of("other"))
