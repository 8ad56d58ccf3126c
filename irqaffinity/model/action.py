# SPDX-License-Identifier: Apache-2.0
"""What is to be done with one interrupt, and what was done."""

from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.irq import Interrupt, IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import IrqReason, Verdict


class Action(NamedTuple):
    """An interrupt and the CPUs it belongs on, even where it is there already.

    `driver` is the driver that its device had at the decision: under another driver the number is another interrupt.
    `owner` is the guest whose interrupt it is, or was when it is released, or HOST. `spares` are single CPUs to try in
    this order when the target has no free vector. `foregone` is the verdict where the kernel would surely refuse the
    write, so that none is tried; `message` says why where its sentence does not. `handler` is the name of the action
    that an interrupt of the host had at the decision: under another name the number is another interrupt. `hold` is the
    id of the hold that keeps it where it is, None where none does.
    """

    number: int
    device: PciAddress
    owner: GuestId
    current: CpuSet | None
    effective: CpuSet | None
    target: CpuSet
    is_release: bool = False
    foregone: Verdict | None = None
    driver: str | None = None
    spares: tuple[CpuSet, ...] = ()
    message: str | None = None
    handler: str | None = None
    hold: int | None = None

    @property
    def irq(self) -> IrqId:
        """The identity of the interrupt."""
        return IrqId(self.device, self.number)


class Result(NamedTuple):
    """What became of an action: `asked` was written or would be, `smp` and `effective` were read last.

    `was_written` tells that the kernel accepted a write. `handler` is the name of the interrupt's action where the
    kernel refused for good: the refusal is remembered under that name. `reborn` is the interrupt as it is now where it
    may have been born again between the reading and the write.
    """

    action: Action
    verdict: Verdict
    asked: CpuSet
    smp: CpuSet | None
    effective: CpuSet | None
    reason: IrqReason | None = None
    message: str | None = None
    was_written: bool = False
    handler: str | None = None
    reborn: Interrupt | None = None


def find_in_place(action: Action, cpus: CpuSet, reason: IrqReason | None) -> Result:
    """Return the result for an interrupt that has `cpus` already, so that nothing is written."""
    verdict = Verdict.OK if settled(cpus, action.effective) else Verdict.PENDING
    message = None if verdict is Verdict.OK else verdict.sentence
    return Result(action, verdict, cpus, action.current, action.effective, reason, message)


def settled(target: CpuSet, effective: CpuSet | None) -> bool:
    """Tell whether the hardware follows `target`; True as well where the kernel does not show that."""
    return effective is None or effective <= target
