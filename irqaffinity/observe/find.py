# SPDX-License-Identifier: Apache-2.0
"""Finds the one thing that a person named, or says that it is not there or could be several things."""

from collections.abc import Collection, Sequence
from typing import TypeVar

from irqaffinity.model.guest import GuestId, parse_guest_id
from irqaffinity.model.irq import parse_irq_number
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.target import Cpu, Target, UnknownTarget
from irqaffinity.model.text import clean
from irqaffinity.observe.cpu import read_present
from irqaffinity.observe.guests import Seen
from irqaffinity.observe.meanings import holders, netdevs, netdevs_with_mac, parse_cpu, parse_mac, parsed, read_target
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import device_folder, devices_of_interrupt

T = TypeVar("T", bound=Target)
Owned = int | PciAddress | GuestId
"""What may belong to one guest or device alone."""

_ACTIVE, _DEFINED = "active guest", "guest"
_SHOW_GUESTS = {
    _ACTIVE: "virsh list --uuid --name shows the guests",
    _DEFINED: "virsh list --all --uuid --name shows the guests",
}


def find_target(root: HostRoot, guests: Seen, text: str) -> Target:
    """Return the interrupt, device, guest or CPU that `text` names; raise UnknownTarget and OSError."""
    return _the_one(guests, text, _read_any(root, guests, text))


def find_guest(
    root: HostRoot, guests: Seen, text: str, gone: Collection[GuestId] = (), *, has_defined: bool = False
) -> GuestId:
    """Return the guest that `text` names, itself or through a device or interrupt of it alone.

    A guest that is `gone` is found by its uuid. `has_defined` tells that those are among the `guests` that are defined
    and do not run. Raises UnknownTarget and OSError.
    """
    who = _DEFINED if has_defined else _ACTIVE
    found = _refuse_cpus(_read_any(root, guests, text, gone, who), "guest")
    owners = [guest for target in found for guest in _guests_of(root, guests, target)]
    if not owners:
        raise UnknownTarget(f"no {who} has {_describe_all(guests, found)}; {_SHOW_GUESTS[who]}")
    return _the_one(guests, text, list(dict.fromkeys(owners)))


def find_device(root: HostRoot, guests: Seen, text: str) -> PciAddress:
    """Return the PCI device that `text` names, itself, through an interrupt of it, or as the only one of a guest.

    Raises UnknownTarget and OSError.
    """
    found = _refuse_cpus(_read_any(root, guests, text), "PCI device")
    devices = [address for target in found for address in _devices_of(root, guests, target)]
    if not devices:
        raise UnknownTarget(f"{_describe_all(guests, found)} has no PCI device; lspci -D shows the devices")
    return _the_one(guests, text, list(dict.fromkeys(devices)))


def _read_any(
    root: HostRoot, guests: Seen, text: str, gone: Collection[GuestId] = (), who: str = _ACTIVE
) -> list[Target]:
    found = read_target(root, guests, text, gone)
    if not found:
        raise UnknownTarget(_describe_absence(root, text, who))
    return found


def _refuse_cpus(found: list[Target], wanted: str) -> list[Owned]:
    """Return what was found; raise UnknownTarget for a CPU, which several guests and devices may use."""
    owned: list[Owned] = []
    for target in found:
        if isinstance(target, Cpu):
            remedy = f"irqaffinity explain cpu {target.number} shows which guests use it"
            raise UnknownTarget(f"CPU {target.number} is no {wanted}: {remedy}")
        owned.append(target)
    return owned


def _the_one(guests: Seen, text: str, found: Sequence[T]) -> T:
    if len(found) > 1:
        listed = _describe_all(guests, found)
        remedy = "name one of them by its uuid, by its full address or as irq N"
        raise UnknownTarget(f"'{clean(text)}' means several things: {listed}; {remedy}")
    return found[0]


def _guests_of(root: HostRoot, guests: Seen, target: Owned) -> list[GuestId]:
    if isinstance(target, str):
        return [target]
    return [uuid for address in _devices_of(root, guests, target) for uuid in holders(guests, address)]


def _devices_of(root: HostRoot, guests: Seen, target: Owned) -> list[PciAddress]:
    if isinstance(target, PciAddress):
        return [target]
    if isinstance(target, int):
        return devices_of_interrupt(root, target)
    return sorted(claim.address for claim in guests[target].claims)


def _describe_all(guests: Seen, found: Sequence[Target]) -> str:
    return ", ".join(_describe(guests, target) for target in found)


def _describe(guests: Seen, target: Target) -> str:
    """Return a thing by a name that nothing else has."""
    if isinstance(target, int):
        return f"irq {target}"
    if isinstance(target, PciAddress):
        return f"device {target}"
    if isinstance(target, Cpu):
        return f"cpu {target.number}"
    return f"guest {target} ({guests[target].guest.name})"


def _describe_absence(root: HostRoot, text: str, who: str) -> str:
    """Return a sentence that says what `text` does not name, for `who` was looked at, and how to list what is there."""
    shown = f"'{clean(text)}'"
    number, mac = parsed(parse_irq_number, text.removeprefix("irq ")), parsed(parse_mac, text)
    address, uuid = parsed(PciAddress.parse, text), parsed(parse_guest_id, text)
    cpu = parsed(parse_cpu, text)
    if cpu is not None:
        return f"there is no CPU {cpu.number}: this host has CPUs {read_present(root)}"
    if number is not None:
        missing = f"there is no interrupt {number}: {root.irq_folder(number)} does not exist"
        return f"{missing}, and no {who} has the name {shown}; /proc/interrupts shows the interrupts"
    if address is not None:
        folder = device_folder(root, address)
        return f"there is no PCI device {address}: {folder} does not exist; lspci -D shows the devices"
    if uuid is not None:
        return f"no {who} has the uuid {uuid}; {_SHOW_GUESTS[who]}"
    name = text if text in netdevs(root) else next(netdevs_with_mac(root, mac), None) if mac is not None else None
    if name is not None:
        return f"the netdev {clean(name)} stands on no PCI device; ls -l {root.sys}/class/net shows what it stands on"
    if mac is not None:
        missing = f"no interface of any {who}, no netdev and no virtual function that netlink shows has the MAC {mac}"
        return f"{missing}; ip link shows those of the host"
    if text.lower().startswith("cpu"):
        return f"{shown} is no CPU, and no {who} has this name: name a CPU as cpu 14"
    kinds = "no interrupt, PCI address, netdev, MAC or uuid that is there"
    return f"{shown} is {kinds}, and no {who} has this name; {_SHOW_GUESTS[who]}"
