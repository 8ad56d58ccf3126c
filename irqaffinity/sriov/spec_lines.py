# SPDX-License-Identifier: Apache-2.0
"""Writes the lines of nova.conf that make virtual functions known to Nova."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence

from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import PhysicalFunction

_FIELDS = ("domain", "bus", "slot", "function")
_WIDTHS = (4, 2, 2, 1)


def lines_by_function(physical: PhysicalFunction, tags: Mapping[str, str]) -> Iterator[str]:
    """Give one line for each virtual function, by its address."""
    for function in physical.vfs:
        yield _line({"address": str(function.address)}, tags)


def lines_by_device(physical: PhysicalFunction, tags: Mapping[str, str]) -> Iterator[str]:
    """Give one line for all virtual functions of a device, below a comment where it is not for all and these alone.

    Nova takes the address of a physical function for those of its virtual ones, and for its own: the product tells the
    two apart, and where it does not, each part of the addresses has to (nova/pci/devspec.py). No name of a netdev
    stands in it, which an update may change.
    """
    found = {(function.vendor, function.product) for function in physical.vfs}
    if len(found) == 1 and (physical.vendor, physical.product) not in found and all(map(all, found)):
        ((vendor, product),) = found
        yield _line({"vendor_id": vendor, "product_id": product, "address": str(physical.address)}, tags)
        return
    expressions = _expressions([function.address for function in physical.vfs])
    if expressions is not None:
        yield "# It names the virtual functions of today: their product is that of the device itself."
        yield _line({"address": expressions}, tags)
    else:
        yield f"# It names {physical.address} too: neither product nor addresses tell its virtual functions apart."
        yield _line({"address": str(physical.address)}, tags)


def _expressions(addresses: Sequence[PciAddress]) -> Mapping[str, str] | None:
    """Return a regular expression for each field that match these addresses, None where they would match more."""
    values = [sorted(set(field)) for field in zip(*addresses, strict=True)]
    if math.prod(map(len, values)) != len(addresses):
        return None
    texts = [[f"{value:0{width}x}" for value in field] for field, width in zip(values, _WIDTHS, strict=True)]
    return dict(zip(_FIELDS, map("|".join, texts), strict=True))


def _line(device: Mapping[str, object], tags: Mapping[str, str]) -> str:
    """Return a line of nova.conf, where a $ begins the name of an option."""
    return f"device_spec = {json.dumps({**device, **tags})}".replace("$", "$$")
