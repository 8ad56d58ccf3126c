# SPDX-License-Identifier: Apache-2.0
"""A large host: four nodes of 64 CPUs with two threads a core, and sixty-four guests with two devices each."""

from pathlib import Path

from irqaffinity.model.cpuset import CpuSet
from tests.fakes.domains import domain, hostdev, make_libvirt, nova_metadata
from tests.fakes.tree import HostTree

NODES = {node: f"{32 * node}-{32 * node + 31},{128 + 32 * node}-{128 + 32 * node + 31}" for node in range(4)}
GUESTS = 64
OFFLINE = 255
_VCPUS = 4
_THREADS = 128
"""CPU N and CPU N + 128 are threads of one core."""


def make_large_host(folder: Path, vectors: int) -> tuple[HostTree, str]:
    """Build the host below `folder`, with so many interrupts a device; return its tree and the URI of its libvirt.

    Of every eight guests the fourth has a mask beyond its vCPUs, and the sixth has a device on a remote node.
    """
    online = "0-254"
    tree = HostTree(
        folder / "host", {node: str(CpuSet.parse(cpus) - CpuSet([OFFLINE])) for node, cpus in NODES.items()}, online
    )
    tree.set_distances({node: " ".join("10" if node == other else "21" for other in NODES) for node in NODES})
    tree.put(tree.sys / "devices/system/cpu/present", "0-255")
    tree.put(tree.sys / "devices/system/cpu/isolated", "2-31,34-63,66-95,98-127,130-159,162-191,194-223,226-255")
    tree.link(tree.sys / f"devices/system/cpu/cpu{OFFLINE}/node3", tree.sys / "devices/system/node/node3")
    for cpu in CpuSet.parse(online):
        core = cpu % _THREADS
        topology = tree.sys / f"devices/system/cpu/cpu{cpu}/topology"
        tree.put(topology / "thread_siblings_list", f"{core},{core + _THREADS}" if core != 127 else "127")
        tree.put(topology / "physical_package_id", str(core // 64))
    domains = [_add_guest(tree, guest, vectors) for guest in range(GUESTS)]
    return tree, make_libvirt(folder / "libvirt", domains)


def _add_guest(tree: HostTree, guest: int, vectors: int) -> str:
    node = guest % 4
    first = 32 * node + 2 * (guest // 4)
    pins = [str(cpu + thread) for thread in (0, _THREADS) for cpu in (first, first + 1)]
    addresses = [f"{node:04x}:{0x41 + guest // 8:02x}:{guest % 8:02x}.{number}" for number in range(2)]
    for number, address in enumerate(addresses):
        home = (node + 1) % 4 if guest % 8 == 5 and number else node
        tree.add_device(address, home)
        first_number = 100 + (2 * guest + number) * vectors
        numbers = range(first_number, first_number + vectors)
        tree.add_vectors(address, numbers, NODES[home] if guest % 16 == 9 else pins[number], effective=pins[number])
    mask = "1-9" if guest % 8 == 3 else f"0-{_VCPUS - 1}"
    specs = {"hw:cpu_policy": "dedicated", "hw:pci_irq_affinity_mask": mask}
    uuid = f"{guest:08x}-0000-4000-8000-000000000000"
    return domain(
        f"instance-{0x1200 + guest:08x}",
        uuid,
        pins,
        list(map(hostdev, addresses)),
        metadata=nova_metadata("nfv", specs),
    )
