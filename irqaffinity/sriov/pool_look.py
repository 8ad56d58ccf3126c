# SPDX-License-Identifier: Apache-2.0
"""One look at the pools of this host: all devices that device_spec names, and who uses them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from irqaffinity.grammar.device_spec import DeviceSpec, first_match
from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.model.host import Device
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, Inventory, PhysicalFunction, Pool, Use, UseKind
from irqaffinity.observe.netlink import Netlink, open_netlink
from irqaffinity.observe.plain_devices import functions_with_vdpa, read_plain_devices
from irqaffinity.observe.root import HostRoot
from irqaffinity.sriov.as_device import as_device
from irqaffinity.sriov.claimants import read_claimants
from irqaffinity.sriov.inventory import Links, read_inventory
from irqaffinity.sriov.pools import NOVAS_DOMAINS, Others, count_pools, is_novas, leaves_vfs
from irqaffinity.sriov.uses import find_uses


def look_at_pools(
    root: HostRoot,
    hypervisor: Hypervisor,
    specs: Sequence[DeviceSpec],
    open_links: Callable[[HostRoot], Netlink | None] = open_netlink,
) -> tuple[tuple[Pool, ...], tuple[str, ...]]:
    """Return the pools, and a line for each reason why not everything is known; raise HostUnreadable and OSError."""
    claimants = read_claimants(root, hypervisor)
    plain: list[Device] = []
    uses: dict[PciAddress, Use] = {}

    def find(links: Links | None, functions: Collection[PciAddress]) -> Mapping[PciAddress, Use]:
        plain.extend(find_plain(root, specs, set(functions)))
        uses.update(find_uses(root, claimants, links, [*functions, *(device.address for device in plain)]))
        return uses

    inventory = read_inventory(root, specs, find, open_links)
    others = Others(tuple(plain), uses, functions_with_vdpa(root))
    return count_pools(inventory, specs, others), _notes(inventory, specs, others)


def find_plain(root: HostRoot, specs: Sequence[DeviceSpec], functions: Collection[PciAddress]) -> list[Device]:
    """Return the devices without SR-IOV that these specs name; raise OSError."""
    if not specs:
        return []
    return [device for device in read_plain_devices(root, functions) if first_match(specs, device) is not None]


def _notes(inventory: Inventory, specs: Sequence[DeviceSpec], others: Others) -> tuple[str, ...]:
    """Return, for each reason for which nobody knows whether devices are free, which ones count as used for it."""
    reasons: dict[str, list[PciAddress]] = {}
    strange: list[PciAddress] = []
    for each in (*_that_matter(inventory, specs), *others.devices):
        use = others.uses.get(each.address) if isinstance(each, Device) else each.use
        if is_novas(each.address):
            _note(reasons, each.address, use, each.trouble)
        else:
            strange.append(each.address)
    told = [f"{_name(found, 'count')} as used, for that is not known: {reason}" for reason, found in reasons.items()]
    left_out = f"in no pool: Nova takes no device of a PCI domain above {NOVAS_DOMAINS:X}"
    return (*told, *([f"{_name(strange, 'stand')} {left_out}"] if strange else []))


def _that_matter(inventory: Inventory, specs: Sequence[DeviceSpec]) -> Iterator[PhysicalFunction | Function]:
    """Give the functions that are in a pool, or take another one out of it, or cannot be read, so that nobody knows."""

    def is_in(device: Device) -> bool:
        return not specs or first_match(specs, device) is not None

    for physical in inventory.pfs:
        device = as_device(physical)
        inside = {function.address for function in physical.vfs if is_in(as_device(function, device))}
        is_itself = is_in(device)
        if is_itself or physical.trouble is not None or (inside and not leaves_vfs(physical)):
            yield physical
        for function in physical.vfs:
            if is_itself or function.trouble is not None or function.address in inside:
                yield function


def _note(reasons: dict[str, list[PciAddress]], address: PciAddress, use: Use | None, trouble: str | None) -> None:
    if trouble is None and use is not None and use.kind is UseKind.UNKNOWN:
        trouble = use.message or "nobody tells why"
    if trouble is not None:
        reasons.setdefault(trouble, []).append(address)


def _name(addresses: Sequence[PciAddress], verb: str) -> str:
    first, more = addresses[0], len(addresses) - 1
    return f"{first} and {more} more {verb}" if more else f"{first} {verb}s"
