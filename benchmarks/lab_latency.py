#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a newborn interrupt waits for its place on a real kernel, in the machine of tests/lab.

A guest gives its vectors back and takes them again, some 300 times a vector. The kernel's own trace tells when each was
born and when it was routed to a CPU of the guest. All of the guest's CPUs are on the other node than its devices, so
that no interrupt is in its place by chance. Once with the kernel's trace events, once with polling; as root.
"""

import random
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from figures import quantiles, verdict

from tests.lab import parts
from tests.lab.inside import births, guests, host, program
from tests.lab.machine import booted
from tests.lab.node import NIC0, VECTORS, VF0, VF1, Node

BIRTHS = 320
PINS, TARGET = [5, 6], frozenset({5, 6})
DEVICES = [VF0, VF1, NIC0]
FIRST = 0.1
"""Seconds after an interrupt's birth in which its routing counts."""

NAMES = "p50", "p99", "first 100 ms on a foreign CPU"
UNITS = "ms", "ms", "%"
GOALS = 10.0, 40.0, 10.0
"""With the kernel's trace events."""


def waits(born: list[Any]) -> list[float]:
    """Return for each birth the seconds until the interrupt was routed to its target; infinity where it never was."""
    return [min((at - birth for at, cpu in routed if cpu in TARGET), default=float("inf")) for _, birth, routed in born]


def measure(node: Node, source: str) -> list[float]:
    """Let vectors be born while the agent runs, and return how long each waited."""
    node.start_agent(f"[vectors]\nsource = {source}\n")
    places = dict.fromkeys(DEVICES, "5-6")
    node.wait_placed(places)
    node.call(births.record)
    for _ in range(BIRTHS // sum(VECTORS[device] for device in DEVICES) + 1):
        node.call(guests.tell, "late", "d")
        time.sleep(random.uniform(0.0, 0.3))
        node.call(guests.tell, "late", "e")
        node.wait_placed(places)
    found = waits(node.call(births.recorded))
    assert node.call(program.status)["host_facts"]["msi_source"] == source
    node.call(program.forget_all)
    return found


def show(source: str, seconds: list[float]) -> None:
    """Print the quantiles, and how much of its first 100 ms an interrupt spent on a CPU that is not its guest's."""
    half, most = quantiles(seconds)
    foreign = sum(min(each, FIRST) for each in seconds) / (FIRST * len(seconds))
    print(f"{source}: {len(seconds)} births", flush=True)
    for what, value, unit, goal in zip(NAMES, (half * 1000, most * 1000, foreign * 100), UNITS, GOALS, strict=True):
        aim = verdict(value, goal) if source == "trace" else ""
        print(f"  {what:<32} {value:9.2f} {unit:<4} {aim}".rstrip(), flush=True)


def main() -> None:
    """Boot, measure both, and print."""
    with booted() as machine:
        machine.call(host.prepare)
        node = Node(machine)
        machine.call(guests.start, "late", str(parts.small_guest()), PINS, DEVICES)
        node.wait_born(*DEVICES)
        for source in ("trace", "poll"):
            show(source, measure(node, source))


if __name__ == "__main__":
    main()
