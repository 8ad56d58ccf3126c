# SPDX-License-Identifier: Apache-2.0
"""The one object that holds all that is known of a guest: it is made when the guest appears, and dies with it."""

import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from operator import is_

from irqaffinity.apply.backoff import Backoff
from irqaffinity.guests.cause import BORN, Grounds, Occasion, find_causes
from irqaffinity.guests.changes import Unsettled
from irqaffinity.guests.drift import Drifts
from irqaffinity.guests.pace import Pace
from irqaffinity.guests.watch import FAST, RARE, SOONEST, TOGETHER, Patience, Watch
from irqaffinity.model.action import Action, Result
from irqaffinity.model.credit import Credit
from irqaffinity.model.guest import GuestId
from irqaffinity.model.host import Device, SeenGuest
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import FAILED, Cause, DeviceReason, Status, Verdict
from irqaffinity.observe.reading import Reading
from irqaffinity.plan.plan import Decision
from irqaffinity.report.log import Troubles
from irqaffinity.report.outcome import Part

LINES, LINES_RATE = 32.0, 1 / 60
"""Log lines on one guest at once, and how many more in a second; changes beyond that are gathered, or logged later.

A change has a line a device, so that a guest with many devices can start and have its mask changed within a minute.
"""

_WITHOUT_INTERRUPT = frozenset({DeviceReason.NO_IRQS, DeviceReason.NOT_FOUND})


class Life:
    """All that the program knows of one guest.

    `seen` is libvirt's last word on it, None before the first one and after its end; `readings` are the last readings
    of its devices. `decision` and `part` are what the last pass made: the decision from `decided_from` (the frame, the
    guest, the policy and the remembered specs), both from `basis`, which is empty where something was left to be done.
    `watch` is there while the guest settles, and `waiting_since` is the time of its first event that no write has
    followed yet (seconds of the agent's clock). `throttled` are interrupts that were born too soon after others and
    wait for their places, with their devices. `unsettled` is what was done and is not reported yet, `troubles` are
    those that the log has, `lines` is the credit for more lines. `name` is the guest's name, None where this process
    has never seen it; `grounds` is what decided its last places, and `failing` are interrupts that could not be moved
    at the last try.
    """

    def __init__(self, uuid: GuestId, clock: Callable[[], float]) -> None:
        self.uuid = uuid
        self.seen: SeenGuest | None = None
        self.readings: dict[PciAddress, Reading] = {}
        self.decision: Decision | None = None
        self.part: Part | None = None
        self.basis: tuple[object, ...] = ()
        self.decided_from: tuple[object, ...] = ()
        self.watch: Watch | None = None
        self.waiting_since: float | None = None
        self.drifts = Drifts()
        self.backoff = Backoff(clock)
        self.pace = Pace()
        self.throttled: dict[int, PciAddress | None] = {}
        self.unsettled = Unsettled(uuid)
        self.troubles: Troubles = {}
        self.lines = Credit(LINES, LINES_RATE)
        self.name: str | None = None
        self.grounds: Grounds | None = None
        self.failing: frozenset[IrqId] = frozenset()
        self._irqs: frozenset[IrqId] | None = None

    @property
    def is_placed(self) -> bool:
        """Whether the last pass had a place for its interrupts."""
        return self.decision is not None and self.decision.guest.status is Status.PLACED

    @property
    def is_complete(self) -> bool:
        """Whether each of its devices has shown an interrupt."""
        plans = () if self.decision is None else self.decision.devices
        return not any(plan.reason in _WITHOUT_INTERRUPT for plan in plans)

    def throttle(self, number: int, device: PciAddress | None, now: float) -> bool:
        """Have an interrupt wait for its place, and tell whether it is the first one to wait."""
        is_first = not self.throttled
        self.throttled[number] = device
        self.unsettled.add_waiting(now)
        return is_first

    def spare(self, results: Iterable[Result]) -> None:
        """Let the interrupts that a pass has seen wait no longer; those that /proc/irq did not have yet wait on."""
        if self.throttled:
            seen = {result.action.number for result in results}
            self.throttled = {number: at for number, at in self.throttled.items() if number not in seen}

    def waiting(self) -> list[Result]:
        """Return a result for each interrupt that waits for its place."""
        decision = self.decision  # one read: the caller holds no lock
        plans = {plan.address: plan for plan in (() if decision is None else decision.devices)}
        return [
            Result(
                Action(number, plan.address, self.uuid, None, None, plan.birthplace),
                Verdict.THROTTLED,
                plan.birthplace,
                None,
                None,
                message=Verdict.THROTTLED.sentence,
            )
            for number, address in list(self.throttled.items())
            if address is not None and (plan := plans.get(address)) is not None and plan.birthplace is not None
        ]

    def tell_births(self, results: Sequence[Result], now: float) -> None:
        """Note what was done with interrupts that were just born."""
        born = Occasion(Cause.BIRTH, failing=self.failing) if self.failing else BORN
        self.unsettled.add(find_causes(results, born), now)
        if self.failing or any(result.verdict in FAILED for result in results):
            failed = {result.action.irq for result in results if result.verdict in FAILED}
            self.failing = self.failing.difference(result.action.irq for result in results) | failed

    def next_line(self, now: float) -> float:
        """Return when the changes that are not reported yet are to be logged, in seconds of the same clock as `now`."""
        due = self.unsettled.due
        return due if due > now else now + self.lines.wait(now, 1.0)

    def leave(self) -> None:
        """Note that libvirt no longer has the guest: only its interrupts are left, to be given back."""
        self.seen = self.decision = self.part = self.grounds = None
        self.readings, self.basis, self.decided_from, self.throttled = {}, (), (), {}

    def decision_from(self, *origin: object) -> Decision | None:
        """Return the last decision if it was made from just these, else None."""
        is_same = len(origin) == len(self.decided_from) and all(map(is_, origin, self.decided_from))
        return self.decision if is_same else None

    def wake(self, patience: Patience, now: float, *, asks: bool, is_prompt: bool = True) -> None:
        """Plan a look at the guest, at once or as soon as its pace allows; with `asks` that look asks libvirt."""
        pause = TOGETHER if not is_prompt else SOONEST if patience.hears_births else FAST
        since_last = 0.0 if is_prompt and self.watch is None else pause
        due = self.pace.next_work(now, since_last, hears_births=patience.hears_births)
        self._watch(now, asks=asks, due=due, pause=pause)

    def confirm(self, now: float) -> None:
        """Plan one look at the guest before long: all is done already, unless something went wrong."""
        soon = RARE if self.pace.is_throttled(now) else FAST
        self._watch(now, asks=False, due=max(now + soon, self.pace.next_work(now, soon)), pause=RARE, can_wait=True)

    def worked(self, patience: Patience, now: float, seconds: float) -> None:
        """Note work for the guest that took `seconds` of CPU; the next look may have to wait because of it."""
        self.pace.worked(now, seconds)
        if self.watch is not None:
            soonest = self.pace.next_work(now, 0.0, hears_births=patience.hears_births)
            self.watch.next_look = max(self.watch.next_look, soonest)

    def _watch(self, now: float, *, asks: bool, due: float, pause: float, can_wait: bool = False) -> None:
        if self.watch is None:
            self.watch = Watch.begin(now, asks=asks, due=due, pause=pause)
        else:
            self.watch.wake(now, asks=asks, due=due, pause=pause, can_wait=can_wait)

    def rest(self) -> None:
        """End the watch: nothing waits for the guest any more."""
        self.watch = self.waiting_since = None

    def notice(self, results: tuple[Result, ...]) -> tuple[bool, bool]:
        """Tell whether it has other interrupts than at the last pass, and whether it has new ones; remember these."""
        irqs = frozenset(result.action.irq for result in results if not result.action.is_release)
        before, self._irqs = self._irqs, irqs
        return (False, False) if before is None else (before != irqs, not irqs <= before)


class Lives:
    """All guests, by uuid. A guest that is gone stays until all that was moved for it is given back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lives: dict[GuestId, Life] = {}
        self._devices: dict[int, PciAddress] = {}

    def __contains__(self, uuid: GuestId) -> bool:
        return uuid in self._lives

    def __iter__(self) -> Iterator[Life]:
        return iter(tuple(self._lives.values()))

    def get(self, uuid: GuestId) -> Life | None:
        """Return a life, None where there is none."""
        return self._lives.get(uuid)

    def of(self, uuid: GuestId) -> Life:
        """Return the life of a guest, a new one where there is none yet."""
        life = self._lives.get(uuid)
        if life is None:
            life = self._lives[uuid] = Life(uuid, self._clock)
        return life

    def note_numbers(self, device: Device) -> None:
        """Note which interrupts a device has."""
        self._devices.update((interrupt.number, device.address) for interrupt in device.interrupts)

    def device_of(self, number: int) -> PciAddress | None:
        """Return the device that had an interrupt of this number when it was read last, None where none had."""
        return self._devices.get(number)

    def watched(self) -> list[Life]:
        """Return the lives that have a watch, the one with the next look first."""
        watched = [(life.watch.next_look, life.uuid, life) for life in self if life.watch is not None]
        return [life for _, _, life in sorted(watched, key=lambda row: row[:2])]

    def waiting(self) -> list[Result]:
        """Return the interrupts that wait for their places because their guests had too many new ones."""
        return [result for life in self if life.throttled for result in life.waiting()]

    def leave_those_without(self, guests: Container[GuestId], among: Iterable[GuestId] | None = None) -> None:
        """Note which guests are no more; where given, only `among` these."""
        for uuid in self._lives if among is None else among:
            life = self._lives.get(uuid)
            if life is not None and life.seen is not None and uuid not in guests:
                life.leave()

    def end_those_without(self, reason: Container[GuestId], among: Iterable[GuestId] | None = None) -> None:
        """End lives not in `reason` that have no watch and nothing to report; where given, only `among` these."""
        for uuid in tuple(self._lives if among is None else among):
            life = self._lives.get(uuid)
            if life is not None and life.watch is None and not life.unsettled and uuid not in reason:
                del self._lives[uuid]
