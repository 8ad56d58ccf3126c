# SPDX-License-Identifier: Apache-2.0
"""The host of the demo is one that a pass reads as its introduction says."""

import contextlib
from pathlib import Path

from irqaffinity.demo.hosts import make_demo_host
from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.model.guest import Guest
from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.domain import parse_domain
from irqaffinity.observe.sysfs import Details, read_device
from irqaffinity.observe.topology import read_topology


def read_guests(uri: str) -> list[Guest]:
    with contextlib.closing(Hypervisor(uri)) as hypervisor:
        found = [parse_domain(domain.xml or "") for domain in hypervisor.active_domains()]
    return sorted((guest for guest in found if guest is not None), key=lambda guest: guest.name)


def test_two_nodes_at_a_distance(tmp_path: Path) -> None:
    tree, _ = make_demo_host(tmp_path)
    topology = read_topology(tree.root)
    assert str(topology.online) == "0-15"
    assert {node: str(cpus) for node, cpus in topology.nodes.items()} == {0: "0-7", 1: "8-15"}
    assert topology.distances == {0: {0: 10, 1: 21}, 1: {0: 21, 1: 10}}


def test_two_guests_with_a_card_on_each_node_whose_interrupts_may_arrive_anywhere_on_it(tmp_path: Path) -> None:
    tree, uri = make_demo_host(tmp_path)
    masked, unmasked = read_guests(uri)
    assert (masked.flavor, unmasked.flavor) == ("nfv.large", "nfv.small")
    assert masked.extra_specs == {"hw:cpu_policy": "dedicated", "hw:pci_irq_affinity_mask": "1-4,^3,6"}
    assert unmasked.extra_specs == {"hw:cpu_policy": "dedicated"}
    assert [str(masked.pins[vcpu]) for vcpu in range(8)] == ["2", "3", "4", "5", "10", "11", "12", "13"]
    for guest in (masked, unmasked):
        for claim, node, cpus in zip(guest.claims, (0, 1), ("0-7", "8-15"), strict=True):
            assert isinstance(claim.address, PciAddress)
            device = read_device(tree.root, claim.address, Details())
            assert (device.driver, device.numa_node) == ("vfio-pci", node)
            assert [str(interrupt.smp) for interrupt in device.interrupts] == [cpus] * 4
