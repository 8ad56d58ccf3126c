#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What it costs to count arrivals, once a pass and in `irqaffinity top`, on a made-up host of plain files.

By default it has 128 CPUs. Printed are the two places where the kernel tells its counts, for all interrupts and for so
many intruders, and which of them a pass takes; and what share of a CPU `irqaffinity top` takes.

The kernel writes its counts anew for each read, which plain files do not cost: how long this machine's own kernel takes
for that is printed as well, for each count that it writes. Both in one process; `top --once` is not started.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.big_host import FIRST_IRQ, TMPFS, VCPUS, BigHost
from benchmarks.figures import verdict
from irqaffinity.cli.top_view import Around, View
from irqaffinity.model.arrivals import Interval
from irqaffinity.observe.arrivals import ROWS_A_FILE, ArrivalCounter
from irqaffinity.observe.counts import Files, Table
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.arrived import describe, place
from irqaffinity.report.top_tables import By
from tests.fakes.calls import CountingCalls
from tests.fakes.counts import Counts

GOAL = 10.0
"""Per cent of a CPU that the view may take."""

DELAY = 2.0
"""Seconds between two refreshes."""


def best(work: Callable[[], object], times: int) -> float:
    """Return the shortest time in milliseconds of the CPU that some work takes."""
    found = []
    for _ in range(times):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return 1000 * min(found)


def measure_sources(root: HostRoot, numbers: range, times: int) -> None:
    """Print what the two places cost, and which share of the interrupts makes them cost the same."""
    few = dict.fromkeys(numbers[:32], "")
    table, files = (best(lambda kind=kind: kind.read(root, None), times) for kind in (Table, Files))
    some = best(lambda: Files.read(root, few), times)
    print(f"all {len(numbers)} interrupts: /proc/interrupts {table:8.2f} ms   per_cpu_count {files:8.2f} ms")
    print(
        f"{len(few)} of them:           /proc/interrupts {best(lambda: Table.read(root, few), times):8.2f} ms", end=""
    )
    print(f"   per_cpu_count {some:8.2f} ms")
    print(f"a file costs as much as {some / len(few) / (table / len(numbers)):.1f} rows here")


class Opened(CountingCalls):
    """Knows besides whether a table was opened."""

    has_table = False

    def open(self, path: str, flags: int, *, dir_fd: int | None = None) -> int:  # type: ignore[override]
        """Note the name, and make the call."""
        self.has_table = self.has_table or path.endswith("/interrupts")
        return os.open(path, flags, dir_fd=dir_fd)


def measure_intruders(root: HostRoot, numbers: range, times: int) -> None:
    """Print what a pass takes to count so many intruders in both places, and which place it takes."""
    table = best(lambda: Table.read(root, ()), times)
    print(f"a pass that counts intruders: all {len(numbers)} rows of /proc/interrupts take {table:8.2f} ms")
    for share in (512, 64, 16, 8, 4, 2, 1):
        some = dict.fromkeys(numbers[: len(numbers) // share], "")
        files = best(lambda wanted=some: Files.read(root, wanted), times)
        calls = Opened()
        ArrivalCounter(HostRoot(root.proc, root.sys, calls)).read(some, len(numbers), with_names=False)
        taken, is_cheaper = ("table", table <= files) if calls.has_table else ("files", files <= table)
        remark = "" if is_cheaper else ", though it is dearer in plain files"
        print(f"  per_cpu_count of {len(some):5} intruders {files:8.2f} ms: the pass takes the {taken}{remark}")


def measure_kernel(times: int) -> None:
    """Print the same for this machine's own kernel, and what that means for the constant ROWS_A_FILE."""
    root = HostRoot()
    rows = Table.read(root, None)
    numbers = list(Files.read(root, rows.rows).rows)
    if not numbers:
        print("this machine has no interrupts that can be read both ways")
        return
    table, files = best(lambda: Table.read(root, None), times), best(lambda: Files.read(root, numbers), times)
    ratio = (files / len(numbers)) / (table / len(rows.rows))
    print(f"this kernel, {len(rows.cpus)} CPUs: a row {1000 * table / len(rows.rows):.1f} us, a file ", end="")
    print(f"{1000 * files / len(numbers):.1f} us, which is {ratio:.1f} rows; the choice is made by {ROWS_A_FILE}")


def measure_view(host: BigHost, counts: Counts, numbers: range, cpus: int, times: int) -> bool:
    """Print what a refresh costs if every interrupt arrived, and its parts; return whether that meets the goal."""
    root = host.tree.root
    places = place(root, host.auditor.rehearse(logs=False), None)
    view, spent = View(By.DEVICE), [0.0, 0.0]
    for _ in range(times):
        for number in numbers:
            counts.arrive(number, number % cpus, 1000)
        (host.tree.proc / "interrupts").write_text(counts.table())
        if not spent[0]:
            counter = ArrivalCounter(root)
            counter.read()
            spent[0] = 1e-9
            continue
        start = time.process_time()
        interval: Interval = counter.read()
        middle = time.process_time()
        document = describe(places, interval)
        view.lines(document, Around(DELAY, 0.0), 200, 60)
        spent[0] += middle - start
        spent[1] += time.process_time() - middle
        assert len(interval.arrived) == len(numbers), "not all interrupts are known"
    counted, shown = (1000 * part / (times - 1) for part in spent)
    share = (counted + shown) / (10 * DELAY)
    print(f"a refresh in which all arrived: counting {counted:.2f} ms, all else {shown:.2f} ms", end="")
    print(f" ({100 * counted / (counted + shown):.0f}% is counting)")
    print(f"one in {DELAY:g} s: {share:.2f}% of a CPU {verdict(share, GOAL)}")
    return share <= GOAL


def main() -> int:
    """Measure, and return 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--guests", type=int, default=16, help="guests, of eight CPUs each (default: %(default)s)")
    parser.add_argument("--vectors", type=int, default=32, help="interrupts of a device (default: %(default)s)")
    parser.add_argument("--devices", type=int, default=4, help="devices of a guest (default: %(default)s)")
    parser.add_argument("--times", type=int, default=10, help="how often each is done (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=TMPFS) as folder:
        host = BigHost(Path(folder), options.guests, options.devices, options.vectors)
        cpus, numbers = options.guests * VCPUS, range(FIRST_IRQ, FIRST_IRQ + host.irqs)
        counts = Counts(host.tree, host.everywhere)
        for number in numbers:
            counts.add(number, f"vfio-msix[{number}](0000:01:00.0)", {number % cpus: 123_456_789})
        counts.write()
        print(f"{host.irqs} interrupts on {cpus} CPUs, in plain files")
        measure_sources(host.tree.root, numbers, options.times)
        measure_intruders(host.tree.root, numbers, options.times)
        measure_kernel(options.times)
        return 0 if measure_view(host, counts, numbers, cpus, options.times) else 1


if __name__ == "__main__":
    sys.exit(main())
