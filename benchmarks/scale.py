#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How what is done often grows with the host: births with many records, looks and the status with many guests.

    python benchmarks/scale.py [--births 40] [--rounds 15]

In one process, on hosts on paper in tmpfs, the two sizes in turns. A birth is counted from the kernel's word of it to
the write of its place; it gets a record, for the interrupt was not there before. A look finds everything in its place.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from big_host import TMPFS, BigHost
from figures import verdict

RECORDS = 160, 25600
A_GUEST = 5, 32
"""Devices, and vectors of each, of the guests in which interrupts are born; the smaller host has one such guest."""

GUESTS = 100, 400
DEVICES, VECTORS = 2, 16
LOOKS = 5


def seconds_of_birth(host: BigHost, guest: int, number: int) -> float:
    """Let an interrupt go and come again, and return the seconds until its place is written."""
    host.kill(guest, number)
    host.look(guest)
    host.bear(guest, number)
    writes, start = host.calls.writes, time.perf_counter()
    host.hear(number)
    if host.calls.writes != writes + 1:
        raise RuntimeError(f"interrupt {number} was born, and {host.calls.writes - writes} writes followed")
    return host.calls.wrote - start


def cpu_time(call: Callable[[], object], times: int = 1) -> float:
    """Return the CPU seconds that `call` takes."""
    start = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - start) / times


def show(what: str, small: list[float], large: list[float], sizes: tuple[int, int], goal: float) -> None:
    """Print both medians and their ratio."""
    less, more = statistics.median(small), statistics.median(large)
    times = f"{less * 1e3:8.2f} ms at {sizes[0]}, {more * 1e3:8.2f} ms at {sizes[1]}"
    print(f"{what:<16} {times:<44} ratio {more / less:6.2f}   {verdict(more / less, goal)}", flush=True)


def compare_births(folder: Path, births: int) -> None:
    """Print what a birth takes with few records and with many."""
    guests = [records // (A_GUEST[0] * A_GUEST[1]) for records in RECORDS]
    hosts = [BigHost(folder / f"births-{count}", count, *A_GUEST, room=max(guests)) for count in guests]
    for host in hosts:
        host.audit()
    waits: list[list[float]] = [[], []]
    for birth in range(births):
        for host, count, found in zip(hosts, guests, waits, strict=True):
            guest = count // 2
            found.append(seconds_of_birth(host, guest, host.first(guest, 0) + birth % A_GUEST[1]))
    show("a birth", *waits, RECORDS, 2.0)


def compare_guests(folder: Path, rounds: int) -> None:
    """Print what a look, the status and a full pass cost with few guests and with many."""
    hosts = [BigHost(folder / f"guests-{count}", count, DEVICES, VECTORS, room=max(GUESTS)) for count in GUESTS]
    for host in hosts:
        host.audit()
        host.audit()
        assert host.is_in_place()
    found: dict[str, list[list[float]]] = {name: [[], []] for name in ("a look", "a status", "a full pass")}
    for _ in range(rounds):
        for index, (host, count) in enumerate(zip(hosts, GUESTS, strict=True)):
            guest, status = count // 2, folder / "status.json"
            found["a look"][index].append(cpu_time(lambda h=host, g=guest: h.look(g), LOOKS))
            found["a status"][index].append(cpu_time(lambda h=host, s=status: h.status(s)))
            found["a full pass"][index].append(cpu_time(host.audit))
    for what, times in found.items():
        show(what, *times, GUESTS, 4.8)


def main() -> None:
    """Compare all."""
    parser = argparse.ArgumentParser(description="How what is done often grows with the host.")
    parser.add_argument("--births", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="irqaffinity-benchmark-", dir=TMPFS) as name:
        compare_births(Path(name), options.births)
        compare_guests(Path(name), options.rounds)


if __name__ == "__main__":
    main()
