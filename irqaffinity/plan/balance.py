# SPDX-License-Identifier: Apache-2.0
"""What to tell an irqbalance, so that it leaves guests alone and keeps all bans of its own."""

from typing import NamedTuple

from irqaffinity.model.balance import Bans
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.isolation import Told

ROOMS = (16000, 480, 255)
"""Characters that a list may have in versions of irqbalance: a longer one is cut anywhere, and nothing says so.

One of 2026 reads 16,384 bytes of an order, those up to 1.9.4 read 500; some of 2026 keep 255 of a list of interrupts.
"""

REMEDY = "add --banmod=vfio to IRQBALANCE_ARGS in /etc/default/irqbalance, and restart it"
"""What keeps the interrupts of vfio devices from it without any list: it takes a part of the driver's name."""

LASTING = "lasting for vfio devices is IRQBALANCE_ARGS=--banmod=vfio in /etc/default/irqbalance (1.9.2 and newer)"


class Order(NamedTuple):
    """What an irqbalance shall have, `goal`, and the lists to send for it, None where nothing has to be sent.

    `trouble` says why the goal is less than what is wished, None where it is not.
    """

    goal: Bans
    cpus: str | None = None
    irqs: str | None = None
    trouble: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to send."""
        return self.cpus is None and self.irqs is None


def find_own(told: Told | None, has: Bans) -> Bans:
    """Return what an irqbalance that has these bans leaves alone by itself, or because somebody else told it.

    What was told is in `told` before it is sent and until it is known to be taken back, so that whatever else it has is
    not ours.
    """
    if told is None:
        return has
    before = told.cpus_before or CpuSet()
    cpus = (has.cpus - told.cpus) | (before & has.cpus)
    irqs = (set(has.irqs) - set(told.irqs)) | (set(told.irqs_before) & set(has.irqs))
    return Bans(cpus, tuple(sorted(irqs)))


def decide(wish: Bans, own: Bans, has: Bans, online: CpuSet, room: int, *, is_sure: bool = True) -> Order:
    """Return what to tell an irqbalance that has these bans; `room` is the length of a list that it keeps.

    `is_sure` is False where it may have been told other CPUs before, which it takes over at its next scan.
    """
    cpus, why = own.cpus | wish.cpus, None
    if wish.cpus and online <= cpus:
        cpus, why = own.cpus, "it is not told the CPUs of guests, because no other CPU is online"
    elif len(str(cpus)) > room:
        cpus, why = (
            own.cpus,
            f"it is not told the CPUs of guests, because it cuts a list of {len(str(cpus))} characters",
        )
    irqs = (*own.irqs, *sorted(set(wish.irqs) - set(own.irqs)))
    fitting = _fit(irqs, room)
    if why is None and len(fitting) < len(irqs):
        why = (
            f"it keeps only {len(fitting)} of {len(irqs)} interrupts, because its version cuts a longer list: {REMEDY}"
        )
    goal = Bans(cpus, tuple(sorted(fitting)))
    return Order(
        goal,
        None if cpus == has.cpus and is_sure else _list(cpus, room),
        None if goal.irqs == has.irqs else " ".join(map(str, fitting)) or "NONE",
        why,
    )


def give_back(told: Told) -> Order:
    """Return what to tell an irqbalance so that it has what it had before."""
    before = told.cpus_before or CpuSet()
    irqs = " ".join(map(str, told.irqs_before))
    return Order(Bans(before, told.irqs_before), _list(before, ROOMS[1]), irqs or "NONE")


def note(told: Told | None, own: Bans, order: Order) -> Told:
    """Return what the state has to know before the order is sent: what was told before may stand until a scan."""
    cpus, irqs = order.goal.cpus, set(order.goal.irqs)
    if told is not None:
        cpus, irqs = cpus | told.cpus, irqs | set(told.irqs)
    return Told(own.cpus or None, own.irqs, cpus, tuple(sorted(irqs)))


def confirm(own: Bans, order: Order) -> Told:
    """Return what the state has to know once an irqbalance has what it was ordered."""
    return Told(own.cpus or None, own.irqs, *order.goal)


def _list(cpus: CpuSet, room: int) -> str:
    """Return the list to send; `NULL` stands for what it was started with, and an empty list would end it."""
    return str(cpus) if cpus and len(str(cpus)) <= room else "NULL"


def _fit(numbers: tuple[int, ...], room: int) -> tuple[int, ...]:
    """Return the first of the numbers that find room. (irqbalance ends a list at a 0 that is not its first.)"""
    if 0 in numbers:
        numbers = (0, *(number for number in numbers if number))
    length = -1
    for count, number in enumerate(numbers):
        length += 1 + len(str(number))
        if length > room:
            return numbers[:count]
    return numbers
