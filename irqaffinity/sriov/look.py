# SPDX-License-Identifier: Apache-2.0
"""One look at SR-IOV on this host: what is there, and who uses it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from irqaffinity.grammar.device_spec import DeviceSpec
from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Inventory, Use
from irqaffinity.observe.netlink import Netlink, open_netlink
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.turns import collector_paused
from irqaffinity.sriov.claimants import Claimants, read_claimants
from irqaffinity.sriov.inventory import Links, read_inventory
from irqaffinity.sriov.uses import find_uses


def look_at_functions(
    root: HostRoot,
    hypervisor: Hypervisor,
    specs: Sequence[DeviceSpec],
    open_links: Callable[[HostRoot], Netlink | None] = open_netlink,
) -> tuple[Inventory, Claimants]:
    """Return all functions with their users, and whom libvirt knows.

    Where libvirt is away, a note says so, and no function is free. Raises HostUnreadable and OSError.
    """
    with collector_paused():
        claimants = read_claimants(root, hypervisor)

        def find(links: Links | None, addresses: Collection[PciAddress]) -> Mapping[PciAddress, Use]:
            return find_uses(root, claimants, links, addresses)

        found = read_inventory(root, specs, find, open_links)
    return replace(found, notes=(*claimants.gaps, *claimants.notes, *found.notes)), claimants
