# SPDX-License-Identifier: Apache-2.0
"""From the XML of an active libvirt domain to a Guest. Pure: the text is all it reads.

The form of the XML is libvirt's (docs/formatdomain.rst) as Nova fills it in (nova/virt/libvirt/config.py). `<driver>`
is passed over: Nova writes none, and libvirt adds one with and without a name.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from irqaffinity.model.cpuset import LIMIT, CpuSet
from irqaffinity.model.guest import Claim, ClaimKind, Guest, parse_guest_id
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import clean
from irqaffinity.spec.mask import EXTRA_SPEC

_POLICY = "hw:cpu_policy"
_REALTIME = frozenset({"fifo", "rr"})
_NETDEV = re.compile(r"(?!\.\.?$)[^/:\s\0]{1,15}")
_HEX = re.compile(r"(0[xX])?[0-9a-fA-F]{1,8}")
_DECIMAL = re.compile(r"[0-9]{1,20}")
_VHOST_VDPA = re.compile(r"/dev/(vhost-vdpa-[0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Domain:
    """An active domain: its XML, or why libvirt did not give it."""

    uuid: str
    name: str
    xml: str | None = None
    error: str | None = None


class DomainError(ValueError):
    """A domain XML that cannot be understood; str() names the element."""


@functools.lru_cache(maxsize=1024)
def parse_domain(xml: str) -> Guest | None:
    """Return the guest that `xml` describes, or None when the domain is no longer active; raise DomainError.

    The same text gives the same guest, so it is kept: in the steady state a pass parses nothing.
    """
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError) as error:
        raise DomainError(clean(f"it is not well-formed XML: {error}")) from error
    if root.tag != "domain":
        raise DomainError(f"its root element is <{clean(root.tag)}>, not <domain>")
    if root.get("id") is None:
        return None
    try:
        return _read_guest(root)
    except ValueError as error:
        raise DomainError(clean(str(error))) from error


def _read_guest(root: Element) -> Guest:
    vcpus = _vcpu_number("<vcpu>", root.findtext("vcpu"))
    if not 1 <= vcpus <= LIMIT:
        raise ValueError(f"<vcpu> is {vcpus}")
    specs = _extra_specs(root)
    mask = None if specs is None else specs.get(EXTRA_SPEC)
    emulator = root.find("cputune/emulatorpin")
    flavor = root.find("metadata/{*}instance/{*}flavor")
    return Guest(
        uuid=parse_guest_id(root.findtext("uuid") or ""),
        name=clean(root.findtext("name") or ""),
        vcpus=vcpus,
        pins=_pins(root, vcpus),
        claims=tuple(dict.fromkeys(_claims(root))),
        realtime=_realtime(root),
        emulator=None if emulator is None else parse_libvirt_cpus(emulator.get("cpuset", "")),
        flavor=None if flavor is None else clean(flavor.get("name", "")),
        has_extra_specs=specs is not None,
        mask=None if mask is None else clean(" ".join(mask.split())),
        cpu_policy=None if specs is None else clean(specs.get(_POLICY, "")) or None,
    )


def _extra_specs(root: Element) -> Mapping[str, str] | None:
    """Return the extra specs of the Nova metadata, of whatever version of its namespace; None where it has none."""
    found = root.find("metadata/{*}instance//{*}extraSpecs")
    if found is None:
        return None
    return {spec.get("name", ""): spec.text or "" for spec in found.findall("{*}extraSpec")}


def _pins(root: Element, vcpus: int) -> Mapping[int, CpuSet]:
    pins = {}
    for pin in root.iterfind("cputune/vcpupin"):
        vcpu = _vcpu_number("the vcpu of a <vcpupin>", pin.get("vcpu"))
        if vcpu < vcpus:
            pins[vcpu] = parse_libvirt_cpus(pin.get("cpuset", ""))
    return pins


def _realtime(root: Element) -> CpuSet:
    vcpus = CpuSet()
    for sched in root.iterfind("cputune/vcpusched"):
        if sched.get("scheduler") in _REALTIME:
            vcpus |= parse_libvirt_cpus(sched.get("vcpus", ""))
    return vcpus


def parse_libvirt_cpus(text: str) -> CpuSet:
    """Return the set that libvirt writes as `0-3,^1,8`: in the order of the parts, `^` takes a CPU out again.

    Raises ValueError. (virBitmapParse in src/util/virbitmap.c.)
    """
    if not text.strip():
        raise ValueError("a cpuset is empty")
    cpus = CpuSet()
    for part in map(str.strip, text.split(",")):
        cpus = cpus - CpuSet.parse(part[1:]) if part.startswith("^") else cpus | CpuSet.parse(part)
    return cpus


def _claims(root: Element) -> Iterator[Claim]:
    for hostdev in root.iterfind("devices/hostdev[@mode='subsystem']"):
        address = hostdev.find("source/address")
        if hostdev.get("type") == "pci":
            yield Claim(ClaimKind.HOSTDEV, _pci_address(address))
        elif hostdev.get("type") == "mdev":
            yield Claim(ClaimKind.MDEV, source=parse_guest_id("" if address is None else address.get("uuid", "")))
    for interface in root.iterfind("devices/interface"):
        source = interface.find("source")
        match interface.get("type"):
            case "hostdev":
                yield Claim(ClaimKind.INTERFACE, _pci_address(interface.find("source/address")))
            case "direct":
                yield Claim(ClaimKind.MACVTAP, source=_source(source, _NETDEV))
            case "vdpa":
                yield Claim(ClaimKind.VDPA, source=_source(source, _VHOST_VDPA))


def _pci_address(address: Element | None) -> PciAddress:
    """Return the address of a `<source>`, whose parts are hexadecimal with and without `0x`."""
    if address is None:
        raise ValueError("a passed-through device has no <source><address>")
    parts = [address.get("domain", "0"), *(address.get(name, "") for name in ("bus", "slot", "function"))]
    if not all(_HEX.fullmatch(part) for part in parts):
        raise ValueError(f"<address> in <source> has the parts {parts}, which are no PCI address")
    return PciAddress.checked(*(int(part, 16) for part in parts))


def _source(source: Element | None, form: re.Pattern[str]) -> str:
    """Return the checked name in `<source dev=...>`, for a path is built from it."""
    text = "" if source is None else source.get("dev", "")
    match = form.fullmatch(text)
    if match is None or not text.isprintable():
        raise ValueError(f"an <interface> has the <source dev> {text[:40]!r}, which names no device")
    return match[match.lastindex or 0]


def _vcpu_number(what: str, text: str | None) -> int:
    if not _DECIMAL.fullmatch((text or "").strip()):
        raise ValueError(f"{what} is {(text or '')[:40]!r}, which is no number")
    return int(text or "")
