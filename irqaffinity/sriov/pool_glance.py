# SPDX-License-Identifier: Apache-2.0
"""The pools as sysfs and the guests that are known show them: at little cost, for the metrics.

It asks neither libvirt nor netlink, looks at no process, and reads no file that waits for the locks of a driver. So
what a stopped guest has reserved counts as free here, and a netdev that is up counts as the host's.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from irqaffinity.grammar.device_spec import DeviceSpec, first_match
from irqaffinity.model.host import Device
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, Inventory, PhysicalFunction, Pool, Use
from irqaffinity.observe.char_devices import may_be_held
from irqaffinity.observe.guests import Seen
from irqaffinity.observe.netdevs import read_netdevs
from irqaffinity.observe.plain_devices import functions_with_vdpa, read_identity
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import device_folder, pci_addresses
from irqaffinity.plan.uses import Sign, claims_of, settle_uses, unknown
from irqaffinity.sriov.pools import Others, count_pools
from irqaffinity.sriov.uses import find_host_uses


def glance_at_pools(root: HostRoot, guests: Seen, specs: Sequence[DeviceSpec]) -> tuple[Pool, ...]:
    """Return the pools of what `specs` match; `guests` are the active ones. Raises OSError."""
    devices = {address: read_identity(root, address) for address in pci_addresses(root)}
    children: dict[PciAddress, list[Device]] = defaultdict(list)
    for device in devices.values():
        if device.parent is not None:
            children[device.parent].append(device)
    whole = {at for at, device in devices.items() if at in children or (device.parent is None and _can(root, device))}
    plain = [device for device in devices.values() if device.address not in whole and device.parent is None]
    plain = [device for device in plain if first_match(specs, device) is not None]
    sought = whole.union(*(map(_address, found) for found in (*children.values(), plain)))
    uses = _find_uses(root, guests, {address: devices[address] for address in sought if address in devices})
    pfs = [_physical(devices[at], children.get(at, ()), uses) for at in sorted(whole) if at in devices]
    return count_pools(Inventory(tuple(pfs)), specs, Others(tuple(plain), uses, functions_with_vdpa(root), devices))


def _can(root: HostRoot, device: Device) -> bool:
    """Tell whether a device can have virtual functions."""
    text = root.read_if_there(f"{device_folder(root, device.address)}/sriov_totalvfs") or "0"
    return text.isdecimal() and int(text) > 0


def _address(device: Device) -> PciAddress:
    return device.address


def _find_uses(root: HostRoot, guests: Seen, devices: Mapping[PciAddress, Device]) -> Mapping[PciAddress, Use]:
    held = [device.address for device in devices.values() if may_be_held(root, device.address, device.driver)]
    signs = [*claims_of(guests), *find_host_uses(root, read_netdevs(root), devices.keys(), None)]
    return settle_uses([*signs, *(Sign(address, unknown("a program may hold it")) for address in held)])


def _physical(device: Device, children: Sequence[Device], uses: Mapping[PciAddress, Use]) -> PhysicalFunction:
    return PhysicalFunction(
        device.address,
        netdev=next(iter(device.netdevs), None),
        vendor=device.vendor,
        product=device.product,
        numa_node=device.numa_node,
        use=uses.get(device.address),
        trouble=device.trouble,
        vfs=tuple(
            Function(index, child.address, use=uses.get(child.address), trouble=child.trouble)
            for index, child in enumerate(children)
        ),
    )
