#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long an interrupt waits for its place: from the moment it appears to the moment it is moved.

Runs a real agent on a host of files with libvirt's own test driver: 200 interrupts that appear within 5 s of another
change, and 50 that appear later while their guests still boot.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from figures import quantiles

from tests.fakes.domains import domain, hostdev, make_libvirt, nova_metadata
from tests.fakes.tree import HostTree
from tests.functional.agent import Agent, ended

SOON, LATE = 200, 50
POLL = 0.0005
MOVING = 12.0
"""Seconds after which a guest that does not change is looked at less often."""


def device(index: int, function: int) -> str:
    """Return the address of a device of guest `index`."""
    return f"0000:{0x10 + index:02x}:00.{function}"


def make_host(folder: Path) -> tuple[HostTree, str]:
    """Make a host of guests with two devices each, of which only the first has an interrupt."""
    tree = HostTree(folder, {0: "0-127"}, "0-127")
    guests = []
    for index in range(LATE):
        for function in (0, 1):
            tree.add_device(device(index, function), 0)
        tree.add_vectors(device(index, 0), [1000 + index], "0-127")
        uuid = f"{index:08x}-0000-4000-8000-000000000000"
        metadata = nova_metadata("nfv", {"hw:cpu_policy": "dedicated"})
        devices = [hostdev(device(index, function)) for function in (0, 1)]
        guests.append(domain(f"vm{index}", uuid, [str(index)], devices, metadata=metadata))
    return tree, make_libvirt(folder / "libvirt", guests)


def measure(agent: Agent, index: int, number: int) -> float:
    """Let an interrupt of guest `index` appear, and return the seconds until it is moved."""
    agent.tree.add_interrupt(number, "0-127", action=f"vfio-msix[1]({device(index, 0)})", hwirq=1)
    path = agent.tree.device_folder(device(index, 0)) / f"msi_irqs/{number}"
    start = time.monotonic()
    path.write_text("msix\n")
    while agent.smp(number) != str(index):
        time.sleep(POLL)
    return time.monotonic() - start


def show(what: str, seconds: list[float]) -> None:
    """Print the quantiles."""
    p50, p99 = quantiles(seconds)
    print(f"{what:<42} p50 {p50 * 1000:6.1f} ms   p99 {p99 * 1000:6.1f} ms   ({len(seconds)} trials)")


def main() -> None:
    """Print the time from appearance to place."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tree, uri = make_host(folder / "host")
        agent = Agent(folder / "agent", uri, tree)
        agent.set("DEFAULT", debug=False)
        agent.set("audit", interval=3600)
        with ended(agent):
            agent.start()
            print("the agent compared waits 6 to 45 s")
            time.sleep(MOVING)
            late = []
            for index in range(LATE):
                time.sleep(random.uniform(0, 0.1))
                late.append(measure(agent, index, 2000 + index))
            soon = []
            for trial in range(SOON):
                time.sleep(random.uniform(0, 0.2))
                soon.append(measure(agent, 0, 3000 + trial))
    show("within 5 s of a change (at most 120 ms)", soon)
    show("later, while the guest boots", late)


if __name__ == "__main__":
    main()
