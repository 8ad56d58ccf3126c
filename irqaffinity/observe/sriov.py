# SPDX-License-Identifier: Apache-2.0
"""Reads from sysfs which PCI devices can have virtual functions (SR-IOV), and those that they have now."""

import functools
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from irqaffinity.model.irq import Interrupt
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, PhysicalFunction
from irqaffinity.model.text import clean
from irqaffinity.observe.procfs import read_interrupts
from irqaffinity.observe.root import HostRoot, HostUnreadable
from irqaffinity.observe.sysfs import device_folder, driver_of, msi_numbers, numa_node_of, pci_addresses
from irqaffinity.observe.virtfn import number_in, virtual_functions

_NOT_KNOWN = ("", "unknown")
_MOST_VFS = 0xFFFF
"""TotalVFs has 16 bits (include/uapi/linux/pci_regs.h, PCI_SRIOV_TOTAL_VF)."""


def read_physical_functions(root: HostRoot) -> list[PhysicalFunction]:
    """Return all physical functions by address, each with its virtual ones by index, without users and settings.

    What cannot be read of one stands in its `trouble`. Raises HostUnreadable where the host shows no PCI devices at
    all.
    """
    folder = f"{root.sys}/bus/pci/devices"
    root.require(folder, "--sys or [host] sys at the sysfs of the host")
    try:
        addresses = pci_addresses(root)
    except OSError as error:
        raise HostUnreadable(f"{folder} cannot be read ({error.strerror}): allow this user to read it") from error
    found, virtual = [], set[PciAddress]()
    for address in addresses:
        if address not in virtual:
            physical = _read_physical(root, address)
            if physical is not None:
                found.append(physical)
                virtual.update(function.address for function in physical.vfs)
    return _with_cpus(root, found)


def name_physical_functions(root: HostRoot) -> Iterator[tuple[PciAddress, str | None]]:
    """Give address and netdev of all physical functions, and read no more than that; end where that fails."""
    try:
        for address in pci_addresses(root):
            if root.exists(f"{device_folder(root, address)}/sriov_totalvfs"):
                netdev, _others = _names_of(_read_netdevs(root, address))
                yield address, netdev
    except OSError:
        return


def _read_physical(root: HostRoot, address: PciAddress) -> PhysicalFunction | None:
    """Return a device that can have virtual functions, None for any other."""
    folder = device_folder(root, address)
    try:
        total = _total(root, f"{folder}/sriov_totalvfs")
    except (OSError, ValueError) as error:
        return PhysicalFunction(address, trouble=_describe(error))
    if not total:
        return None
    try:
        return _read_parts(root, address, total)
    except (OSError, ValueError) as error:
        return PhysicalFunction(address, total_vfs=total, trouble=_describe(error))


def _total(root: HostRoot, path: str) -> int:
    """Return how many virtual functions a device can have; raise ValueError for a number that PCI has no room for."""
    text = root.read_if_there(path)
    if text is None:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST_VFS)) and int(text) <= _MOST_VFS):
        raise ValueError(f"{path}: '{text[:40]}' is no number of virtual functions")
    return int(text)


def _read_parts(root: HostRoot, address: PciAddress, total: int) -> PhysicalFunction:
    folder = device_folder(root, address)
    netdevs = _read_netdevs(root, address)
    netdev, others = _names_of(netdevs)
    link, speed = _read_port(root, f"{folder}/net/{netdevs[0]}") if netdevs else (None, None)
    autoprobe = root.read_if_there(f"{folder}/sriov_drivers_autoprobe")
    # Nobody can read sriov_numvfs while the kernel waits for the user of a function that it removes.
    vfs = _read_virtual_functions(root, address)
    return PhysicalFunction(
        address,
        netdev=netdev,
        driver=driver_of(root, address),
        vendor=_identifier(root, f"{folder}/vendor"),
        product=_identifier(root, f"{folder}/device"),
        numa_node=_node(root, address),
        total_vfs=total,
        num_vfs=len(vfs),
        link=link,
        speed=speed,
        autoprobe=None if autoprobe is None else autoprobe == "1",
        vfs=vfs,
        other_netdevs=others,
    )


def _read_port(root: HostRoot, folder: str) -> tuple[str | None, int | None]:
    """Return whether the link of a netdev is `up` or `down`, and its speed in Mbit/s where it is up.

    The kernel refuses to tell the speed of a netdev that is not up (EINVAL), and gives -1 where a driver knows none.
    """
    state = root.read_if_there(f"{folder}/operstate")
    if state is None or state in _NOT_KNOWN:
        return None, None
    if state != "up":
        return "down", None
    speed = number_in(root.read_if_there(f"{folder}/speed"))
    return "up", speed if speed is not None and speed > 0 else None


def _read_virtual_functions(root: HostRoot, physical: PciAddress) -> tuple[Function, ...]:
    """Return the virtual functions of a physical one, to all of which the kernel gives the same identifiers.

    It tells them beforehand since Linux 4.14 (drivers/pci/iov.c, pci_iov_add_virtfn and sriov_vf_device_show).
    """
    folder = device_folder(root, physical)
    vendor, product = _identifier(root, f"{folder}/vendor"), _identifier(root, f"{folder}/sriov_vf_device")
    return tuple(
        _read_virtual(root, index, address, (vendor, product) if product else None)
        if trouble is None
        else Function(index, address, trouble=trouble)
        for index, address, trouble in virtual_functions(root, physical)
    )


def _read_virtual(root: HostRoot, index: int, address: PciAddress, known: tuple[str, str] | None) -> Function:
    folder = device_folder(root, address)
    try:
        if known is None:
            known = _identifier(root, f"{folder}/vendor"), _identifier(root, f"{folder}/device")
        driver, (netdev, others) = driver_of(root, address), _names_of(_read_netdevs(root, address))
        if driver is None and not root.exists(folder):
            return Function(index, address, trouble=f"{folder} does not exist")
        return Function(
            index,
            address,
            driver=driver,
            vendor=known[0],
            product=known[1],
            numa_node=_node(root, address),
            netdev=netdev,
            irqs=tuple(msi_numbers(root, address)),
            other_netdevs=others,
        )
    except (OSError, ValueError) as error:
        return Function(index, address, trouble=_describe(error))


def _with_cpus(root: HostRoot, found: Iterable[PhysicalFunction]) -> list[PhysicalFunction]:
    """Return the physical functions with the CPUs where interrupts of their virtual ones may arrive."""
    parts = list(found)
    numbers = [number for physical in parts for function in physical.vfs for number in function.irqs]
    try:
        seen = {interrupt.number: interrupt for interrupt in read_interrupts(root, numbers)}
    except HostUnreadable:
        return parts  # without /proc/irq nobody knows where
    return [
        replace(physical, vfs=tuple(_with_cpus_of(function, seen) for function in physical.vfs)) for physical in parts
    ]


def _with_cpus_of(function: Function, seen: Mapping[int, Interrupt]) -> Function:
    """Return a function with the CPUs of its interrupts, as far as each of them is known."""
    masks = [seen[number].smp for number in function.irqs if number in seen]
    known = [mask for mask in masks if mask is not None]
    if not known or len(known) < len(masks):
        return function
    return replace(function, cpus=functools.reduce(operator.or_, dict.fromkeys(known)))


def _read_netdevs(root: HostRoot, address: PciAddress) -> list[str]:
    """Return the netdevs of a device, oldest first: the port itself, where a switch in the NIC has one for each VF."""
    folder = f"{device_folder(root, address)}/net"
    names = root.list_if_there(folder)
    if len(names) > 1:
        names.sort(key=lambda name: number_in(root.read_if_there(f"{folder}/{name}/ifindex")) or 0)
    return names


def _names_of(netdevs: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """Return the name of the first netdev, None where there is none, and those of the others."""
    names = tuple(map(clean, netdevs))
    return (names[0], names[1:]) if names else (None, ())


def _node(root: HostRoot, address: PciAddress) -> int | None:
    node = numa_node_of(root, address)
    return None if node is None or node < 0 else node


def _identifier(root: HostRoot, path: str) -> str:
    """Return the four digits of a vendor or a product, nothing where there is none; `sriov_vf_device` has fewer."""
    text = root.read_if_there(path) or "0"
    try:
        number = int(text, 16)
    except ValueError:
        raise ValueError(f"{path}: '{text}' is no hexadecimal number") from None
    return f"{number:04x}" if number else ""


def _describe(error: OSError | ValueError) -> str:
    return clean(f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error))
