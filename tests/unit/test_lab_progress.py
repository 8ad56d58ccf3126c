# SPDX-License-Identifier: Apache-2.0
"""The limits of the lab's machines: they count what a machine did, not what the clock on the wall shows."""

import contextlib
import gc
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import machine
from tests.lab.inside import processes
from tests.lab.inside.runner import Line
from tests.lab.machine import Machine, MachineDied
from tests.lab.progress import BOOT, Progress, processor_time


class Times:
    """A clock, and the processor time of a machine, that a test sets."""

    def __init__(self) -> None:
        self.clock = 1000.0
        self.used = 0.0

    def progress(self) -> Progress:
        return Progress(lambda: self.used, lambda: self.clock)

    def go_on(self, seconds: float, used: float) -> None:
        self.clock += seconds
        self.used += used


@pytest.fixture
def times() -> Times:
    return Times()


def test_a_starved_machine_has_the_time_that_it_worked(times: Times) -> None:
    progress = times.progress()
    times.go_on(400, used=100)
    assert progress.own() == 100


def test_an_idle_machine_has_a_share_of_the_time_so_that_every_wait_ends(times: Times) -> None:
    progress = times.progress()
    times.go_on(400, used=0)
    assert progress.own() == 40


def test_the_last_seconds_are_those_since_the_look_before_them(times: Times) -> None:
    progress = times.progress()
    for used in (10, 10, 2, 2):
        times.go_on(10, used)
        progress.own()
    assert progress.during_last(20) == 4
    assert progress.during_last(30) == 14
    assert progress.during_last(1000) == 24


def test_a_slow_processor_has_longer_seconds_and_a_fast_one_the_same(times: Times) -> None:
    slow, fast = times.progress(), times.progress()
    times.go_on(100, used=BOOT / 2)
    times.go_on(0, used=0)
    fast.calibrate()
    times.go_on(0, used=BOOT * 1.5)
    slow.calibrate()
    before = slow.own(), fast.own()
    times.go_on(100, used=100)
    assert (slow.own() - before[0], fast.own() - before[1]) == pytest.approx((50, 100))


def test_the_processor_time_of_a_process_is_what_it_used() -> None:
    busy = "import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\nimport sys; sys.stdin.read()"
    command = [sys.executable, "-c", busy]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert processor_time(process.pid) >= 0.4
        process.kill()
    assert processor_time(process.pid) == 0.0


@pytest.fixture
def own_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str, float], float]], None]:
    """Sets who tells a wait of the machine's own time."""
    return lambda told: monkeypatch.setattr(processes, "own_time", told)


def test_a_wait_goes_on_as_long_as_the_machine_is_starved(own_time: Any) -> None:
    asked: list[str] = []

    def starved(what: str, waited: float) -> float:
        asked.append(what)
        return 0.0

    own_time(starved)
    assert processes.wait_for("the third answer", lambda: len(asked) >= 2, limit=0.01, pause=0.0)
    assert asked == ["the third answer"] * 2


def test_a_wait_ends_when_the_time_was_the_machines_own_and_says_for_what(own_time: Any) -> None:
    own_time(lambda what, waited: waited)
    with pytest.raises(AssertionError, match=r"in vain for Godot, 0\.01 s of the machine's own; the last answer was 0"):
        processes.wait_for("Godot", lambda: 0, limit=0.01, pause=0.0)


class Sleeper:
    """A process that stands for QEMU, and the two ends of the runner's line."""

    def __init__(self, folder: Path) -> None:
        (folder / "serial.log").write_text("a kernel's last words")
        self.process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
        ours, self.theirs = socket.socketpair()
        self.ours = ours
        self.machine = Machine(folder, self.process, ours)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def sleeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sleeper]:
    monkeypatch.setattr(machine, "_LOOK", 0.01)
    with contextlib.closing(Sleeper(tmp_path)) as made:
        yield made


def test_a_machine_that_does_not_answer_is_told_with_the_step_it_was_in(
    sleeper: Sleeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "CALL_LIMIT", 0.001)
    with pytest.raises(MachineDied, match=r"(?s)within 0\.001 s .*during processes:read\('/etc'\).*last words"):
        sleeper.machine.call(processes.read, "/etc")


def test_a_machine_that_ended_is_told_with_its_status(sleeper: Sleeper) -> None:
    sleeper.process.communicate()
    sleeper.theirs.close()
    with pytest.raises(MachineDied, match=r"QEMU ended with 0, during the boot"):
        sleeper.machine.wait_until_ready()


QEMU = """
import socket, sys, time
line = socket.socket(socket.AF_UNIX)
line.connect(sys.argv[1])
time.sleep(3600)
"""
"""Opens the runner's line as QEMU does, and never says a word."""


def children() -> set[str]:
    """Return the processes of this thread that nobody has waited for, those of earlier tests too."""
    return set(Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children").read_text().split())


@pytest.mark.parametrize(
    ("qemu", "told"),
    [
        (lambda folder: [sys.executable, "-c", QEMU, folder / "runner"], "no answer within 0.001 s .* during the boot"),
        (lambda folder: ["sh", "-c", "echo no such device; exit 3"], "ended with 3 before it began; .*no such device"),
    ],
    ids=["silent", "ended"],
)
def test_what_fails_to_boot_is_told_and_leaves_no_process_and_no_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qemu: Callable[[Path], list[str]], told: str
) -> None:
    """A socket that is left would be a ResourceWarning, which is an error in these tests."""
    before = children()
    (tmp_path / "release").write_text("6.1")
    monkeypatch.setattr(machine.parts, "kernel", lambda: machine.parts.Kernel(tmp_path))
    monkeypatch.setattr(machine.emulator, "command", lambda kernel, folder, append, sriov_nics: qemu(folder))
    monkeypatch.setattr(machine, "BOOT_LIMIT", 0.001)
    monkeypatch.setattr(machine, "_LOOK", 0.01)
    with pytest.raises(MachineDied, match=f"(?s){told}"), machine.booted():
        pass
    gc.collect()
    assert children() <= before


def test_a_wait_inside_is_told_the_machines_own_time(sleeper: Sleeper) -> None:
    """The runner's end of the line asks, and the call continues with the answer."""
    told: list[float] = []

    def carry_out() -> None:
        with sleeper.theirs.makefile("rwb", buffering=0) as port:
            line = Line(port)
            request = line.read()
            told.append(line.own_time("the end", 0.0))
            line.write({"id": request["id"], "result": "done"})

    runner = threading.Thread(target=carry_out)
    runner.start()
    try:
        assert sleeper.machine.call(processes.read, "/etc") == "done"
    finally:
        runner.join()
    assert len(told) == 1
    assert 0.0 <= told[0] < BOOT
