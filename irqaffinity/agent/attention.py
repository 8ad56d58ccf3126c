# SPDX-License-Identifier: Apache-2.0
"""Which guests are worth another look: those with an event, and those whose interrupts change from pass to pass."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from irqaffinity.agent.settle import AGAIN, Settling
from irqaffinity.audit import Pass
from irqaffinity.model.action import Result
from irqaffinity.model.guest import GuestId
from irqaffinity.model.irq import IrqId
from irqaffinity.model.verdict import DeviceReason, Status

_WITHOUT_INTERRUPT = frozenset({DeviceReason.NO_IRQS, DeviceReason.NOT_FOUND})

_Interrupts = Mapping[GuestId, set[IrqId]]


class Attention:
    """Hears of events and passes, and has `settling` watch the guests. Times in seconds of any one clock."""

    def __init__(self, settling: Settling) -> None:
        self._settling = settling
        self._events: dict[GuestId, float] = {}
        self._at_look: dict[GuestId, set[IrqId]] = {}
        self._at_audit: _Interrupts = {}

    def wake(self, guest: GuestId, event: float, now: float, *, asks: bool = True) -> None:
        """Watch a guest that had an event at the time `event`; of several that wait for a write the first counts.

        `asks` has libvirt asked at the next look.
        """
        self._events.setdefault(guest, event)
        self._settling.wake(guest, now, asks=asks)

    def saw(self, made: Pass, now: float, only: GuestId | None = None) -> list[float]:
        """Take a pass, full or for one guest; return how long each guest that was written had waited since its event.

        A full pass that finds an interrupt, which the one before did not, has its guest watched: more may follow.
        """
        irqs = _by_owner(made.outcome.results)
        written = {result.action.owner for result in made.outcome.results if result.was_written}
        waited = [now - self._events.pop(guest) for guest in written & self._events.keys()]
        self._settle(made, now, irqs, written, self._settling if only is None else (only,))
        if only is None:
            for guest in self._grown(irqs) & made.snapshot.claims.keys():
                self._settling.wake(guest, now, asks=False)
            self._at_audit = irqs
        return waited

    def _settle(
        self, made: Pass, now: float, irqs: _Interrupts, written: set[GuestId], guests: Iterable[GuestId]
    ) -> None:
        """Watch on, or no longer, each of `guests`: one that is not placed has nothing to be watched for."""
        unreadable = {guest.uuid for guest in made.snapshot.unreadable}
        placed = {plan.uuid for plan in made.plan.guests if plan.status is Status.PLACED}
        empty = {plan.guest for plan in made.plan.devices if plan.reason in _WITHOUT_INTERRUPT}
        for guest in guests:
            if guest in unreadable:
                self._settling.postpone(guest, now + AGAIN, asks=True)
                continue
            if guest in placed:
                changed = guest in written or self._has_changed(guest, irqs.get(guest, set()))
                self._settling.saw(guest, now, changed=changed, complete=guest not in empty)
            else:
                self._settling.drop(guest)
            if guest not in self._settling:
                self._events.pop(guest, None)
                self._at_look.pop(guest, None)

    def _has_changed(self, guest: GuestId, irqs: set[IrqId]) -> bool:
        """Tell whether a guest has other interrupts than at its last look, and remember these."""
        before = self._at_look.get(guest, irqs)
        self._at_look[guest] = irqs
        return before != irqs

    def _grown(self, irqs: _Interrupts) -> set[GuestId]:
        """Return the guests that have interrupts which the last full pass did not see."""
        before = self._at_audit
        return {guest for guest, seen in irqs.items() if guest in before and not seen <= before[guest]}


def _by_owner(results: Iterable[Result]) -> _Interrupts:
    irqs: dict[GuestId, set[IrqId]] = defaultdict(set)
    for result in results:
        irqs[result.action.owner].add(result.action.irq)
    return irqs
