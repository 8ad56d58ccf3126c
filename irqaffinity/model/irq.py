# SPDX-License-Identifier: Apache-2.0
"""One interrupt: its identity, and what was read of it."""

import re
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.verdict import Verdict

_NUMBER = re.compile(r"[0-9]{1,9}")


class IrqId(NamedTuple):
    """Device and number. A number alone is no identity: the kernel gives it to another device as soon as it is free."""

    device: PciAddress
    number: int


DEFAULT = IrqId(NO_DEVICE, -1)
"""Stands for /proc/irq/default_smp_affinity, which is moved, recorded and given back like an interrupt of the host."""


DEFAULT_NAME = "default_smp_affinity"
"""What it is called where others have their numbers."""


class Interrupt(NamedTuple):
    """What was read of an interrupt.

    `smp` is None where the file could not be read, `effective` where the kernel has no such file. `writable` is
    the owner's write permission: the kernel withholds it from the interrupts it manages itself. `action` (its name in
    /sys/kernel/irq, such as `vfio-msix[0](0000:41:00.2)`) and `hwirq` are read only where the caller asks for them, and
    the name where the interrupt is not writable.
    """

    number: int
    smp: CpuSet | None
    effective: CpuSet | None
    writable: bool = True
    action: str | None = None
    hwirq: int | None = None


def immovable_verdict(action: str) -> Verdict:
    """Return the verdict on an interrupt that the kernel refuses to move for good, by the name of its action.

    The kernel manages no interrupt of vfio itself: there it is the hardware that cannot
    (drivers/vfio/pci/vfio_pci_intrs.c asks for its vectors without PCI_IRQ_AFFINITY).
    """
    return Verdict.IMMOVABLE if action.startswith("vfio-") else Verdict.MANAGED


def parse_irq_number(text: str) -> int:
    """Return the interrupt number that `text` is; raise ValueError for anything but up to nine decimal digits."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not an interrupt number")
    return int(text)
