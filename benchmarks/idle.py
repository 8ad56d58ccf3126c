#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an agent costs that has nothing to do, in three set-ups at once: CPU, and memory of the process alone."""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import libvirt

from tests.fakes.domains import domain, hostdev, nova_metadata
from tests.fakes.tree import HostTree
from tests.functional.agent import Agent, ended, wait_for
from tests.functional.conftest import Libvirtd
from tests.functional.rabbitmq import free_ports, running_rabbitmq

GUESTS, DEVICES, VECTORS = 20, 2, 16
SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0
MOST_CPU = 0.15
"""Percent of a core."""


class SetUp(NamedTuple):
    """An agent at rest, and the most memory that it may take, in MB."""

    name: str
    agent: Agent
    limit: int


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
    """Return the CPU seconds of a process, without those of its children."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss(process: int) -> float:
    """Return the resident memory of a process in MB: all of it, also what others map too."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) * 1024 / 1e6


def process_of(setup: SetUp) -> int:
    """Return the pid of the agent."""
    assert setup.agent.process is not None
    return setup.agent.process.pid


@contextlib.contextmanager
def whole_host(folder: Path) -> Iterator[SetUp]:
    """Give an agent with a RabbitMQ, a libvirtd and guests whose interrupts have all been placed."""
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
            name = f"broker, libvirt, {GUESTS} guests"
            setup = SetUp(name, Agent(folder / "agent", uri, make_tree(folder / "host"), rabbit.url), 58)
            with started(setup):
                setup.agent.wait_connected("broker")
                wait_for("all guests to settle", lambda: not setup.agent.status()["settling"])
                yield setup
            kept.close()
    finally:
        libvirtd.stop()


@contextlib.contextmanager
def refusing_broker(folder: Path) -> Iterator[SetUp]:
    """Give an agent whose broker refuses connections."""
    url = f"rabbit://nova:secret@127.0.0.1:{free_ports(1)[0]}/"
    agent = Agent(folder / "refused", "test:///default", HostTree(folder / "refused-host", {0: "0"}, "0"), url)
    with started(SetUp("a broker that refuses", agent, 54)) as setup:
        wait_for("the refusal", lambda: agent.link("broker").get("trouble"))
        yield setup


@contextlib.contextmanager
def no_notifications(folder: Path) -> Iterator[SetUp]:
    """Give an agent that listens to no broker."""
    agent = Agent(folder / "deaf", "test:///default", HostTree(folder / "deaf-host", {0: "0"}, "0"))
    agent.set("notifications", enabled=False)
    with started(SetUp("without notifications", agent, 44)) as setup:
        yield setup


@contextlib.contextmanager
def started(setup: SetUp) -> Iterator[SetUp]:
    """Start the agent, which logs as it does on a host."""
    setup.agent.set("DEFAULT", debug=False)
    with ended(setup.agent):
        setup.agent.start()
        yield setup


def main() -> None:
    """Print CPU and memory of the agents at rest."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        made = [stack.enter_context(make(folder)) for make in (refusing_broker, no_notifications, whole_host)]
        before = [cpu(process_of(setup)) for setup in made]
        time.sleep(SECONDS)
        print(f"{f'AT REST FOR {SECONDS:g} S':<28} {'CPU, % OF A CORE':<23} RSS, MB")
        for setup, seconds in zip(made, before, strict=True):
            process = process_of(setup)
            share = (cpu(process) - seconds) / SECONDS * 100
            print(f"{setup.name:<28} {share:5.3f} (at most {MOST_CPU})   {rss(process):5.1f} (at most {setup.limit})")


if __name__ == "__main__":
    main()
