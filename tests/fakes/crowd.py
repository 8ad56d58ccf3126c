# SPDX-License-Identifier: Apache-2.0
"""A host of 64 guests as an operator meets it: most are placed, and some are in every other way a guest can be."""

from pathlib import Path
from typing import NamedTuple

from tests.fakes.domains import domain, hostdev, make_libvirt, nova_metadata
from tests.fakes.tree import HostTree

GUESTS = 64
SKIPPED, IN_ERROR, REMOTE, PENDING, WIDE = 17, (9, 33, 40, 58), 21, 5, 30
"""The numbers of guests that have no dedicated CPUs, a mask with a mistake, a device on the other node only, interrupts
that the hardware has not moved yet, and a name in Chinese."""

VECTORS = 4
WIDE_NAME = "测试-计算节点-虚拟机"


class Crowd(NamedTuple):
    """Where the host is, and the libvirt that runs its guests."""

    tree: HostTree
    uri: str

    def arguments(self, state: Path) -> list[str]:
        """Return the arguments that lead the program to this host."""
        where = [f"--proc={self.tree.proc}", f"--sys={self.tree.sys}", f"--state={state}"]
        return ["--config-file=/dev/null", *where, f"--libvirt-uri={self.uri}"]


def make_crowd(folder: Path) -> Crowd:
    """Build the host: two nodes of 128 CPUs; each guest has two of them, and a device with four interrupts."""
    tree = HostTree(folder / "host", {0: "0-127", 1: "128-255"}, "0-255")
    domains = []
    for number in range(GUESTS):
        node = number % 2
        address = f"0000:{'41' if node == 0 else '81'}:{1 + number // 16:02x}.{number // 2 % 8}"
        tree.add_device(address, 1 - node if number == REMOTE else node)
        first = 1000 + VECTORS * number
        effective = "0" if number == PENDING else None
        tree.add_vectors(address, range(first, first + VECTORS), "0-127" if node == 0 else "128-255", effective)
        cpus = [str(128 * node + 4 + 2 * (number // 2) + place) for place in range(2)]
        policy = "shared" if number == SKIPPED else "dedicated"
        specs = {"hw:cpu_policy": policy, "hw:pci_irq_affinity_mask": "5" if number in IN_ERROR else "0-1"}
        name = WIDE_NAME if number == WIDE else f"instance-{number}"
        pins = ["0-255"] * 2 if number == SKIPPED else cpus
        uuid = f"{(number * 2654435761) % 2**32:08x}-1111-4111-8111-{number:012x}"
        domains.append(domain(name, uuid, pins, [hostdev(address)], metadata=nova_metadata("nfv", specs)))
    return Crowd(tree, make_libvirt(folder / "libvirt", domains))
