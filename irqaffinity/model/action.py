# SPDX-License-Identifier: Apache-2.0
"""What is to be done with one interrupt, and what was done."""

from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import IrqReason, Verdict


class Action(NamedTuple):
    """An interrupt and the CPUs it belongs on; also when it is there already.

    `owner` is the guest whose interrupt it is, or was when it is released. `spares` are single CPUs to try in this
    order when the target has no free vector. `is_managed` tells that the kernel is known to refuse
    the write.
    """

    number: int
    device: PciAddress
    owner: GuestId
    current: CpuSet | None
    effective: CpuSet | None
    target: CpuSet
    is_release: bool = False
    is_managed: bool = False
    spares: tuple[CpuSet, ...] = ()

    @property
    def irq(self) -> IrqId:
        """The identity of the interrupt."""
        return IrqId(self.device, self.number)


class Result(NamedTuple):
    """What became of an action: `asked` was written or would be, `smp` and `effective` are what was read last."""

    action: Action
    verdict: Verdict
    asked: CpuSet
    smp: CpuSet | None
    effective: CpuSet | None
    reason: IrqReason | None = None
    message: str | None = None

    @property
    def was_written(self) -> bool:
        """Whether the kernel accepted a write."""
        in_place = self.action.current == self.asked
        return self.verdict in (Verdict.SET, Verdict.PENDING) and not in_place and self.reason is not IrqReason.BACKOFF


def find_in_place(action: Action, cpus: CpuSet, reason: IrqReason | None) -> Result:
    """Return the result for an interrupt that has `cpus` already, so that nothing is written."""
    verdict = Verdict.OK if settled(cpus, action.effective) else Verdict.PENDING
    message = None if verdict is Verdict.OK else verdict.sentence
    return Result(action, verdict, cpus, action.current, action.effective, reason, message)


def settled(target: CpuSet, effective: CpuSet | None) -> bool:
    """Tell whether the hardware follows `target`: true as well where the kernel does not show what it does."""
    return effective is None or effective <= target
