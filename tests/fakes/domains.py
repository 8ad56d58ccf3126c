# SPDX-License-Identifier: Apache-2.0
"""Domains as those of the demo, with all that Nova writes of an instance."""

from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from irqaffinity.demo import domains as demo
from irqaffinity.demo.domains import NOVA_1_1, hostdev, make_libvirt

__all__ = ["NOVA_1_1", "domain", "hostdev", "make_libvirt", "nova_metadata", "shut_off"]


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
    name: str, uuid: str, pins: Sequence[str], devices: Iterable[str] = (), *, metadata: str = "", cputune: str = ""
) -> str:
    """Return a domain of the demo, perhaps without devices or metadata; `cputune` are further elements of that name."""
    return demo.domain(name, uuid, pins, devices, metadata).replace("</cputune>", f"{cputune}</cputune>")


def shut_off(xml: str) -> str:
    """Return a domain that libvirt's test driver defines and does not start (VIR_DOMAIN_SHUTOFF)."""
    state = "<test:runstate xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>5</test:runstate>"
    return xml.replace("</domain>", f"{state}</domain>")
