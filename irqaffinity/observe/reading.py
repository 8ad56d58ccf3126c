# SPDX-License-Identifier: Apache-2.0
"""Reads a device again: it compares bytes, and parses and makes nothing anew where all is as it was."""

import os
from collections.abc import Container, Iterator
from dataclasses import dataclass

from irqaffinity.model.host import Device, Function
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.procfs import OpenedInterrupts
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import Details, device_folder, read_device, read_function

_READ = os.O_RDONLY | os.O_CLOEXEC
_LENGTH = 448
"""Bytes that hold the CPU list of all but a few interrupts; a list that is longer is read anew."""


@dataclass(slots=True, eq=False)
class Reading:
    """A device as it was read with these details, and what has to be the same for it to be unchanged.

    `is_told_by_bytes` is whether the files of the device and of its interrupts show all that was read. The other fields
    are made at the first comparison: `function` is the device without its interrupts; `names` are the names in its
    msi_irqs, in the order of the folder; `files` are the paths of its interrupts' files (some relative to /proc/irq),
    each with the line that the kernel writes for what was read (in a tree of plain files the newline may be missing).
    """

    device: Device
    details: Details
    is_told_by_bytes: bool
    function: Function | None = None
    names: list[str] | None = None
    files: tuple[tuple[bytes, bytes], ...] = ()


def read_anew(
    root: HostRoot, address: PciAddress, details: Details, named: Container[int] = (), moved: Container[int] = ()
) -> Reading:
    """Return a device as it is; `named` and `moved` are as for `read_device`. Raises HostUnreadable."""
    device = read_device(root, address, details, named, moved)
    is_plain = device.trouble is None and not device.shares_line and device.interrupts != ()
    is_told = is_plain and all(_is_told(interrupt, details, moved) for interrupt in device.interrupts)
    return Reading(device, details, is_told)


def read_again(root: HostRoot, before: Reading, details: Details) -> Reading | None:
    """Return `before` itself where the device is as it was then, else None."""
    if not before.is_told_by_bytes or details != before.details:
        return None
    open_, read, close = root.calls.open, root.calls.read, root.calls.close
    try:
        if not _is_same_function(root, before):
            return None
        with OpenedInterrupts(root) as folder:
            for path, expected in before.files:
                fd = open_(path, _READ, dir_fd=folder)
                try:
                    data = read(fd, _LENGTH)
                    if data != expected and data + b"\n" != expected:
                        return None
                finally:
                    close(fd)
    except OSError:
        return None
    return before


def _is_same_function(root: HostRoot, before: Reading) -> bool:
    """Tell whether a device has the same interrupts and the same files of its own as then; raise OSError."""
    device, known = before.device, before.function
    names = root.calls.listdir(f"{device_folder(root, device.address)}/msi_irqs")
    if known is None:
        before.function = known = Function(*(getattr(device, name) for name in Function._fields))
        before.files = tuple(_files(root, before))
        before.names = names if sorted(names) == sorted(str(at.number) for at in device.interrupts) else None
    return names == before.names and read_function(root, device.address, before.details) == known


def _is_told(interrupt: Interrupt, details: Details, moved: Container[int]) -> bool:
    """Tell whether the bytes of an interrupt's files show all of it; a moved interrupt is known to be writable."""
    has_names = interrupt.hwirq is not None and bool(interrupt.action) if details.vectors else interrupt.action is None
    return interrupt.number in moved and interrupt.smp is not None and interrupt.effective is not None and has_names


def _files(root: HostRoot, reading: Reading) -> Iterator[tuple[bytes, bytes]]:
    for number, smp, effective, _, action, hwirq in reading.device.interrupts:
        yield b"%d/smp_affinity_list" % number, f"{smp}\n".encode()
        yield b"%d/effective_affinity_list" % number, f"{effective}\n".encode()
        if reading.details.vectors:
            yield os.fsencode(f"{root.sys}/kernel/irq/{number}/actions"), f"{action}\n".encode()
            yield os.fsencode(f"{root.sys}/kernel/irq/{number}/hwirq"), f"{hwirq}\n".encode()
