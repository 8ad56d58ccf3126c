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


def read_char_devices(root: HostRoot, drivers: Mapping[PciAddress, str | None]) -> Iterator[CharDevice]:
    """Give those of the functions whose drivers are given; raise OSError."""
    for address, driver in drivers.items():
        if is_for_programs(driver):
            folder = device_folder(root, address)
            names = (*_vfio(root, folder), *root.list_if_there(f"{folder}/uio"))
            yield from (CharDevice(name, address) for name in names)
    yield from (device for device in _of_parts(root) if device.function in drivers)


def _vfio(root: HostRoot, folder: str) -> Iterator[str]:
    """Give the group and the device of a function or of a mediated device."""
    group = (root.read_link(f"{folder}/iommu_group") or "").rpartition("/")[2]
    if group:
        yield f"vfio/{group}"
    yield from (f"vfio/devices/{name}" for name in root.list_if_there(f"{folder}/vfio-dev"))


def _of_parts(root: HostRoot) -> Iterator[CharDevice]:
    """Give those of mediated devices, vdpa devices and RDMA devices."""
    for folder, address in _devices(root, "bus/mdev/devices"):
        yield from (CharDevice(name, address) for name in _vfio(root, folder))
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
