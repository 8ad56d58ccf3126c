#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an agent costs that has nothing to do: 20 guests, 640 interrupts, a real RabbitMQ and a real libvirtd."""

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import libvirt

from irqaffinity.demo.domains import domain, hostdev, nova_metadata
from irqaffinity.demo.tree import HostTree
from tests.functional.agent import Agent, ended, wait_for
from tests.functional.conftest import Libvirtd
from tests.functional.rabbitmq import running_rabbitmq

GUESTS, DEVICES, VECTORS = 20, 2, 16
SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0


def make_tree(folder: Path) -> HostTree:
    """Make the host, all of whose interrupts may arrive anywhere."""
    tree = HostTree(folder, {0: "0-63"}, "0-63")
    for guest in range(GUESTS):
        for function in range(DEVICES):
            address = f"0000:{0x10 + guest:02x}:00.{function}"
            first = 1000 + (guest * DEVICES + function) * VECTORS
            tree.add_device(address, 0)
            tree.add_vectors(address, range(first, first + VECTORS), "0-63", effective="0")
    return tree


def create_guests(uri: str) -> libvirt.virConnect:
    """Start the guests in libvirt's test driver, and return what keeps them alive."""
    connection = libvirt.open(uri)
    metadata = nova_metadata("nfv", {"hw:cpu_policy": "dedicated"})
    for guest in range(GUESTS):
        devices = [hostdev(f"0000:{0x10 + guest:02x}:00.{function}") for function in range(DEVICES)]
        uuid = f"{guest:08x}-0000-4000-8000-000000000000"
        connection.createXML(domain(f"vm{guest}", uuid, [str(guest), str(guest + 20)], devices, metadata=metadata), 0)
    return connection


def cpu(process: int) -> float:
    """Return the CPU seconds of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss(process: int) -> float:
    """Return the proportional set size of a process in MB."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) * 1024 / 1e6


def main() -> None:
    """Print CPU and memory of the agent at rest."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        for part in ("rabbitmq", "libvirtd"):
            (folder / part).mkdir()
        libvirtd = Libvirtd(folder / "libvirtd")
        libvirtd.start()
        try:
            with running_rabbitmq(folder / "rabbitmq") as rabbit:
                with rabbit.connect() as connection:
                    connection.default_channel.exchange_declare("nova", "topic", durable=False, auto_delete=False)
                uri = libvirtd.uri("test", "default")
                kept = create_guests(uri)
                agent = Agent(folder / "agent", uri, make_tree(folder / "host"), rabbit.url)
                agent.set("DEFAULT", debug=False)
                with ended(agent):
                    agent.start()
                    agent.wait_connected("broker")
                    wait_for("all guests to settle", lambda: not agent.status()["settling"])
                    assert agent.process is not None
                    process, before = agent.process.pid, cpu(agent.process.pid)
                    time.sleep(SECONDS)
                    share = (cpu(process) - before) / SECONDS
                    print(f"{GUESTS} guests, {GUESTS * DEVICES * VECTORS} interrupts, {SECONDS:g} s")
                    print(f"CPU  {share * 100:.3f} % of a core   (at most 0.2)")
                    print(f"PSS  {pss(process):.1f} MB           (at most 65, aim 50)")
                kept.close()
        finally:
            libvirtd.stop()


if __name__ == "__main__":
    main()
