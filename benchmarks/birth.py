#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long an interrupt of this machine's own kernel is on a foreign CPU, beside the least that anything can do.

    python benchmarks/birth.py [--births 400]

A device is taken from its driver and given back, which gives birth to its interrupts on a CPU that is not its guest's.
The kernel's own trace tells when each was born (vector_activate), and when its place was written: write(2) of one to
three bytes, by a thread that was there before. The agent and a C program that reads of births and writes at once take
turns; the one that has none is stopped. Between two births is a random pause, in which the agent does what it does.
Needs root, and a virtio random number generator, which tests/functional uses too: not at the same time.
"""

import argparse
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parents[1]))

from figures import quantiles, verdict
from spare import Spare, affinity, born_on, put_back, spare_device, two_cpus
from tracefs import BIRTHS, TRACING, Instance, instance, lines, remove, require_tracefs

from irqaffinity.listen.tracing import instance_name
from tests.fakes.domains import domain, hostdev, make_libvirt, nova_metadata
from tests.functional.agent import Agent, wait_for

TURNS = 20
GOALS = {"p50": 2.0, "p99": 3.0}
LIMIT = 2.0
"""Seconds after which an interrupt that is not in its place counts as missed."""

PAUSE = 0.05, 0.15
REST = 0.05
"""Seconds without work after which a program counts as idle."""

GUEST = "b1270000-0000-4000-8000-000000000000"
_EVENT = re.compile(r"-(\d+) +\[\d+\] .* (\d+\.\d+): (?:vector_activate: irq=(\d+) |sys_write( ->)?)")
NEVER = float("inf")


@dataclass
class Tally:
    """What became of the births of one program."""

    waits: list[float] = field(default_factory=list)
    astray: int = 0
    surplus: int = 0

    def note(self, born: list[float], written: list[float], astray: int) -> None:
        """Note one binding: the k-th birth belongs to the k-th write; a birth without a write was never followed."""
        pending = list(written)
        for birth in born:
            while pending and pending[0] < birth:
                pending.pop(0)
            self.waits.append(pending.pop(0) - birth if pending else NEVER)
        self.astray += astray
        self.surplus += max(0, len(written) - len(born))

    @property
    def unwritten(self) -> int:
        """How many births were followed by no write."""
        return self.waits.count(NEVER)


def followed(threads: Iterable[int]) -> dict[str, str]:
    """Return the trace events of births, and of writes of one to three bytes by these threads."""
    whose = " || ".join(f"common_pid == {thread}" for thread in threads)
    return BIRTHS | {
        "syscalls/sys_enter_write": f"count >= 1 && count <= 3 && ({whose})",
        "syscalls/sys_exit_write": f"ret >= 1 && ret <= 3 && ({whose})",
    }


def sort_out(events: Iterable[str], numbers: list[int]) -> tuple[list[float], list[float]]:
    """Return when interrupts of these numbers were born, and when each write began that succeeded."""
    born, written, began = [], [], {}
    for line in events:
        if (found := _EVENT.search(line)) is None:
            continue
        thread, at, number, is_end = found[1], float(found[2]), found[3], found[4] is not None
        if number is not None:
            born += [at] * (int(number) in numbers)
        elif not is_end:
            began[thread] = at
        elif thread in began:
            written.append(began.pop(thread))
    return born, sorted(written)


def threads_of(process: int) -> list[int]:
    """Return the threads that a process has now."""
    return [int(name) for name in os.listdir(f"/proc/{process}/task")]


def run_time(process: int) -> int:
    """Return the nanoseconds that the threads of a process have run."""
    return sum(
        int(Path(f"/proc/{process}/task/{name}/schedstat").read_text().split()[0]) for name in threads_of(process)
    )


def rest(process: int) -> None:
    """Wait until a process has done nothing for a moment."""

    def rests() -> bool:
        before = run_time(process)
        time.sleep(REST)
        return run_time(process) == before

    wait_for("a program to rest", rests)


def give_birth(spare: Spare, place: str, pipe: int, tally: Tally) -> None:
    """Unbind and bind the device, and note when its interrupts came to their place."""
    spare.unbind()
    time.sleep(random.uniform(*PAUSE))
    list(lines(pipe))
    spare.bind()
    numbers, end = spare.numbers(), time.monotonic() + LIMIT
    time.sleep(0.005)
    while (astray := sum(affinity(number) != place for number in numbers)) and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(0.001)  # the write is seen before it has returned
    born, written = sort_out(lines(pipe), numbers)
    if len(born) != len(numbers):
        raise RuntimeError(f"the kernel told of {len(born)} births, and {len(numbers)} interrupts are there")
    tally.note(born, written, astray)


def take_turn(process: int, births: int, spare: Spare, place: str, seen: Instance, tally: Tally) -> None:
    """Have a program place so many newborn interrupts."""
    rest(process)
    seen.set(followed(threads_of(process)))
    with seen.pipe(os.O_NONBLOCK) as pipe:
        until = len(tally.waits) + births
        while len(tally.waits) < until:
            give_birth(spare, place, pipe, tally)


@contextlib.contextmanager
def floor(program: Path, place: str) -> Iterator[int]:
    """Give the process of the C program."""
    with instance("irqaffinity-benchmark-floor") as own:
        own.set(BIRTHS)
        with own.pipe() as pipe, subprocess.Popen([program, place], stdin=pipe) as process:
            try:
                yield process.pid
            finally:
                process.kill()


@contextlib.contextmanager
def settled_agent(folder: Path, spare: Spare, place: str) -> Iterator[Agent]:
    """Give an agent that has placed the interrupts of its one guest."""
    specs = nova_metadata("nfv", {"hw:cpu_policy": "dedicated"})
    uri = make_libvirt(folder / "libvirt", [domain("birth", GUEST, [place], [hostdev(spare.address)], metadata=specs)])
    agent = Agent(folder / "agent", uri, SimpleNamespace(proc=Path("/proc"), sys=Path("/sys")))
    agent.set("DEFAULT", debug=False)
    agent.set("audit", interval=3600)
    try:
        agent.start()
        agent.wait_connected("vectors")
        wait_for("the guest to settle", lambda: not agent.status()["settling"])
        yield agent
    finally:
        if agent.process is not None and agent.process.poll() is None:
            agent.signal(signal.SIGCONT)
            with contextlib.suppress(AssertionError):
                agent.stop()
        agent.kill()
        remove(TRACING / "instances" / instance_name(str(folder / "agent/state")))


@contextlib.contextmanager
def stopped(agent: Agent) -> Iterator[None]:
    """Make the agent stand still for a while."""
    agent.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        agent.signal(signal.SIGCONT)


def show(name: str, tally: Tally) -> None:
    """Print what became of a program's births."""
    half, most = quantiles(tally.waits)
    print(
        f"{name:<10} p50 {half * 1e6:8.0f} us   p99 {most * 1e6:8.0f} us   {len(tally.waits)} births, "
        f"missed {tally.unwritten}, not in place {tally.astray}, writes too many {tally.surplus}"
    )


def compile_floor(folder: Path) -> Path:
    """Compile the C program with cc and return it."""
    program = folder / "birth_floor"
    subprocess.run(["cc", "-O2", "-o", program, Path(__file__).with_name("birth_floor.c")], check=True)
    return program


def measure(births: int, enter: Callable[[contextlib.AbstractContextManager], object]) -> tuple[Tally, Tally]:
    """Let both programs take turns, and return what became of the births of the agent, and of the C program."""
    folder = Path(enter(tempfile.TemporaryDirectory(prefix="irqaffinity-", dir="/tmp")))
    program = compile_floor(folder)
    foreign, own = two_cpus()
    place, ours, least = str(own), Tally(), Tally()
    spare = enter(spare_device())
    enter(born_on(foreign))
    seen = enter(instance("irqaffinity-benchmark-seen"))
    agent = enter(settled_agent(folder, spare, place))
    for _ in range(TURNS):
        take_turn(agent.process.pid, max(1, births // TURNS), spare, place, seen, ours)
        with stopped(agent), floor(program, place) as process:
            take_turn(process, max(1, births // TURNS), spare, place, seen, least)
    return ours, least


def main() -> None:
    """Measure both and print."""
    parser = argparse.ArgumentParser(description="How long a newborn interrupt is on a foreign CPU.")
    parser.add_argument("--births", type=int, default=400)
    births = parser.parse_args().births
    require_tracefs()
    with put_back() as stack:
        ours, least = measure(births, stack.enter_context)
    show("agent", ours)
    show("C program", least)
    for (name, goal), mine, other in zip(GOALS.items(), quantiles(ours.waits), quantiles(least.waits), strict=True):
        print(f"ratio of {name} {mine / other:8.2f}   {verdict(mine / other, goal)}")


if __name__ == "__main__":
    main()
