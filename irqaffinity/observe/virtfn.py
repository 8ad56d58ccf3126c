# SPDX-License-Identifier: Apache-2.0
"""The links of a physical function to its virtual ones: `virtfn0`, `virtfn1` and so on in its folder in sysfs."""

import os
import re
from collections.abc import Iterator

from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import clean
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import device_folder

_VIRTUAL = re.compile("virtfn([0-9]{1,5})")


def virtual_functions(root: HostRoot, physical: PciAddress) -> Iterator[tuple[int, PciAddress, str | None]]:
    """Give index and address of the virtual functions below a physical one, by index; raise OSError and ValueError.

    A link that leads to no address comes with what is wrong with it, and the address that the kernel gives to this one.
    """
    folder = device_folder(root, physical)
    matches = filter(None, map(_VIRTUAL.fullmatch, root.list_if_there(folder)))
    for index, name in sorted((int(match[1]), match[0]) for match in matches):
        target = root.read_link(f"{folder}/{name}")
        if target is None:
            continue
        try:
            yield index, PciAddress.parse(os.path.basename(target)), None
        except ValueError as error:
            trouble = f"{folder}/{name}: {error}"
            yield index, _place(root, physical, index, trouble), clean(trouble)


def _place(root: HostRoot, physical: PciAddress, index: int, trouble: str) -> PciAddress:
    """Return where the kernel has a virtual function (pci_iov_virtfn_bus and _devfn in drivers/pci/iov.c).

    Raises OSError, and ValueError with the `trouble` where that is not known either.
    """
    folder = device_folder(root, physical)
    first, step = (number_in(root.read_if_there(f"{folder}/sriov_{name}")) for name in ("offset", "stride"))
    if not first or step is None:
        raise ValueError(trouble)
    number = (physical.bus << 8 | physical.slot << 3 | physical.function) + first + step * index
    try:
        return PciAddress.checked(physical.domain, number >> 8, number >> 3 & 0x1F, number & 7)
    except ValueError:
        raise ValueError(trouble) from None


def number_in(text: str | None) -> int | None:
    """Return the number that a file has; None where it has none, or where there is no file."""
    try:
        return int(text) if text else None
    except ValueError:
        return None
