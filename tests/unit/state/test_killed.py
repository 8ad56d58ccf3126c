# SPDX-License-Identifier: Apache-2.0
"""Killed at any moment: what was acknowledged is there, and the next process goes on from it."""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType

import pytest

from irqaffinity import state as package
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST
from irqaffinity.model.irq import IrqId
from irqaffinity.model.record import Changes, Record, RememberedSpecs, State
from irqaffinity.state import frames, log
from irqaffinity.state.store import Store
from tests.unit.state.sample import GUEST, NIC, changes, fork, leave_log, make_old_state, make_state, put, store_in
from tests.unit.state.test_format import DATA

KILLS = 30
STRIDE = 3
"""Lines between two places of a kill: each call of the system has some of its own around it."""
ROUNDS = 2
"""How often a line counts: what comes round again, for each row and column, does the same each time."""

SOURCES = os.path.dirname(str(package.__file__))


def step(count: int) -> Changes:
    """Return the changes of a save: a record that changes (its owner too), one that goes, the number of the save."""
    record = Record(HOST if count % 2 else GUEST, "vfio-pci", CpuSet([count % 7]), CpuSet([count % 300]))
    gone = None if count % 3 else record
    rows = {IrqId(NIC, count % 40): record, IrqId(NIC, count * 7 % 40): gone}
    return Changes(rows, {}, {GUEST: RememberedSpecs(str(count), "2026-11-20 12:00:00")})


def after(count: int) -> State:
    """Return the state after so many saves."""
    state = State()
    for number in range(1, count + 1):
        state.apply(step(number))
    return state


def count_in(state: State) -> int:
    return int(state.extra_specs[GUEST].mask or 0) if state.extra_specs else 0


def save_for_ever(path: Path, acknowledged: int) -> None:
    """Save again and again from where the last process was killed, and write the number of each save to a pipe."""
    made = store_in(path)
    while True:
        with made.exclusive():
            count = count_in(made.load()) + 1
            made.save(step(count))
            os.write(acknowledged, b"%d\n" % count)
            if count % 50 == 0:
                made.tidy()


def test_every_save_that_was_acknowledged_outlives_a_kill_at_any_moment(memory: Path, monkeypatch) -> None:
    path = memory / "state"
    path.mkdir(mode=0o700)
    monkeypatch.setattr(log, "LARGE", 40_000)  # the thread that copies the log is killed too
    chance = random.Random(20261120)
    count = 0
    for _ in range(KILLS):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                save_for_ever(path, writing)
            finally:
                os._exit(70)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            lines = [pipe.readline() for _ in range(chance.randrange(120))]
            os.kill(pid, signal.SIGKILL)
            acknowledged = int([str(count), *lines, *pipe.readlines()][-1])
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        found = store_in(path).peek()
        count = count_in(found)
        assert count - acknowledged in (0, 1)
        assert found == after(count)
        made = store_in(path)
        assert made.load() == found
        with contextlib.closing(sqlite3.connect(path / "state.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert count > KILLS
    assert not [name for name in os.listdir(path) if "corrupt" in name]


def kill_at(line: int, work: Callable[[], object]) -> bool:
    """Do some work in a process that is killed before it executes that line of the package; tell whether it was."""
    counted, rounds = 0, Counter[tuple[CodeType, int]]()

    def trace(frame: FrameType, event: str, _argument: object) -> Callable[..., object] | None:
        nonlocal counted
        file = frame.f_code.co_filename
        if not file.startswith(SOURCES) or file == frames.__file__:  # which reads alone, for thousands of lines
            return None
        place = frame.f_code, frame.f_lineno
        if event == "line" and rounds[place] < ROUNDS:
            rounds[place] += 1
            counted += 1
            if counted == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    def traced() -> None:
        sys.settrace(trace)
        work()
        sys.settrace(None)
        os._exit(0)

    return fork(traced)() == -signal.SIGKILL


def kill_everywhere(folder: Path, begin: Callable[[Path], Store], work: Callable[[Store], object], after: State) -> int:
    """Kill some work all along its lines, each time in a folder of its own; return how many lines there are.

    After each kill the folder has nothing of it, or all of it, and doing the work then gives `after`.
    """
    line, was_killed = 0, True
    while was_killed:
        line += STRIDE
        path = folder / str(line)
        path.mkdir(mode=0o700)
        made = begin(path)
        before = store_in(path).peek()
        was_killed = kill_at(line, lambda made=made: work(made))
        assert store_in(path).peek() in (before, after)
        again = store_in(path)
        work(again)
        assert again.load() == store_in(path).load() == after
        assert not [name for name in os.listdir(path) if "corrupt" in name]
        shutil.rmtree(path)
    return line


@pytest.mark.parametrize("is_there", [False, True], ids=["the first save", "a save in a log that was left"])
def test_a_save_that_is_killed_anywhere_is_made_or_not(memory, is_there):
    def begin(path: Path) -> Store:
        if is_there:
            leave_log(store_in(path), changes(1))
        return store_in(path)

    assert kill_everywhere(memory, begin, lambda made: made.save(changes(2)), make_state(2)) > 100


def test_a_takeover_that_is_killed_anywhere_is_made_once(memory):
    def begin(path: Path) -> Store:
        put(path / "state.json", DATA)
        return store_in(path)

    assert kill_everywhere(memory, begin, Store.load, make_old_state(2)) > 100
