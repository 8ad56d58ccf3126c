#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a guest that toggles MSI-X without end costs the host, and the guests beside it.

    python benchmarks/churn.py [--seconds 60] [--rates 20,200,1000] [--burst 33] [--renumber]

A real agent on a host of files in tmpfs: 60 guests with 4 devices of 33 vectors. In one of them interrupts end and are
born at a rate, in bursts or one by one, and the agent hears of them as the kernel tells. In other guests one is born
now and then, and timed from the kernel's word to its place; in turns with a time when the hostile guest is silent.
"""

import argparse
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from big_host import TMPFS, BigHost, device, uuid
from figures import quantiles, verdict

from tests.fakes.tracefs import BORN, ENDED, PaperTracefs
from tests.functional.agent import Agent, ended, wait_for

GUESTS, DEVICES, VECTORS = 60, 4, 33
HOSTILE = 0
FRESH = 500_000
"""The first number of interrupts that never were."""

SILENT = 20.0
REST = 7.0
OTHERS_EVERY = 0.1
LIMIT = 30.0
GOALS = {"share": 5.0, "lines": 1.0, "others": 2.0}
_LINE = re.compile(r"\b(INFO|WARNING|ERROR)\b")


@dataclass
class Figures:
    """What was seen in one time."""

    seconds: float = 0.0
    births: int = 0
    cpu: float = 0.0
    lines: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)


class Churn:
    """The host, its agent, and the guest that toggles."""

    def __init__(self, folder: Path, *, burst: int, renumber: bool) -> None:
        self.host = BigHost(folder, GUESTS, DEVICES, VECTORS)
        self.agent = Agent(folder / "agent", self.host.uri, self.host.tree)
        self.trace = PaperTracefs(self.host.tree.sys / "kernel/tracing", str(folder / "agent/state"))
        self._burst, self._renumber = burst, renumber
        self._numbers = [self.host.first(HOSTILE, 0) + index for index in range(VECTORS)]
        self._fresh = FRESH
        self._turn = 0
        self.lost = 0

    def start(self) -> None:
        """Start the agent, and wait until all is in place and at rest."""
        self.agent.set("DEFAULT", debug=False)
        self.agent.set("audit", interval=3600)
        self.agent.start()
        self.agent.wait_connected("vectors")
        wait_for("the guests to settle", lambda: not self.agent.status()["settling"])

    def run(self, rate: float, seconds: float) -> Figures:
        """Let the guest bear `rate` interrupts a second, 0 for none, and others a few."""
        found, log = Figures(), len(self.agent.log())
        start, cpu = time.monotonic(), self._cpu()
        next_burst, next_other = start, start + OTHERS_EVERY
        while (now := time.monotonic()) < start + seconds:
            if rate and now >= next_burst:
                found.births += self._toggle()
                next_burst += self._burst / rate
            elif now >= next_other:
                found.waits.append(self._bear_elsewhere())
                next_other = now + OTHERS_EVERY * random.uniform(0.5, 1.5)
            else:
                time.sleep(0.0005)
        found.cpu, found.seconds = self._cpu() - cpu, time.monotonic() - start
        found.lines = [line for line in self.agent.log()[log:].splitlines() if _LINE.search(line)]
        return found

    def settle(self) -> bool:
        """Tell whether everything comes to its place once the guest is silent."""
        time.sleep(REST)
        wait_for("all to be in place", lambda: self.agent.status()["placement"]["summary"]["pending"] == 0)
        folder = self.host.tree.device_folder(device(HOSTILE, 0)) / "msi_irqs"
        places = {self.agent.smp(int(name)) for name in os.listdir(folder)}
        return len(places) == 1

    def _toggle(self) -> int:
        """End some interrupts of the hostile guest, and have as many born."""
        tree, folder = self.host.tree, self.host.tree.device_folder(device(HOSTILE, 0)) / "msi_irqs"
        text = []
        for _ in range(self._burst):
            index = self._turn = (self._turn + 1) % VECTORS
            old = self._numbers[index]
            (folder / str(old)).unlink()
            text.append(ENDED.format(old))
            if self._renumber:
                shutil.rmtree(tree.proc / f"irq/{old}")
                new = self._numbers[index] = self._fresh = self._fresh + 1
                tree.add_interrupt(new, self.host.everywhere, action=f"vfio-msix[{index}]", hwirq=index)
            else:
                new = old
                tree.put(tree.proc / f"irq/{new}/smp_affinity_list", self.host.everywhere)
            (folder / str(new)).write_text("msix\n")
            text.append(BORN.format(new))
        for line in text:
            self._say(line)
        return self._burst

    def _say(self, line: str) -> None:
        """Write an event to the pipe. A full pipe loses it, and the next event comes with the number of lost ones."""
        try:
            self.trace.say(f"CPU:0 [LOST {self.lost} EVENTS]\n{line}" if self.lost else line)
            self.lost = 0
        except BlockingIOError:
            self.lost += 1

    def _bear_elsewhere(self) -> float:
        """Have another guest bear an interrupt, and return the seconds until it is in its place."""
        guest = random.randrange(1, GUESTS)
        number = self.host.first(guest, 0) + random.randrange(VECTORS)
        path = self.host.tree.proc / f"irq/{number}/smp_affinity_list"
        self._say(ENDED.format(number))
        path.write_text(f"{self.host.everywhere}\n")
        start = time.perf_counter()
        self._say(BORN.format(number))
        while path.read_text().strip() in (self.host.everywhere, ""):
            if time.perf_counter() - start > LIMIT:
                return float("inf")
        return time.perf_counter() - start

    def _cpu(self) -> float:
        assert self.agent.process is not None
        fields = Path(f"/proc/{self.agent.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def show(what: str, found: Figures) -> None:
    """Print what was seen."""
    p50, p99 = (value * 1e3 for value in quantiles(found.waits))
    births = found.births / found.seconds
    print(
        f"{what:<16} {births:7.1f} births/s  CPU {100 * found.cpu / found.seconds:5.1f} % of a core  "
        f"{60 * len(found.lines) / found.seconds:5.1f} lines/min  others p50 {p50:7.2f} ms  p99 {p99:7.2f} ms",
        flush=True,
    )


def compare(churn: Churn, rate: float, seconds: float) -> Iterator[str]:
    """Give the verdict on one rate."""
    churn.run(0, 3.0)
    silent = churn.run(0, SILENT)
    show("silent", silent)
    found = churn.run(rate, seconds)
    show(f"{rate:g} births/s", found)
    beyond = 100 * (found.cpu / found.seconds - silent.cpu / silent.seconds)
    hostile = [line for line in found.lines if uuid(HOSTILE) in line]
    ratio = quantiles(found.waits)[0] / quantiles(silent.waits)[0]
    yield f"share of a core beyond the silent time {beyond:5.2f} % {verdict(beyond, GOALS['share'])}"
    lines = 60 * len(hostile) / found.seconds
    yield f"lines on it a minute {lines:5.2f} {verdict(lines, GOALS['lines'])}"
    yield f"others' median against the silent time {ratio:5.2f} {verdict(ratio, GOALS['others'])}"
    yield "all in place afterwards" if churn.settle() else "NOT ALL IN PLACE AFTERWARDS"


def main() -> None:
    """Compare the rates."""
    parser = argparse.ArgumentParser(description="What a guest that toggles MSI-X without end costs.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rates", default="20,200,1000")
    parser.add_argument("--burst", type=int, default=VECTORS)
    parser.add_argument("--renumber", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="irqaffinity-benchmark-", dir=TMPFS) as name:
        churn = Churn(Path(name), burst=options.burst, renumber=options.renumber)
        with ended(churn.agent):
            churn.start()
            for rate in map(float, options.rates.split(",")):
                for line in compare(churn, rate, options.seconds):
                    print(f"    {line}", flush=True)


if __name__ == "__main__":
    main()
