# SPDX-License-Identifier: Apache-2.0
"""The agent as a process, with a real RabbitMQ, a real libvirtd and Nova's own notifier, on a host of files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest

from irqaffinity.demo.domains import domain, hostdev, nova_metadata
from irqaffinity.demo.tree import HostTree
from tests.fakes.scene import DEDICATED, GUEST, VF0, VF1
from tests.functional.agent import HOST, Agent, ended, wait_for
from tests.functional.conftest import Libvirtd
from tests.functional.nova import Nova, versioned
from tests.functional.rabbitmq import RabbitMQ

TEST = ("test", "default")
FOREIGN = "cmp-2"


class Stage:
    """A libvirtd whose test driver has the guests, and an agent that serves them."""

    def __init__(self, folder: Path, libvirtd: Libvirtd, tree: HostTree, transport_url: str | None) -> None:
        self.folder = folder
        self.libvirtd = libvirtd
        self.tree = tree
        self.agent = Agent(folder / "agent", libvirtd.uri(*TEST), tree, transport_url)
        self.keep_alive()

    def keep_alive(self) -> None:
        """Stay connected: the test driver keeps its domains as long as somebody is."""
        self._connection = libvirt.open(self.libvirtd.uri(*TEST))
        for guest in self._connection.listAllDomains():
            guest.destroy()

    def create(self, *devices: str, uuid: str = GUEST, pins: tuple[str, ...] = ("2", "3"), **options: Any) -> None:
        """Start a guest."""
        options.setdefault("metadata", nova_metadata("nfv", DEDICATED))
        xml = domain(f"vm-{uuid[:8]}", uuid, pins, [hostdev(device) for device in devices], **options)
        self._connection.createXML(xml, 0)

    def destroy(self, uuid: str = GUEST) -> None:
        """End a guest."""
        self._connection.lookupByUUIDString(uuid).destroy()


@pytest.fixture
def stage(libvirtd: Libvirtd, tree: HostTree, tmp_path: Path) -> Iterator[Stage]:
    """An agent without a broker, not started yet."""
    made = Stage(tmp_path, libvirtd, tree, None)
    with ended(made.agent):
        yield made


@pytest.fixture
def full_stage(libvirtd: Libvirtd, tree: HostTree, tmp_path: Path, broker: RabbitMQ, nova: Nova) -> Iterator[Stage]:
    """An agent with a broker, not started yet."""
    made = Stage(tmp_path, libvirtd, tree, broker.url)
    with ended(made.agent):
        yield made


def test_a_guest_that_starts_is_served_and_given_back_when_it_ends(stage: Stage) -> None:
    stage.agent.start()
    stage.create(VF0, VF1, pins=("2", "3", "10"))
    stage.agent.wait_placed(irq40="2-3", irq41="2-3", irq50="10", irq51="10")
    stage.destroy()
    stage.agent.wait_placed(irq40="0-15", irq50="0-15")
    assert stage.agent.stop() == 0


def test_interrupts_that_appear_late_are_placed_one_by_one(stage: Stage) -> None:
    stage.agent.set("audit", interval=3600)
    for path in (stage.tree.device_folder(VF0) / "msi_irqs").iterdir():
        path.unlink()
    stage.agent.start()
    stage.create(VF0)
    wait_for("the guest to be watched", lambda: GUEST in stage.agent.status()["settling"])
    for number in (60, 61, 62):
        stage.tree.add_vectors(VF0, [number], "0-15")
        stage.agent.wait_placed(**{f"irq{number}": "2-3"})


def test_the_same_number_that_comes_back_fresh_is_placed_again(stage: Stage) -> None:
    stage.agent.set("audit", interval=3600)
    stage.agent.start()
    stage.create(VF0)
    for _ in range(3):
        stage.agent.wait_placed(irq40="2-3")
        stage.tree.put(stage.tree.proc / "irq/40/smp_affinity_list", "0-15")
    stage.agent.wait_placed(irq40="2-3")
    assert "drifted" not in stage.agent.log()


def test_a_notification_wakes_the_guest_and_its_mask_survives_a_restart(full_stage: Stage, nova: Nova) -> None:
    """The domain carries no extra specs, as a Nova before 32.0 writes it."""
    stage = full_stage
    stage.agent.set("audit", interval=3600)
    stage.agent.start()
    stage.agent.wait_connected("broker")
    stage.create(VF0, metadata=nova_metadata("nfv"))
    stage.agent.wait_placed(irq40="2-3")
    specs = DEDICATED | {"hw:pci_irq_affinity_mask": "1"}
    nova.publish("instance.create.end", f"nova-compute:{HOST}", versioned(GUEST, HOST, specs))
    stage.agent.wait_placed(irq40="3", irq41="3")
    assert stage.agent.stop() == 0
    stage.tree.put(stage.tree.proc / "irq/40/smp_affinity_list", "0-15")
    stage.agent.start()
    stage.agent.wait_placed(irq40="3")
    (row,) = stage.agent.status()["placement"]["guests"]
    assert "mask 1 from notification" in row["text"]
