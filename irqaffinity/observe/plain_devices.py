# SPDX-License-Identifier: Apache-2.0
"""Reads the PCI devices that have nothing to do with SR-IOV, and which functions have a vdpa device."""

import contextlib
from collections.abc import Container, Iterator

from irqaffinity.model.host import Device
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import clean
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import Details, device_above, pci_addresses, physical_function, read_function

_WITH_IDENTITY = Details(identity=True)


def read_plain_devices(root: HostRoot, functions: Container[PciAddress]) -> Iterator[Device]:
    """Give each PCI device that is not one of the `functions` of SR-IOV, without its interrupts; raise OSError.

    What cannot be read of one stands in its `trouble`.
    """
    for address in sorted(pci_addresses(root)):
        device = None if address in functions else read_identity(root, address)
        if device is not None and device.parent is None:
            yield device


def read_identity(root: HostRoot, address: PciAddress) -> Device:
    """Return a PCI function with what device_spec is matched with, or, in `trouble`, why it cannot be read."""
    try:
        return Device(address, **read_function(root, address, _WITH_IDENTITY)._asdict())
    except OSError as error:
        parent = None
        with contextlib.suppress(OSError):
            parent = physical_function(root, address)
        return Device(address, parent=parent, trouble=clean(f"{error.filename}: {error.strerror}"))


def functions_with_vdpa(root: HostRoot) -> frozenset[PciAddress]:
    """Return the PCI functions that a vdpa device stands on; raise OSError."""
    folder = f"{root.sys}/bus/vdpa/devices"
    found = (device_above(root, f"{folder}/{name}") for name in root.list_if_there(folder))
    return frozenset(address for address in found if address is not None)
