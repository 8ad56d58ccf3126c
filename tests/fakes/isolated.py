# SPDX-License-Identifier: Apache-2.0
"""What a pass may have found of the host's own interrupts, for tests of what shows it."""

from typing import Any

from irqaffinity.model.action import Action, Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.irq import DEFAULT
from irqaffinity.model.isolation import Intruder, Isolated, Kept
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.verdict import IrqReason, Verdict
from tests.fakes.scene import GUEST, OTHER

NVME = "0000:03:00.0"
NIC = "0000:04:00.0"


def intruder(number: int, name: str, cpus: str, device: str | None = None, **options: Any) -> Intruder:
    """Return an intruder on the CPUs of GUEST, one that can move unless the options say otherwise."""
    address = NO_DEVICE if device is None else PciAddress.parse(device)
    options = {"guests": (GuestId(GUEST),), "is_movable": True} | options
    return Intruder(number, name, address, CpuSet.parse(cpus), **options)


def queues(cpus: range, *, device: str = NVME, first: int = 100, disk: int = 0) -> list[Intruder]:
    """Return the queues of an NVMe disk, one on each CPU, which the kernel manages."""
    return [
        intruder(
            first + cpu,
            f"nvme{disk}q{cpu + 1}",
            str(cpu),
            device,
            is_movable=False,
            verdict=Verdict.MANAGED,
            arrived=cpu,
        )
        for cpu in cpus
    ]


def moved(
    number: int,
    verdict: Verdict = Verdict.SET,
    *,
    device: str | None = NIC,
    before: str = "0-15",
    after: str = "0-1",
    reason: IrqReason | None = None,
    message: str | None = None,
) -> Result:
    """Return what became of an interrupt of the host; DEFAULT.number is the default affinity."""
    address = NO_DEVICE if device is None or number == DEFAULT.number else PciAddress.parse(device)
    current, target = CpuSet.parse(before), CpuSet.parse(after)
    is_release = reason is IrqReason.RELEASED
    action = Action(number, address, HOST, current, CpuSet([min(current)]), target, is_release)
    is_set = verdict is Verdict.SET
    smp, effective = (target, CpuSet([min(target)])) if is_set else (current, action.effective)
    return Result(action, verdict, target, smp, effective, reason, message, was_written=is_set)


def isolated(mode: str = "report", **options: Any) -> Isolated:
    """Return what a pass found on the host of a Scene whose guest GUEST has the CPUs of its PINS, and OTHER CPU 4."""
    owners = {cpu: (GuestId(GUEST),) for cpu in (2, 3, 10, 11)} | {4: (GuestId(OTHER),)}
    kept = Kept(owners, CpuSet(owners))
    return Isolated(mode, **({"kept": kept, "housekeeping": CpuSet.parse("0-1,8-9")} | options))
