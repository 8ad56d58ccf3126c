# SPDX-License-Identifier: Apache-2.0
"""Reads PCI devices from sysfs: their interrupts, node and driver, and which device a netdev or mdev stands on."""

import re
from collections.abc import Container
from dataclasses import dataclass

from irqaffinity.model.host import Device, Function
from irqaffinity.model.irq import Interrupt, parse_irq_number
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import clean
from irqaffinity.observe.procfs import read_interrupts
from irqaffinity.observe.root import HostRoot

_VFIO_LINE = re.compile(r"vfio-intx\((.*)\)")
"""How vfio names its handler of an INTx line (drivers/vfio/pci/vfio_pci_intrs.c)."""


@dataclass(frozen=True, slots=True)
class Details:
    """What is read of devices beyond the necessary: `identity` for device_spec, `vectors` for distribution spread."""

    identity: bool = False
    vectors: bool = False


def read_device(
    root: HostRoot,
    address: PciAddress,
    details: Details,
    named: Container[int] = (),
    moved: Container[int] = (),
) -> Device:
    """Return a PCI function and its interrupts, or, in `trouble`, why they cannot be read.

    For the numbers in `named` the action name is read too; those in `moved` are known to be movable. Raises
    HostUnreadable.
    """
    try:
        return _read_device(root, address, details, named, moved)
    except OSError as error:
        return Device(address, trouble=f"{error.filename or device_folder(root, address)}: {error.strerror}")


def driver_of(root: HostRoot, address: PciAddress) -> str | None:
    """Return the name of the driver that a PCI function is bound to, None without one; raise OSError."""
    name = _linked_name(root, f"{device_folder(root, address)}/driver")
    return None if name is None else clean(name)


def numa_node_of(root: HostRoot, address: PciAddress) -> int | None:
    """Return the NUMA node of a PCI function, -1 or None where it has none; raise OSError."""
    return _integer(root.read_if_there(f"{device_folder(root, address)}/numa_node"))


def _read_device(
    root: HostRoot, address: PciAddress, details: Details, named: Container[int], moved: Container[int]
) -> Device:
    numbers = msi_numbers(root, address)
    if not numbers and not root.exists(device_folder(root, address)):
        return Device(address, present=False)
    interrupts, shares_line = read_interrupts(root, numbers, moved), False
    if not interrupts:
        interrupts, shares_line = _read_line(root, address)
    interrupts = [
        _with_names(root, seen) if details.vectors or seen.number in named or not seen.writable else seen
        for seen in interrupts
    ]
    function = read_function(root, address, details)
    return Device(address, interrupts=tuple(interrupts), shares_line=shares_line, **function._asdict())


def read_function(root: HostRoot, address: PciAddress, details: Details) -> Function:
    """Return a PCI function without its interrupts; raise OSError."""
    parent = physical_function(root, address)
    plain = Function(driver_of(root, address), numa_node_of(root, address), parent)
    if not details.identity:
        return plain
    return plain._replace(
        vendor=_identifier(root, f"{device_folder(root, address)}/vendor"),
        product=_identifier(root, f"{device_folder(root, address)}/device"),
        netdevs=_netdevs(root, address),
        parent_netdevs=() if parent is None else _netdevs(root, parent),
    )


def device_folder(root: HostRoot, address: PciAddress) -> str:
    """Return the folder of a PCI function."""
    return f"{root.sys}/bus/pci/devices/{address}"


def pci_addresses(root: HostRoot) -> list[PciAddress]:
    """Return all PCI functions of the host; raise OSError."""
    found = map(_address, root.list_if_there(f"{root.sys}/bus/pci/devices"))
    return [address for address in found if address is not None]


def msi_numbers(root: HostRoot, address: PciAddress) -> list[int]:
    """Return the numbers of a device's message-signalled interrupts, sorted; other names are passed over."""
    names = root.list_if_there(f"{device_folder(root, address)}/msi_irqs")
    return sorted(int(name) for name in names if name.isascii() and name.isdecimal() and str(int(name)) == name)


def irq_numbers(root: HostRoot, address: PciAddress) -> list[int]:
    """Return the numbers that may be a device's: its message-signalled interrupts, without these its INTx line."""
    numbers = msi_numbers(root, address)
    line = None if numbers else line_number(root, address)
    return numbers if line is None else [line]


def line_number(root: HostRoot, address: PciAddress) -> int | None:
    """Return the number of a device's INTx line, None where it has none (0 in the file); raise OSError."""
    text = root.read_if_there(f"{device_folder(root, address)}/irq")
    try:
        return parse_irq_number(text or "") or None
    except ValueError:
        return None


def lists_interrupt(root: HostRoot, address: PciAddress, number: int) -> bool:
    """Tell whether the interrupt `number` is the device's at this moment."""
    if root.exists(f"{device_folder(root, address)}/msi_irqs/{number}"):
        return True
    return line_number(root, address) == number and line_actions(root, number) == [f"vfio-intx({address})"]


def has_number(root: HostRoot, address: PciAddress, number: int) -> bool:
    """Tell whether a device has this message-signalled interrupt or this INTx line, whoever else is on that."""
    is_message = root.exists(f"{device_folder(root, address)}/msi_irqs/{number}")
    return is_message or line_number(root, address) == number


def line_actions(root: HostRoot, number: int) -> list[str]:
    """Return the names of all handlers of an interrupt."""
    names = action_name(root, number)
    return names.split(",") if names else []


def action_name(root: HostRoot, number: int) -> str:
    """Return the names of all handlers of an interrupt, as the kernel writes them; empty when it has none."""
    return clean(root.read_if_there(f"{root.sys}/kernel/irq/{number}/actions") or "")


def physical_function(root: HostRoot, address: PciAddress) -> PciAddress | None:
    """Return the SR-IOV physical function of a virtual one, None for a device that is not virtual."""
    name = _linked_name(root, f"{device_folder(root, address)}/physfn")
    return None if name is None else _address(name)


def device_of_netdev(root: HostRoot, name: str) -> PciAddress | None:
    """Return the PCI device that a network interface stands on, None when it stands on none."""
    return device_above(root, f"{root.sys}/class/net/{name}")


def device_of_vdpa(root: HostRoot, vhost: str) -> PciAddress | None:
    """Return the PCI device behind the character device `vhost`, such as `vhost-vdpa-0`; None when there is none."""
    folder = f"{root.sys}/bus/vdpa/devices"
    for name in root.list_if_there(folder):
        if root.exists(f"{folder}/{name}/{vhost}"):
            return device_above(root, f"{folder}/{name}")
    return None


def device_of_mdev(root: HostRoot, uuid: str) -> PciAddress | None:
    """Return the parent of a mediated device, None when it is not a PCI device."""
    return device_above(root, f"{root.sys}/bus/mdev/devices/{uuid}")


def owner_of_interrupt(root: HostRoot, number: int) -> PciAddress | None:
    """Return the PCI device that lists an interrupt, None when no device does."""
    for name in root.list_if_there(f"{root.sys}/bus/pci/devices"):
        if root.exists(f"{root.sys}/bus/pci/devices/{name}/msi_irqs/{number}"):
            return _address(name)
    return None


def devices_of_interrupt(root: HostRoot, number: int) -> list[PciAddress]:
    """Return the PCI devices of an interrupt: the one that lists it, else those that vfio serves on this INTx line."""
    owner = owner_of_interrupt(root, number)
    if owner is not None:
        return [owner]
    named = (_VFIO_LINE.fullmatch(action) for action in line_actions(root, number))
    found = (_address(match[1]) for match in named if match is not None)
    return sorted(address for address in found if address is not None)


def devices_on_line(root: HostRoot, number: int) -> list[PciAddress]:
    """Return the PCI devices that have a driver and this INTx line, and no message-signalled interrupt instead."""
    return [
        address
        for address in pci_addresses(root)
        if irq_numbers(root, address) == [number] and driver_of(root, address) is not None
    ]


def _read_line(root: HostRoot, address: PciAddress) -> tuple[list[Interrupt], bool]:
    """Return the INTx interrupt if it is the guest's alone, and whether others share it."""
    number = line_number(root, address)
    if number is None:
        return [], False
    actions = line_actions(root, number)
    if actions != [f"vfio-intx({address})"]:
        return [], len(actions) > 1
    return read_interrupts(root, [number]), False


def _with_names(root: HostRoot, interrupt: Interrupt) -> Interrupt:
    hwirq = root.read_if_there(f"{root.sys}/kernel/irq/{interrupt.number}/hwirq")
    return interrupt._replace(action=action_name(root, interrupt.number), hwirq=_integer(hwirq))


def _netdevs(root: HostRoot, address: PciAddress) -> tuple[str, ...]:
    return tuple(root.list_if_there(f"{device_folder(root, address)}/net"))


def _identifier(root: HostRoot, path: str) -> str:
    return (root.read_if_there(path) or "").removeprefix("0x")


def _integer(text: str | None) -> int | None:
    try:
        return int(text) if text else None
    except ValueError:
        return None


def _linked_name(root: HostRoot, path: str) -> str | None:
    """Return the last part of what a link points to, None when there is no link."""
    target = root.read_link(path)
    return None if target is None else target.rpartition("/")[2]


def device_above(root: HostRoot, path: str) -> PciAddress | None:
    """Return the nearest PCI function above a device, None when it stands on none; other buses may lie between.

    Its link in a bus or class folder names all its ancestors: `../../devices/pci0000:40/0000:41:00.1/virtio0/net/eth0`
    (Linux, drivers/base/core.c, device_add_class_symlinks).
    """
    for name in reversed((root.read_link(path) or "").split("/")[:-1]):
        address = _address(name)
        if address is not None:
            return address
    return None


def _address(name: str) -> PciAddress | None:
    try:
        return PciAddress.parse(name)
    except ValueError:
        return None
