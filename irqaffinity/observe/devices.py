# SPDX-License-Identifier: Apache-2.0
"""The `<devices>` of a domain: which PCI devices it claims, and how. Pure: it reads the XML alone.

It ignores `<driver>`: Nova writes none, and libvirt adds one with and without a name.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from xml.etree.ElementTree import Element

from irqaffinity.model.guest import Claim, ClaimKind, LeftOut, parse_guest_id
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import clean
from irqaffinity.model.verdict import LeftOutReason

_NETDEV = re.compile(r"(?!\.\.?$)[^/:\s\0]{1,15}")
_VHOST_VDPA = re.compile(r"/dev/(vhost-vdpa-[0-9]{1,9})")
_NUMBER = re.compile(r"(?:0[xX](?P<hex>[0-9a-fA-F]{1,8})|(?P<octal>0[0-7]{0,11})|(?P<decimal>[1-9][0-9]{0,9}))")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")

_Reader = Callable[[Element], Claim]


class _Unresolved(ValueError):
    """A source that surely leads to no PCI device."""


def read_claims(root: Element) -> tuple[tuple[Claim, ...], list[LeftOut]]:
    """Return the devices that a domain claims, each once, and the elements that are left out."""
    claims: dict[Claim, None] = {}
    left_out = []
    for element, kind in _elements(root):
        try:
            claims[_READERS[kind](element)] = None
        except ValueError as error:
            unresolved = isinstance(error, _Unresolved)
            reason = LeftOutReason.UNRESOLVED if unresolved else LeftOutReason.NOT_UNDERSTOOD
            left_out.append(LeftOut(kind.value, reason, clean(f"{reason.sentence}: {error}")))
    return tuple(claims), left_out


def read_macs(root: Element) -> Mapping[str, Claim | None]:
    """Return the hardware addresses of a domain's interfaces, and the device that each of these claims, if one."""
    macs: dict[str, Claim | None] = {}
    kinds = {id(element): kind for element, kind in _elements(root)}
    for interface in root.iterfind("devices/interface"):
        mac, kind = interface.find("mac"), kinds.get(id(interface))
        address = "" if mac is None else mac.get("address", "").lower()
        if _MAC.fullmatch(address):
            macs[address] = None if kind is None else _claim_or_none(interface, kind)
    return macs


def _claim_or_none(element: Element, kind: ClaimKind) -> Claim | None:
    try:
        return _READERS[kind](element)
    except ValueError:
        return None


def _elements(root: Element) -> Iterator[tuple[Element, ClaimKind]]:
    """Give each element that may be a PCI device, with the way in which it names it."""
    kinds = {kind.value: kind for kind in ClaimKind}
    found = (element for name in ("hostdev", "interface", "disk") for element in root.iterfind(f"devices/{name}"))
    for element in found:
        kind = kinds.get(f"{element.tag} type='{element.get('type')}'")
        if kind is not None and (element.tag != "hostdev" or element.get("mode") == "subsystem"):
            yield element, kind


def _read_address(kind: ClaimKind) -> _Reader:
    return lambda element: Claim(kind, _pci_address(element.find("source/address")))


def _read_source(kind: ClaimKind, form: re.Pattern[str]) -> _Reader:
    return lambda element: Claim(kind, source=_source(element.find("source"), form))


def _read_mdev(element: Element) -> Claim:
    address = element.find("source/address")
    return Claim(ClaimKind.MDEV, source=parse_guest_id("" if address is None else address.get("uuid", "")))


_READERS: Mapping[ClaimKind, _Reader] = {
    ClaimKind.HOSTDEV: _read_address(ClaimKind.HOSTDEV),
    ClaimKind.INTERFACE: _read_address(ClaimKind.INTERFACE),
    ClaimKind.NVME: _read_address(ClaimKind.NVME),
    ClaimKind.MACVTAP: _read_source(ClaimKind.MACVTAP, _NETDEV),
    ClaimKind.VDPA: _read_source(ClaimKind.VDPA, _VHOST_VDPA),
    ClaimKind.MDEV: _read_mdev,
}


def _pci_address(address: Element | None) -> PciAddress:
    if address is None:
        raise ValueError("it has no <source><address>")
    if address.get("type", "pci") != "pci":
        raise ValueError(f"its <address> is of type {address.get('type')!r}")
    names = ("domain", "bus", "slot", "function")
    return PciAddress.checked(*(_number(name, address.get(name, "0" if name == "domain" else "")) for name in names))


def _number(name: str, text: str) -> int:
    """Return a part of an address as libvirt reads it: hexadecimal after 0x, octal after 0, else decimal.

    (virXMLPropUInt with base 0 in src/conf/device_conf.c, virPCIDeviceAddressParseXML.)
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"the {name} of its <address> is {text[:40]!r}, which is no number")
    return int(match[match.lastgroup or 0], {"hex": 16, "octal": 8, "decimal": 10}[match.lastgroup or ""])


def _source(source: Element | None, form: re.Pattern[str]) -> str:
    """Return the checked name in `<source dev=...>`, for a path is built from it."""
    text = "" if source is None else source.get("dev", "")
    match = form.fullmatch(text)
    if match is None or not text.isprintable():
        raise _Unresolved(f"<source dev={text[:80]!r}>")
    return match[match.lastindex or 0]
