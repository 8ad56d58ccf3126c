# SPDX-License-Identifier: Apache-2.0
"""Makes a Guest from the XML of a libvirt domain. Pure: it reads the text alone.

The form of the XML is libvirt's (docs/formatdomain.rst) as Nova fills it in (nova/virt/libvirt/config.py). A guest is
unreadable only where its identity, its vCPUs or their pins are; any other element that is not understood is left out
and reported.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from irqaffinity.model.cpuset import LIMIT, CpuSet
from irqaffinity.model.guest import Guest, LeftOut, parse_guest_id
from irqaffinity.model.text import clean
from irqaffinity.model.verdict import LeftOutReason
from irqaffinity.observe.devices import read_claims, read_macs

LARGEST = 4 << 20
"""The longest XML, in characters, that is read; Nova's domains have some ten thousand, with hundreds of devices."""

_KEPT = 1 << 16
"""The longest XML whose guest is cached with it. A guest can change its XML, as by setting its clock."""

_DTD = ("<!DOCTYPE", "<!ENTITY")
"""Entities, which make a long text of a short one, need one of these; in texts of a domain "<" is "&lt;"."""

_REALTIME = frozenset({"fifo", "rr"})
_DECIMAL = re.compile(r"[0-9]{1,20}")
_INSTANCE = "metadata/{*}instance"


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain: its XML, or why libvirt did not give it."""

    uuid: str
    name: str
    xml: str | None = None
    error: str | None = None


class DomainError(ValueError):
    """A domain XML that cannot be understood; str() names the element."""


def parse_domain(xml: str) -> Guest | None:
    """Return the guest that `xml` describes, or None when the domain is no longer active; raise DomainError."""
    return _parse_kept(xml) if len(xml) <= _KEPT else _parse(xml)


def parse_definition(xml: str) -> Guest:
    """Return the guest that a domain becomes when it is started as `xml` defines it; raise DomainError."""
    return _make_guest(_parse_root(xml))


def _parse(xml: str) -> Guest | None:
    root = _parse_root(xml)
    return None if root.get("id") is None else _make_guest(root)


def _parse_root(xml: str) -> Element:
    if len(xml) > LARGEST:
        raise DomainError(f"it has {len(xml)} characters, and more than {LARGEST} are not read")
    if any(mark in xml for mark in _DTD):
        raise DomainError("it has a document type, which libvirt never writes")
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError) as error:
        raise DomainError(clean(f"it is not well-formed XML: {error}")) from error
    if root.tag != "domain":
        raise DomainError(f"its root element is <{clean(root.tag)}>, not <domain>")
    return root


def _make_guest(root: Element) -> Guest:
    try:
        return _read_guest(root)
    except ValueError as error:
        raise DomainError(clean(str(error))) from error


_parse_kept = functools.lru_cache(maxsize=512)(_parse)
"""The same text gives the same guest, so it is kept: in the steady state a pass parses nothing."""


def _read_guest(root: Element) -> Guest:
    vcpu = root.find("vcpu")
    vcpus = _vcpu_number("<vcpu>", None if vcpu is None else vcpu.text)
    if not 1 <= vcpus <= LIMIT:
        raise ValueError(f"<vcpu> is {vcpus}")
    claims, left_out = read_claims(root)
    threads = {name: _thread_cpus(root, name, left_out) for name in ("emulatorpin", "iothreadpin")}
    flavor, title = root.find(f"{_INSTANCE}/{{*}}flavor"), root.findtext(f"{_INSTANCE}/{{*}}name")
    return Guest(
        uuid=parse_guest_id(root.findtext("uuid") or ""),
        name=clean(root.findtext("name") or ""),
        vcpus=vcpus,
        pins=_pins(root, vcpus),
        unplugged=_unplugged(root, vcpus),
        cpuset=_cpuset(vcpu),
        claims=claims,
        realtime=_realtime(root, left_out),
        emulator=threads["emulatorpin"],
        iothreads=threads["iothreadpin"],
        display_name=None if title is None else clean(title),
        flavor=None if flavor is None else clean(flavor.get("name", "")),
        extra_specs=_nova_values(root, "extraSpecs", "extraSpec"),
        image_properties=_nova_values(root, "properties", "property"),
        macs=read_macs(root),
        left_out=tuple(left_out),
    )


def _nova_values(root: Element, element: str, item: str) -> Mapping[str, str] | None:
    """Return the named values of an element of Nova's metadata, in any version of its namespace; None without it."""
    found = root.find(f"{_INSTANCE}//{{*}}{element}")
    if found is None:
        return None
    values = ((value.get("name", ""), value.text or "") for value in found.findall(f"{{*}}{item}"))
    return {clean(name): clean(" ".join(text.split())) for name, text in values}


def _pins(root: Element, vcpus: int) -> Mapping[int, CpuSet]:
    pins = {}
    for pin in root.iterfind("cputune/vcpupin"):
        vcpu = _vcpu_number("the vcpu of a <vcpupin>", pin.get("vcpu"))
        if vcpu < vcpus:
            pins[vcpu] = parse_libvirt_cpus(pin.get("cpuset", ""))
    return pins


def _cpuset(vcpu: Element | None) -> CpuSet | None:
    text = None if vcpu is None else vcpu.get("cpuset")
    return None if text is None else parse_libvirt_cpus(text)


def _unplugged(root: Element, vcpus: int) -> CpuSet:
    """Return the vCPUs that are not plugged in: `enabled='no'` under `<vcpus>`, else those from `<vcpu current>` on.

    Their pins stand in the XML all the same. (src/conf/domain_conf.c, virDomainVcpuParse.)
    """
    listed = root.findall("vcpus/vcpu")
    if listed:
        off = [_vcpu_number("the id of a <vcpu>", vcpu.get("id")) for vcpu in listed if vcpu.get("enabled") == "no"]
        return CpuSet(number for number in off if number < vcpus)
    vcpu = root.find("vcpu")
    current = None if vcpu is None else vcpu.get("current")
    plugged = vcpus if current is None else min(vcpus, _vcpu_number("the current of <vcpu>", current))
    return CpuSet.from_mask((1 << vcpus) - (1 << plugged))


def _realtime(root: Element, left_out: list[LeftOut]) -> CpuSet:
    """Return the vCPUs that run under a realtime scheduler; add to `left_out` the elements that are not understood."""
    vcpus = CpuSet()
    for sched in root.iterfind("cputune/vcpusched"):
        if sched.get("scheduler") in _REALTIME:
            vcpus |= _cpus_or_none(sched, "vcpus", left_out) or CpuSet()
    return vcpus


def _thread_cpus(root: Element, name: str, left_out: list[LeftOut]) -> CpuSet | None:
    """Return all CPUs that the elements `name` pin threads to, None without any; add to `left_out` as above."""
    cpus: CpuSet | None = None
    for pin in root.iterfind(f"cputune/{name}"):
        pinned = _cpus_or_none(pin, "cpuset", left_out)
        cpus = cpus if pinned is None else (cpus or CpuSet()) | pinned
    return cpus


def _cpus_or_none(element: Element, attribute: str, left_out: list[LeftOut]) -> CpuSet | None:
    try:
        return parse_libvirt_cpus(element.get(attribute, ""))
    except ValueError as error:
        reason = LeftOutReason.NOT_UNDERSTOOD
        left_out.append(LeftOut(element.tag, reason, clean(f"{reason.sentence}: {error}")))
        return None


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


def _vcpu_number(what: str, text: str | None) -> int:
    if not _DECIMAL.fullmatch((text or "").strip()):
        raise ValueError(f"{what} is {(text or '')[:40]!r}, which is no number")
    return int(text or "")
