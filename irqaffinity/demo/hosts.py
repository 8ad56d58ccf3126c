# SPDX-License-Identifier: Apache-2.0
"""The host of `irqaffinity demo`: two NUMA nodes, and two guests that have a network card on each."""

from collections.abc import Mapping
from pathlib import Path

from irqaffinity.demo.domains import domain, hostdev, make_libvirt, nova_metadata
from irqaffinity.demo.tree import HostTree

NODES: Mapping[int, str] = {0: "0-7", 1: "8-15"}
DISTANCES: Mapping[int, str] = {0: "10 21", 1: "21 10"}
ONLINE = "0-15"

_FIRST_VECTOR = 40
_VECTORS = 4
_DEVICES = {"0000:41:00.1": 0, "0000:41:00.2": 0, "0000:81:00.1": 1, "0000:81:00.2": 1}


def make_demo_host(folder: Path) -> tuple[HostTree, str]:
    """Build the host below `folder`; return its tree, and the URI of a libvirt that runs its guests."""
    tree = HostTree(folder / "host", NODES, ONLINE)
    tree.set_distances(DISTANCES)
    for index, (address, node) in enumerate(_DEVICES.items()):
        first = _FIRST_VECTOR + index * _VECTORS
        tree.add_device(address, node)
        tree.add_vectors(address, range(first, first + _VECTORS), NODES[node])
    masked = domain(
        "instance-0000000a",
        "0b6f0c1a-8f5e-4c7e-9a55-6f2d1c3b7a10",
        ["2", "3", "4", "5", "10", "11", "12", "13"],
        [hostdev("0000:41:00.1"), hostdev("0000:81:00.1")],
        metadata=nova_metadata("nfv.large", {"hw:cpu_policy": "dedicated", "hw:pci_irq_affinity_mask": "1-4,^3,6"}),
    )
    unmasked = domain(
        "instance-0000000b",
        "5d1d7c52-3f0e-4f0b-8a39-2b8f2a4d9c11",
        ["14", "15"],
        [hostdev("0000:41:00.2"), hostdev("0000:81:00.2")],
        metadata=nova_metadata("nfv.small", {"hw:cpu_policy": "dedicated"}),
    )
    return tree, make_libvirt(folder / "libvirt", [masked, unmasked])
