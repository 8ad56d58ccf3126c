# SPDX-License-Identifier: Apache-2.0
"""Who uses each PCI function of the host: guests, then processes, then the host itself."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Use
from irqaffinity.observe.char_devices import CharDevice, is_for_programs, read_char_devices
from irqaffinity.observe.disks import find_disks_in_use
from irqaffinity.observe.holders import Holders, find_holders
from irqaffinity.observe.netdevs import Netdevs, is_up, master_of, read_netdevs
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import device_folder, driver_of
from irqaffinity.plan.uses import Sign, claims_of, held_by, reserved_by, served, settle_uses, unknown, used_as
from irqaffinity.sriov.claimants import Claimants

_DISK = "the host uses this disk of it"
_ADDRESSED = "it is up with an address"
_ADDRESSES_UNKNOWN = "whether it has an address is not known: netlink is not that of this host"
_ELSEWHERE = "another network namespace may have it; needs that of the host (hostNetwork: true), if this is not it"

_STUBS = ("pci-pf-stub", "pci-stub")
"""Drivers that make no netdev of what they have."""

_ETHERNET = "0x0200"
"""How the class of an Ethernet controller begins (include/linux/pci_ids.h)."""


class Link(Protocol):
    """What netlink tells of a network interface."""

    @property
    def is_up(self) -> bool:
        """Whether it is up, with a link or without."""

    @property
    def has_addresses(self) -> bool:
        """Whether it has an address of IPv4 or IPv6."""


def find_uses(
    root: HostRoot, claimants: Claimants, links: Mapping[str, Link] | None, addresses: Iterable[PciAddress]
) -> Mapping[PciAddress, Use]:
    """Return the use of each of these functions that is not free. A PF and each of its VFs has a use of its own.

    `links` are those of netlink, None where netlink is not this host's. Raises OSError where the host's devices or
    network interfaces cannot be listed.
    """
    drivers, signs = _read_drivers(root, addresses)
    netdevs = read_netdevs(root)
    claims = claims_of(claimants.active)
    signs += [*claims, *reserved_by(claimants.definitions, claimants.active)]
    devices, troubles = read_char_devices(root, drivers)
    signs += [Sign(address, unknown(trouble)) for address, trouble in troubles.items()]
    signs += find_processes(root, devices, {claim.function for claim in claims})
    signs += find_host_uses(root, netdevs, drivers.keys(), links)
    signs += [Sign(address, used_as(disk, _DISK)) for address, disk in find_disks_in_use(root).items()]
    signs += _find_hidden(root, drivers, netdevs, {device.function for device in devices if device.is_all})
    signs += [Sign(address, unknown(gap)) for gap in claimants.gaps for address in drivers]
    return {address: use for address, use in settle_uses(signs).items() if address in drivers}


def _read_drivers(root: HostRoot, addresses: Iterable[PciAddress]) -> tuple[dict[PciAddress, str | None], list[Sign]]:
    """Return the driver of each function, and a sign of each whose driver cannot be read."""
    drivers: dict[PciAddress, str | None] = {}
    signs = []
    for address in addresses:
        try:
            drivers[address] = driver_of(root, address)
        except OSError as error:
            drivers[address] = None
            signs.append(Sign(address, unknown(f"{error.filename}: {error.strerror}")))
    return drivers, signs


def find_processes(root: HostRoot, devices: Sequence[CharDevice], explained: Container[PciAddress] = ()) -> list[Sign]:
    """Return the processes that hold functions, and which function may be held by one that was not found.

    No process is looked at where an active guest explains each function that a program may hold.
    """
    sought = [device for device in devices if device.function not in explained]
    if not sought:
        return []
    holders = find_holders(root, {device.name for device in sought})
    sizes = Counter(device.name for device in devices)
    signs = [Sign(device.function, use) for device in sought for use in _held_through(device, holders, sizes)]
    if holders.missing is not None:
        signs += [Sign(device.function, unknown(holders.missing)) for device in sought if device.is_all]
    return signs


def _held_through(device: CharDevice, holders: Holders, sizes: Mapping[str, int]) -> Iterator[Use]:
    """Give the use by each process that holds a character device; fdinfo may name the one function of a group.

    A group of several functions is one program's at a time, so none of them is free while it is open.
    """
    shares = f"it holds {device.name}, which has {sizes[device.name]} functions" if sizes[device.name] > 1 else None
    yield from (held_by(process.pid, process.name) for process in holders.functions.get(device.function, ()))
    for process in holders.nodes.get(device.name, ()):
        use = held_by(process.pid, process.name, shares)
        yield use if device.is_all else served(use, device.name)


def find_host_uses(
    root: HostRoot, netdevs: Netdevs, addresses: Container[PciAddress], links: Mapping[str, Link] | None
) -> Iterator[Sign]:
    """Give how the host uses these functions as network interfaces; without `links`, one that is up may be used."""
    uppers = netdevs.uppers()
    for address, names in netdevs.by_function.items():
        for name in names if address in addresses else ():
            use = _use_by_host(root, name, uppers.get(name, ()), None if links is None else links.get(name))
            if use is not None:
                yield Sign(address, use)


def _use_by_host(root: HostRoot, name: str, uppers: Sequence[str], link: Link | None) -> Use | None:
    """Return how the host uses a network interface, None where it does not."""
    try:
        if uppers:
            master = master_of(root, name)
            told = f"{', '.join(uppers)} on it" if master is None else f"it is part of {master}"
            return used_as(name, told)
        if link is not None:
            return used_as(name, _ADDRESSED) if link.is_up and link.has_addresses else None
        return unknown(f"its netdev {name} is up, and {_ADDRESSES_UNKNOWN}") if is_up(root, name) else None
    except OSError as error:
        return unknown(f"{error.filename}: {error.strerror}")


def _find_hidden(
    root: HostRoot, drivers: Mapping[PciAddress, str | None], netdevs: Netdevs, others: Container[PciAddress]
) -> Iterator[Sign]:
    """Give a sign of each Ethernet function of the host whose netdev is in another network namespace, it seems."""
    for address, driver in drivers.items():
        has_none = driver is None or driver in _STUBS or is_for_programs(driver)
        if has_none or address in netdevs.by_function or address in others:
            continue
        try:
            kind = root.read_if_there(f"{device_folder(root, address)}/class") or ""
        except OSError as error:
            yield Sign(address, unknown(f"{error.filename}: {error.strerror}"))
            continue
        if kind.startswith(_ETHERNET):
            yield Sign(address, unknown(f"{driver} drives it without a netdev that is seen here: {_ELSEWHERE}"))
