# SPDX-License-Identifier: Apache-2.0
"""Which interrupts come to the CPUs of guests that do not own them."""

from collections.abc import Iterable, Mapping

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.irq import Interrupt, IrqId, immovable_verdict
from irqaffinity.model.isolation import HostInterrupt, Intruder, Kept
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Fixed
from irqaffinity.model.verdict import Verdict


def find_intruders(
    kept: Kept, interrupts: Iterable[HostInterrupt], fixed: Mapping[IrqId, Fixed], targets: Mapping[int, CpuSet]
) -> tuple[Intruder, ...]:
    """Return the host's interrupts that come to kept CPUs, by number; `targets` is where they are to go, by number."""
    found = (
        Intruder(
            number=each.interrupt.number,
            name=each.interrupt.action or "",
            device=each.device,
            cpus=cpus,
            guests=kept.guests_on(cpus),
            is_movable=(verdict := find_fixed(each, fixed)) is None,
            target=targets.get(each.interrupt.number),
            verdict=verdict,
        )
        for each in interrupts
        if (cpus := _served_by(each.interrupt) & kept.cpus)
    )
    return tuple(sorted(found, key=_number))


def find_fixed(found: HostInterrupt, fixed: Mapping[IrqId, Fixed]) -> Verdict | None:
    """Return the verdict on an interrupt that cannot be moved, as its file or the state says; None for any other."""
    action = found.interrupt.action or ""
    if not found.interrupt.writable:
        return immovable_verdict(action)
    known = fixed.get(IrqId(found.device, found.interrupt.number)) if fixed else None
    return known.verdict if known is not None and known.action == action else None


def guests_intruders(kept: Kept, found: Iterable[tuple[GuestId, Interrupt, PciAddress]]) -> tuple[Intruder, ...]:
    """Return the interrupts of guests that come to CPUs of other guests only, by number."""
    intruders = []
    for owner, interrupt, device in found:
        cpus = CpuSet(cpu for cpu in _served_by(interrupt) & kept.cpus if owner not in kept.owners[cpu])
        if cpus:
            name, guests = interrupt.action or "", kept.guests_on(cpus)
            verdict = None if interrupt.writable else immovable_verdict(name)
            intruders.append(
                Intruder(interrupt.number, name, device, cpus, guests, interrupt.writable, owner, verdict=verdict)
            )
    return tuple(sorted(intruders, key=_number))


def _served_by(interrupt: Interrupt) -> CpuSet:
    """Return the CPUs that serve an interrupt, none before it is started; where that is not known, those that may."""
    return (interrupt.smp or CpuSet()) if interrupt.effective is None else interrupt.effective


def _number(intruder: Intruder) -> int:
    return intruder.number
