# SPDX-License-Identifier: Apache-2.0
"""The pools of PCI functions as Nova's tracker counts them, with what is free on this host by all that is seen here.

The source of the keys is nova/pci/stats.py. Newer releases of Nova also split their pools by the physical function (for
Placement) and by the name of its netdev; what differs in nothing else is one pool here.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from irqaffinity.grammar.device_spec import DeviceSpec, Tags, first_match
from irqaffinity.model.host import Device
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, Inventory, PhysicalFunction, Pool, Use, UseKind
from irqaffinity.sriov.as_device import as_device

PLAIN, PHYSICAL, VIRTUAL, VDPA = "type-PCI", "type-PF", "type-VF", "vdpa"
"""The kinds of PCI devices (nova/objects/fields.py, PciDeviceType)."""

NOVAS_DOMAINS = 0xFFFF
"""The highest PCI domain in which Nova takes devices (nova/pci/devspec.py, MAX_DOMAIN); it leaves out the others."""

_NETWORK = "physical_network"
_OF_PLACEMENT = ("resource_class", "traits")
_BOOLEANS = ("managed", "live_migratable", "one_time_use", "remote_managed")
_TRUE = ("1", "t", "true", "on", "y", "yes")
_LEAVES_VFS = (UseKind.HOST, UseKind.MACVTAP, UseKind.VDPA, UseKind.MDEV)
"""How a physical function may be used while its virtual ones can be given to guests: a driver of the host has it."""


@dataclass(frozen=True, slots=True)
class Others:
    """What pools need beyond the inventory: the devices without SR-IOV, with their users, and the VFs with vdpa.

    `known` are functions of the inventory as they were read for device_spec, with all of their netdevs.
    """

    devices: tuple[Device, ...] = ()
    uses: Mapping[PciAddress, Use] = field(default_factory=dict)
    vdpa: Collection[PciAddress] = ()
    known: Mapping[PciAddress, Device] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Counted:
    """A PCI function with what decides its pool, and whether a new guest could get it."""

    device: Device
    dev_type: str
    is_free: bool


def count_pools(inventory: Inventory, specs: Collection[DeviceSpec], others: Others = Others()) -> tuple[Pool, ...]:
    """Return the pools of what `specs` match, sorted. Without specs they are of the functions of SR-IOV alone.

    Used is what a new guest could not get: what anybody has, what is reserved, and what nobody knows the user of. A
    physical function is used where one of its virtual ones is, and takes these with it where a guest or a process has
    it.
    """
    found: dict[tuple[Any, ...], tuple[Pool, list[bool]]] = {}
    for counted in _functions(inventory, others if specs else replace(others, devices=())):
        spec = first_match(specs, counted.device)
        if is_novas(counted.device.address) and (spec is not None or not specs):
            pool = _pool_of(counted, {} if spec is None else spec.tags)
            found.setdefault(_key(pool), (pool, []))[1].append(counted.is_free)
    counts = ((pool, len(free), free.count(False)) for _, (pool, free) in sorted(found.items()))
    return tuple(pool._replace(total=total, used=used) for pool, total, used in counts)


def _functions(inventory: Inventory, others: Others) -> Iterator[_Counted]:
    for physical in inventory.pfs:
        is_whole = _is_free(physical) and all(_is_free(function) for function in physical.vfs)
        device = others.known.get(physical.address) or as_device(physical)
        yield _Counted(device, PHYSICAL, is_whole)
        for function in physical.vfs:
            kind = VDPA if function.address in others.vdpa else VIRTUAL
            is_free = _is_free(function) and leaves_vfs(physical)
            yield _Counted(others.known.get(function.address) or as_device(function, device), kind, is_free)
    for device in others.devices:
        yield _Counted(device, PLAIN, device.trouble is None and device.address not in others.uses)


def _is_free(function: Function | PhysicalFunction) -> bool:
    return function.use is None and function.trouble is None


def is_novas(address: PciAddress) -> bool:
    """Tell whether Nova can take a device at this address."""
    return address.domain <= NOVAS_DOMAINS


def leaves_vfs(physical: PhysicalFunction) -> bool:
    """Tell whether virtual functions of this one can be given to guests."""
    use = physical.use
    if use is None or use.kind in _LEAVES_VFS:
        return True
    return use.kind is UseKind.UNKNOWN and physical.netdev is not None


def _pool_of(counted: _Counted, tags: Tags) -> Pool:
    device, node = counted.device, counted.device.numa_node
    network = tags.get(_NETWORK)
    return Pool(
        physical_network=network if network is None or isinstance(network, str) else json.dumps(network),
        vendor=device.vendor,
        product=device.product,
        numa_node=None if node is None or node < 0 else node,
        dev_type=counted.dev_type,
        tags=dict(_tags_of_pool(tags)),
        total=0,
        used=0,
    )


def _tags_of_pool(tags: Tags) -> Iterable[tuple[str, Any]]:
    """Give the tags that tell pools apart, booleans as Nova writes them; without remote_managed a device is not so."""
    for name, value in tags.items():
        if name in _BOOLEANS and value is not None:
            is_true = str(value).strip().lower() in _TRUE
            if is_true or name != "remote_managed":
                yield name, "true" if is_true else "false"
        elif name not in (_NETWORK, *_OF_PLACEMENT) and value is not None:
            yield name, value


def _key(pool: Pool) -> tuple[object, ...]:
    """Return what tells a pool apart, in the order in which pools are shown: those without a network come last."""
    network, node = pool.physical_network, -1 if pool.numa_node is None else pool.numa_node
    tags = json.dumps(pool.tags, sort_keys=True)
    return network is None, network or "", pool.vendor, pool.product, node, pool.dev_type, tags
