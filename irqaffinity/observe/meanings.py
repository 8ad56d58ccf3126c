# SPDX-License-Identifier: Apache-2.0
"""Finds all that a text may mean: each interrupt, PCI device, guest or CPU of that name that is there.

No path is built from the text: it becomes a number or an address, or it is looked for among the names that are there.
"""

import re
from collections.abc import Callable, Collection, Iterator
from operator import itemgetter
from typing import TypeVar

from irqaffinity.model.guest import Claim, ClaimKind, Guest, GuestId, parse_guest_id
from irqaffinity.model.host import SeenGuest
from irqaffinity.model.irq import parse_irq_number
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.target import Cpu, Target
from irqaffinity.model.text import clean
from irqaffinity.observe.cpu import read_present
from irqaffinity.observe.guests import Seen, device_of_claim
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import device_folder, device_of_netdev

T = TypeVar("T")

_IRQ = re.compile(r"irq ([0-9]{1,9})")
_CPU = re.compile(r"cpu ([0-9]{1,5})")
_SHORT_ADDRESS = re.compile(r"[0-9a-f]{2}:[01][0-9a-f]\.[0-7]", re.IGNORECASE)
_MAC = re.compile(
    r"[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5}|(?:-[0-9a-f]{2}){5})|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}", re.IGNORECASE
)
_NO_MAC = "00:00:00:00:00:00"
"""What virtual functions have that nobody gave a MAC."""


def read_target(root: HostRoot, guests: Seen, text: str, gone: Collection[GuestId] = ()) -> list[Target]:
    """Return each thing that `text` names, once.

    A uuid of a guest (one of `guests` or of those that are `gone`), a full address, `irq N` and `cpu N` name one thing
    for sure: whoever may choose a guest's name cannot make them ambiguous. Netlink is asked only for a MAC that nothing
    else has. Raises OSError.
    """
    sure = _read_surely(root, guests, text, gone)
    found = list(dict.fromkeys(_read(root, guests, text) if sure is None else [sure]))
    mac = None if found else parsed(parse_mac, text)
    return found if mac is None else list(functions_with_mac(root, mac))


def parsed(parse: Callable[[str], T], text: str) -> T | None:
    """Return what `parse` makes of `text`, None where it raises ValueError."""
    try:
        return parse(text)
    except ValueError:
        return None


def parse_cpu(text: str) -> Cpu:
    """Return the CPU that `cpu N` names; raise ValueError for anything else."""
    found = _CPU.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is not a CPU")
    return Cpu(int(found[1]))


def parse_mac(text: str) -> str:
    """Return a hardware address as sysfs and libvirt write it, in lower case with colons; raise ValueError.

    It may be written with hyphens too, or as `fa16.3e11.2233`.
    """
    if not _MAC.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a MAC")
    return bytes.fromhex(re.sub("[-:.]", "", text)).hex(":")


def is_there(root: HostRoot, guests: Seen, address: PciAddress) -> bool:
    """Tell whether the host has a PCI device, or a guest names it without the host having it."""
    return root.exists(device_folder(root, address)) or bool(holders(guests, address))


def holders(guests: Seen, address: PciAddress) -> list[GuestId]:
    """Return the guests that have a device, sorted."""
    return sorted(uuid for uuid, seen in guests.items() if any(claim.address == address for claim in seen.claims))


def netdevs(root: HostRoot) -> list[str]:
    """Return the names of the host's network interfaces."""
    return root.list_if_there(f"{root.sys}/class/net")


def netdevs_with_mac(root: HostRoot, mac: str) -> Iterator[str]:
    """Give the network interfaces of the host that have a hardware address; one that cannot be read has none."""
    for name in netdevs(root):
        try:
            if (root.read_if_there(f"{root.sys}/class/net/{name}/address") or "").lower() == mac:
                yield name
        except OSError:
            continue  # such as a file beside the interfaces (bonding_masters)


def functions_with_mac(root: HostRoot, mac: str) -> Iterator[PciAddress]:
    """Give the virtual functions that have a MAC, as their physical function's driver tells over netlink.

    That is the port's in Neutron, whoever has the function. There is none where netlink is not this host's.
    """
    from irqaffinity.observe.netlink import open_netlink  # noqa: PLC0415  other targets do without it

    netlink = open_netlink(root) if mac != _NO_MAC else None
    try:
        links = {} if netlink is None else netlink.links()
    except OSError:
        return
    for name, link in sorted(links.items()):
        for index, settings in link.vfs.items():
            if settings.mac == mac:
                target = root.read_link(f"{root.sys}/class/net/{name}/device/virtfn{index}") or ""
                address = parsed(PciAddress.parse, target.rpartition("/")[2])
                if address is not None:
                    yield address


def _read_surely(root: HostRoot, guests: Seen, text: str, gone: Collection[GuestId]) -> Target | None:
    uuid, address, irq = parsed(parse_guest_id, text), parsed(PciAddress.parse, text), _IRQ.fullmatch(text)
    if uuid is not None and (uuid in guests or uuid in gone):
        return uuid
    if address is not None and is_there(root, guests, address):
        return address
    cpu = parsed(parse_cpu, text)
    if cpu is not None and cpu.number in read_present(root):
        return cpu
    return int(irq[1]) if irq is not None and root.exists(root.irq_folder(int(irq[1]))) else None


def _read(root: HostRoot, guests: Seen, text: str) -> Iterator[Target]:
    """Yield what `text` names; one thing may come twice."""
    number, mac = parsed(parse_irq_number, text), parsed(parse_mac, text)
    if number is not None and root.exists(root.irq_folder(number)):
        yield number
    if _SHORT_ADDRESS.fullmatch(text):
        yield from _with_short_address(root, guests, text)
    names = [text] if text in netdevs(root) else []
    for name in names if mac is None else [*names, *netdevs_with_mac(root, mac)]:
        address = device_of_netdev(root, name)
        if address is not None:
            yield address
    for uuid, seen in sorted(guests.items(), key=itemgetter(0)):
        if text.strip() and clean(text) in _names(seen):
            yield uuid
        if seen.readable is not None:
            yield from _through_interfaces(root, uuid, seen.readable, text, mac)


def _with_short_address(root: HostRoot, guests: Seen, text: str) -> list[PciAddress]:
    """Return the device of PCI domain 0, else those of any domain."""
    short = PciAddress.parse(f"0000:{text}")
    if is_there(root, guests, short):
        return [short]
    listed = (parsed(PciAddress.parse, name) for name in root.list_if_there(f"{root.sys}/bus/pci/devices"))
    claimed = {claim.address for seen in guests.values() for claim in seen.claims}
    known = claimed.union(address for address in listed if address is not None)
    return sorted(address for address in known if address[1:] == short[1:])


def _names(seen: SeenGuest) -> tuple[str | None, ...]:
    """Return the libvirt name of a guest and the one that its owner gave it in Nova."""
    return seen.guest.name, None if seen.readable is None else seen.readable.display_name


def _through_interfaces(root: HostRoot, uuid: GuestId, guest: Guest, text: str, mac: str | None) -> Iterator[Target]:
    """Give what a guest's interfaces lead to: their devices, or the guest where there is none."""
    if mac is not None and mac in guest.macs:
        claim = guest.macs[mac]
        yield uuid if claim is None else _device_or_guest(root, uuid, claim)
    for claim in guest.claims:
        if claim.kind is ClaimKind.MACVTAP and claim.source == text:
            yield _device_or_guest(root, uuid, claim)


def _device_or_guest(root: HostRoot, uuid: GuestId, claim: Claim) -> Target:
    try:
        return device_of_claim(root, claim) or uuid
    except OSError:
        return uuid
