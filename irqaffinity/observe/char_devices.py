# SPDX-License-Identifier: Apache-2.0
"""The character devices by which programs reach PCI functions: vfio groups and devices, uio, vdpa, RDMA."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import device_above, device_folder


class CharDevice(NamedTuple):
    """A character device by its name below /dev, and the function that it leads to.

    `is_all` tells that the function does nothing but what the holder of the device does with it.
    """

    name: str
    function: PciAddress
    is_all: bool = True


def is_for_programs(driver: str | None) -> bool:
    """Tell whether a driver leaves its functions to programs: vfio-pci and its variants, igb_uio and its like."""
    return driver is not None and ("vfio" in driver or "uio" in driver)


def may_be_held(root: HostRoot, address: PciAddress, driver: str | None) -> bool:
    """Tell whether a program may hold a function: vfio enables one while it is open (vfio_pci_core_enable)."""
    return is_for_programs(driver) and root.read_if_there(f"{device_folder(root, address)}/enable") != "0"


def read_char_devices(
    root: HostRoot, drivers: Mapping[PciAddress, str | None]
) -> tuple[list[CharDevice], Mapping[PciAddress, str]]:
    """Return those of the functions whose drivers are given, and why those of a function are not known.

    Raises OSError where the devices cannot be listed.
    """
    for_programs = (address for address, driver in drivers.items() if is_for_programs(driver))
    folders = [(device_folder(root, address), address) for address in for_programs]
    found, troubles = list(_of_parts(root)), dict[PciAddress, str]()
    for folder, address in (*folders, *_devices(root, "bus/mdev/devices")):
        try:
            found += [CharDevice(name, address) for name in _for_programs(root, folder)]
        except OSError as error:
            troubles[address] = f"{error.filename}: {error.strerror}"
        except ValueError as error:
            troubles[address] = str(error)
    return [device for device in found if device.function in drivers], troubles


def _for_programs(root: HostRoot, folder: str) -> Iterator[str]:
    """Give the group and the devices of a function or of a mediated device; raise OSError and ValueError.

    Nobody holds a function by a group where it has no link to one: vfio binds it without only where it has a device.
    """
    link = root.read_link(f"{folder}/iommu_group")
    if link is not None:
        group = link.rpartition("/")[2]
        if not (group.isascii() and group.isdecimal()):
            raise ValueError(f"{folder}/iommu_group leads to no IOMMU group")
        yield f"vfio/{group}"
    yield from (f"vfio/devices/{name}" for name in root.list_if_there(f"{folder}/vfio-dev"))
    yield from root.list_if_there(f"{folder}/uio")


def _of_parts(root: HostRoot) -> Iterator[CharDevice]:
    """Give those of vdpa devices and RDMA devices."""
    for folder, address in _devices(root, "bus/vdpa/devices"):
        names = root.list_if_there(folder)
        yield from (CharDevice(name, address) for name in names if name.startswith("vhost-vdpa-"))
    for folder, address in _devices(root, "class/infiniband_verbs"):
        yield CharDevice(f"infiniband/{folder.rpartition('/')[2]}", address, is_all=False)


def _devices(root: HostRoot, place: str) -> Iterator[tuple[str, PciAddress]]:
    for name in root.list_if_there(f"{root.sys}/{place}"):
        folder = f"{root.sys}/{place}/{name}"
        address = device_above(root, folder)
        if address is not None:
            yield folder, address
