# SPDX-License-Identifier: Apache-2.0
"""The one object that holds all that is known of a guest: it is made when the guest appears, and dies with it."""

import time
from collections.abc import Callable, Container, Iterable, Iterator
from operator import is_

from irqaffinity.apply.backoff import Backoff
from irqaffinity.guests.drift import Drifts
from irqaffinity.guests.watch import Patience, Watch
from irqaffinity.model.action import Result
from irqaffinity.model.guest import GuestId
from irqaffinity.model.host import Device, SeenGuest
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import DeviceReason, Status
from irqaffinity.observe.reading import Reading
from irqaffinity.plan.plan import Decision
from irqaffinity.report.log import Subject
from irqaffinity.report.outcome import Part

_WITHOUT_INTERRUPT = frozenset({DeviceReason.NO_IRQS, DeviceReason.NOT_FOUND})


class Life:
    """A guest as far as the program is concerned.

    `seen` is what libvirt said of it last, None before and after; `readings` are its devices as they were read last,
    `decision` and `part` what the last pass made of them: from `decided_from` (the frame, the guest, the policy and the
    remembered specs); where nothing was left to be done, `basis` has all that they were made from. `newborn` is what
    births have done since. `watch` is there while it settles, and `waiting_since` is the time of its first event that
    no write has followed yet (seconds of the agent's clock). `troubles` are those that the log has.
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
        self.troubles: dict[Subject, str] = {}
        self.newborn: list[Result] = []
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

    def bore(self, result: Result) -> None:
        """Note what was done with an interrupt of it at its birth."""
        self.drifts.left(result.action.irq, result.asked)
        self.newborn.append(result)

    def leave(self) -> None:
        """Note that libvirt has it no more: all that is left of it is what is to be given back."""
        self.seen = self.decision = self.part = None
        self.readings, self.basis, self.decided_from = {}, (), ()

    def decision_from(self, *origin: object) -> Decision | None:
        """Return the last decision if it was made from just these, else None."""
        is_same = len(origin) == len(self.decided_from) and all(map(is_, origin, self.decided_from))
        return self.decision if is_same else None

    def wake(self, patience: Patience, now: float, *, asks: bool, soonest: float = 0.0) -> None:
        """Watch it; `asks` has libvirt asked at the next look, which is made at `soonest` or after it."""
        if self.watch is None:
            self.watch = Watch.begin(max(now, soonest), asks=asks)
        else:
            self.watch.wake(patience, now, asks=asks, soonest=soonest)

    def rest(self) -> None:
        """Watch it no longer: nothing waits for it any more."""
        self.watch = self.waiting_since = None

    def notice(self, results: tuple[Result, ...]) -> tuple[bool, bool]:
        """Tell whether it has other interrupts than at the last pass, and whether it has new ones; remember these."""
        irqs = frozenset(result.action.irq for result in results if not result.action.is_release)
        before, self._irqs = self._irqs, irqs
        return (False, False) if before is None else (before != irqs, not irqs <= before)


class Lives:
    """All guests, by uuid. Those that are gone stay until nothing that was moved for them is left."""

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
        """Return the life of a guest; it begins now where there is none."""
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
        """Return those that are looked at again and again, the next one first."""
        watched = [(life.watch.next_look, life.uuid, life) for life in self if life.watch is not None]
        return [life for _, _, life in sorted(watched, key=lambda row: row[:2])]

    def leave_those_without(self, guests: Container[GuestId], among: Iterable[GuestId] | None = None) -> None:
        """Note which guests are no more; where given, only `among` these."""
        for uuid in self._lives if among is None else among:
            life = self._lives.get(uuid)
            if life is not None and life.seen is not None and uuid not in guests:
                life.leave()

    def end_those_without(self, reason: Container[GuestId], among: Iterable[GuestId] | None = None) -> None:
        """End each life that nothing is waited for and that is not in `reason`; where given, only `among` these."""
        for uuid in tuple(self._lives if among is None else among):
            life = self._lives.get(uuid)
            if life is not None and life.watch is None and uuid not in reason:
                del self._lives[uuid]
