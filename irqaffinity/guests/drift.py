# SPDX-License-Identifier: Apache-2.0
"""Tells drift (somebody moved an interrupt away) apart from the rebirth of an interrupt, and a fight from one drift."""

from collections import deque
from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from irqaffinity.model.action import Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.irq import IrqId
from irqaffinity.model.verdict import IrqReason, Verdict

FIGHT = 3
"""Drifts of one interrupt within an hour that make a fight."""

HOUR = 3600.0
_IN_PLACE = frozenset({Verdict.OK, Verdict.SET, Verdict.PENDING})


class Drift(NamedTuple):
    """An interrupt that was where it belongs at the last pass, and was found elsewhere at this one.

    `is_news` is false for a fight that was reported within the last hour.
    """

    irq: IrqId
    owner: GuestId
    belongs: CpuSet
    is_fight: bool
    is_news: bool


class Drifts:
    """Remembers where each interrupt of one guest was left, and how often it was found elsewhere.

    Times are in seconds of one clock.
    """

    def __init__(self) -> None:
        self._left: dict[IrqId, CpuSet] = {}
        self._times: dict[IrqId, deque[float]] = {}
        self._told: dict[IrqId, float] = {}

    @property
    def places(self) -> Mapping[IrqId, CpuSet]:
        """Where each interrupt was left, as far as it was in its place."""
        return self._left

    def left(self, irq: IrqId, cpus: CpuSet) -> None:
        """Note that an interrupt was put in its place."""
        self._left[irq] = cpus

    def forget(self, numbers: Container[int]) -> None:
        """Forget where interrupts of these numbers were left: they are others now."""
        self._left = {irq: cpus for irq, cpus in self._left.items() if irq.number not in numbers}

    def saw(self, results: Iterable[Result], now: float, *, is_quiet: bool) -> list[Drift]:
        """Return the drifts, and remember where the interrupts are now; forget those that `results` do not have.

        A guest that is not quiet is settling, or had an event since the last look: its interrupts may be born again,
        with the same number and a fresh affinity, which is no drift.
        """
        drifts: list[Drift] = []
        before, self._left = self._left, {}
        for result in results:
            action, irq = result.action, result.action.irq
            if result.reason is IrqReason.BACKOFF or action.current is None:  # left alone, or unread: nothing is known
                if irq in before:
                    self._left[irq] = before[irq]
                continue
            was_in_place = not action.is_release and before.get(irq) == action.target
            if was_in_place and action.current != action.target and is_quiet:
                drifts.append(self._note(result, now))
            is_there = result.was_written or result.smp == result.asked  # a busy interrupt is pending, and not there
            if result.verdict in _IN_PLACE and is_there and not action.is_release:
                self._left[irq] = result.asked
        self._times = {irq: times for irq, times in self._times.items() if irq in self._left}
        self._told = {irq: told for irq, told in self._told.items() if irq in self._left}
        return drifts

    def _note(self, result: Result, now: float) -> Drift:
        irq = result.action.irq
        times = self._times.setdefault(irq, deque(maxlen=FIGHT))
        times.append(now)
        is_fight = len(times) == FIGHT and now - times[0] < HOUR
        is_news = not is_fight or now - self._told.get(irq, now - HOUR) >= HOUR
        if is_fight and is_news:
            self._told[irq] = now
        return Drift(irq, result.action.owner, result.action.target, is_fight, is_news)
