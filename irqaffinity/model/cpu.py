# SPDX-License-Identifier: Apache-2.0
"""What is known of one CPU of the host: for a report alone, no rule of placement looks at it."""

from dataclasses import dataclass
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.pci import PciAddress


class CpuInterrupt(NamedTuple):
    """An interrupt that may come to a CPU, or has come there since the boot.

    `name` is that of its handlers, empty where it has none. `device` is NO_DEVICE where no PCI device has it. `arrived`
    is how many have come to the CPU since the boot, None where that is not known.
    """

    interrupt: Interrupt
    name: str
    device: PciAddress
    arrived: int | None


@dataclass(frozen=True, slots=True)
class CpuFacts:
    """A CPU as the host shows it.

    `isolated` (isolcpus=) and `nohz_full` are those of the whole host, None where it does not tell. `core` are its SMT
    siblings, itself included, empty where the host does not tell. `interrupts` go by number. `ticks` counts the local
    timer since the boot, None where the host does not tell. `rivals` are running programs that move interrupts too:
    the name, what was found and the advice.
    """

    cpu: int
    is_online: bool
    isolated: CpuSet | None
    nohz_full: CpuSet | None
    node: int | None
    core: CpuSet
    interrupts: tuple[CpuInterrupt, ...] = ()
    ticks: int | None = None
    rivals: tuple[tuple[str, str, str], ...] = ()
