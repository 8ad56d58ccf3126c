# SPDX-License-Identifier: Apache-2.0
"""Domain XML as Nova writes it, and a libvirt that has just these domains."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from irqaffinity.model.pci import PciAddress

NOVA_1_1 = "http://openstack.org/xmlns/libvirt/nova/1.1"


def hostdev(address: str) -> str:
    """Return the element of a passed-through PCI function."""
    device = PciAddress.parse(address)
    return (
        "<hostdev mode='subsystem' type='pci' managed='yes'><source>"
        f"<address domain='{device.domain:#06x}' bus='{device.bus:#04x}' slot='{device.slot:#04x}' "
        f"function='{device.function:#x}'/></source></hostdev>"
    )


def nova_metadata(flavor: str, extra_specs: Mapping[str, str]) -> str:
    """Return Nova's metadata (nova/virt/libvirt/config.py, LibvirtConfigGuestMetaNovaInstance)."""
    specs = "".join(
        f"<nova:extraSpec name={quoteattr(name)}>{escape(value)}</nova:extraSpec>"
        for name, value in extra_specs.items()
    )
    return (
        f"<metadata><nova:instance xmlns:nova={quoteattr(NOVA_1_1)}><nova:flavor name={quoteattr(flavor)}>"
        f"<nova:extraSpecs>{specs}</nova:extraSpecs></nova:flavor></nova:instance></metadata>"
    )


def domain(name: str, uuid: str, pins: Sequence[str], devices: Iterable[str], metadata: str) -> str:
    """Return the XML of a domain with one vCPU for each of `pins` (a CPU list; empty for a vCPU without a pin).

    `devices` are elements of `<devices>`, `metadata` is the whole `<metadata>` element.
    """
    vcpupins = "".join(f"<vcpupin vcpu='{vcpu}' cpuset='{cpus}'/>" for vcpu, cpus in enumerate(pins) if cpus)
    return (
        f"<domain type='test' id='1'><name>{escape(name)}</name><uuid>{uuid}</uuid>{metadata}"
        f"<memory unit='MiB'>64</memory><vcpu placement='static'>{len(pins)}</vcpu>"
        f"<cputune>{vcpupins}</cputune><os><type arch='x86_64'>hvm</type></os>"
        f"<devices>{''.join(devices)}</devices></domain>"
    )


def make_libvirt(folder: Path, domains: Iterable[str]) -> str:
    """Write the files of libvirt's own test driver for these active domains, and return its URI."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = ""
    for index, xml in enumerate(domains):
        (folder / f"domain-{index}.xml").write_text(xml)
        entries += f"<domain file='domain-{index}.xml'/>"
    node = folder / "node.xml"
    node.write_text(f"<node>{entries}</node>")
    return f"test://{node}"
