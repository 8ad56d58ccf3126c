# SPDX-License-Identifier: Apache-2.0
"""Puts together what sysfs, netlink, the configuration and the users of PCI functions tell of SR-IOV on this host."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from irqaffinity.grammar.device_spec import DeviceSpec
from irqaffinity.model.host import Device
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, Inventory, PhysicalFunction, Use, UseKind, VfSettings
from irqaffinity.observe.netlink import Link, Netlink, open_netlink
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sriov import read_physical_functions
from irqaffinity.sriov.as_device import as_device
from irqaffinity.sriov.pools import leaves_vfs

Links = Mapping[str, Link]
FindUses = Callable[[Links | None, Collection[PciAddress]], Mapping[PciAddress, Use]]
"""Finds who uses which of these functions; the links are None where netlink is not this host's."""

_NO_NETLINK = (
    "what virtual functions are set to is not known: /sys is that of another host or network namespace than this "
    "process has; run it in the network namespace of the host (hostNetwork: true or --net=host) and with its own /sys"
)


def read_inventory(
    root: HostRoot,
    specs: Sequence[DeviceSpec],
    uses: Mapping[PciAddress, Use] | FindUses,
    open_links: Callable[[HostRoot], Netlink | None] = open_netlink,
) -> Inventory:
    """Return all physical functions with their virtual ones, what these are set to, their users and their tags.

    `specs` are `[pci] device_spec`. `uses` may be a function, which is asked once the functions are known. Raises
    HostUnreadable where the PCI devices cannot be listed.
    """
    physical = read_physical_functions(root)
    links, notes = _read_links(root, open_links) if physical else (None, [])
    for function in physical:
        link = None if links is None or function.netdev is None else links.get(function.netdev)
        if link is not None and link.trouble is not None:
            notes.append(f"{function.netdev}: what its virtual functions are set to is not known: {link.trouble}")
    if callable(uses):
        addresses = [address for function in physical for address in _addresses(function)]
        uses = uses(links, addresses)
    return Inventory(tuple(_complete(function, specs, uses, links or {}) for function in physical), tuple(notes))


def _read_links(root: HostRoot, open_links: Callable[[HostRoot], Netlink | None]) -> tuple[Links | None, list[str]]:
    """Return the network interfaces, None where nobody tells of them, and why that is so."""
    netlink = open_links(root)
    if netlink is None:
        return None, [_NO_NETLINK]
    try:
        return netlink.links(), []
    except OSError as error:
        return None, [f"what virtual functions are set to is not known: netlink: {error.strerror or error}"]


def _addresses(physical: PhysicalFunction) -> list[PciAddress]:
    return [physical.address, *(function.address for function in physical.vfs)]


def _complete(
    physical: PhysicalFunction, specs: Sequence[DeviceSpec], uses: Mapping[PciAddress, Use], links: Links
) -> PhysicalFunction:
    link = links.get(physical.netdev) if physical.netdev is not None else None
    settings: Mapping[int, VfSettings] = {} if link is None else link.vfs
    device = as_device(physical)
    physical = replace(physical, use=_use_of(physical, uses), **_match(specs, device))
    taken = _taken_along(physical)
    return replace(
        physical,
        vfs=tuple(
            replace(
                function,
                settings=settings.get(function.index),
                use=_use_of(function, uses) or taken,
                **_match(specs, as_device(function, device)),
            )
            for function in physical.vfs
        ),
    )


def _use_of(function: Function | PhysicalFunction, uses: Mapping[PciAddress, Use]) -> Use | None:
    """Return by whom a function is used; one that cannot be read counts as free for nobody."""
    use = uses.get(function.address)
    return Use(UseKind.UNKNOWN, message=function.trouble) if use is None and function.trouble is not None else use


def _taken_along(physical: PhysicalFunction) -> Use | None:
    """Return the use of virtual functions that their physical one takes with it; None where it leaves them."""
    use = physical.use
    if use is None or leaves_vfs(physical):
        return None
    if use.kind is UseKind.UNKNOWN:
        return use
    told = f"it goes with its physical function {physical.address}"
    return use._replace(message="; ".join(filter(None, (told, use.message))))


def _match(specs: Sequence[DeviceSpec], device: Device) -> dict[str, Any]:
    """Return which spec matches a device, the first one being number 1, and its tags."""
    number, spec = next(((n, spec) for n, spec in enumerate(specs, 1) if spec.matches(device)), (None, None))
    return {"spec": number, "tags": {} if spec is None else spec.tags}
