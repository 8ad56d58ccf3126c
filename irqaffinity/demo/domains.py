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


def nova_metadata(
    flavor: str,
    extra_specs: Mapping[str, str] | None = None,
    namespace: str = NOVA_1_1,
    *,
    properties: Mapping[str, str] | None = None,
    name: str | None = None,
) -> str:
    """Return Nova's metadata; a Nova before 32.0 writes neither `extra_specs` nor the image's `properties`.

    `name` is the display name of the instance. (nova/virt/libvirt/config.py, LibvirtConfigGuestMetaNovaInstance.)
    """
    title = "" if name is None else f"<nova:name>{escape(name)}</nova:name>"
    specs = "" if extra_specs is None else _values("extraSpecs", "extraSpec", extra_specs)
    image = "" if properties is None else _values("properties", "property", properties)
    return (
        f"<metadata><nova:instance xmlns:nova={quoteattr(namespace)}>{title}"
        f"<nova:flavor name={quoteattr(flavor)}>{specs}</nova:flavor>"
        + (image and f'<nova:image uuid="">{image}</nova:image>')
        + "</nova:instance></metadata>"
    )


def _values(element: str, item: str, values: Mapping[str, str]) -> str:
    items = "".join(
        f"<nova:{item} name={quoteattr(name)}>{escape(value)}</nova:{item}>" for name, value in values.items()
    )
    return f"<nova:{element}>{items}</nova:{element}>"


def domain(
    name: str,
    uuid: str,
    pins: Sequence[str],
    devices: Iterable[str] = (),
    *,
    metadata: str = "",
    cputune: str = "",
    kind: str = "test",
) -> str:
    """Return a domain with one vCPU for each of `pins` (a CPU list; empty for no pin of its own).

    `devices` are elements of `<devices>`, `cputune` further ones of `<cputune>`, `metadata` the whole element.
    """
    vcpupins = "".join(f"<vcpupin vcpu='{vcpu}' cpuset='{cpus}'/>" for vcpu, cpus in enumerate(pins) if cpus)
    return (
        f"<domain type='{kind}' id='1'><name>{escape(name)}</name><uuid>{uuid}</uuid>{metadata}"
        f"<memory unit='MiB'>64</memory><vcpu placement='static'>{len(pins)}</vcpu>"
        f"<cputune>{vcpupins}{cputune}</cputune><os><type arch='x86_64'>hvm</type></os>"
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
