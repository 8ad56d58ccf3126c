# SPDX-License-Identifier: Apache-2.0
"""What the agent counts, for the status and the metrics."""

import bisect
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from irqaffinity.listen.clocks import Clocks
from irqaffinity.model.action import Result
from irqaffinity.model.isolation import Intruder, Isolated
from irqaffinity.model.verdict import FAILED, IrqReason
from irqaffinity.plan.policy import IsolationMode

LATENCIES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.12, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histograms, in seconds."""

FULL, GUEST, BIRTH, LOOK = "full", "guest", "birth", "look"
"""The kinds of work: a pass over all guests, a pass over one guest with an answer of libvirt, a pass over one new
interrupt; or a look at one guest without libvirt, which the agent does again and again while it settles. A look is not
a pass."""

DONE, AWAY, BROKEN = "done", "libvirt_unreachable", "failed"
"""The results of a pass or look: it came to its end, libvirt was away, or it failed otherwise."""

TARGET, OUTSIDE = "target", "outside"
"""Where an interrupt arrived: at a CPU of its target, or at another one."""


def is_movable(intruder: Intruder, isolated: Isolated) -> bool:
    """Return whether an intruder counts as one that can be moved: not where `[isolation] leave` names it.

    In mode enforce, each interrupt of the host that can be moved has a target, unless it is left or nothing is moved.
    """
    is_hosts_own = isolated.mode == IsolationMode.ENFORCE.value and intruder.owner is None
    is_left = is_hosts_own and intruder.target is None and isolated.trouble is None
    return intruder.is_movable and not is_left


class Histogram:
    """Counts durations in seconds by upper bound."""

    def __init__(self, bounds: Sequence[float] = LATENCIES) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect.bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """Return the counts up to each bound, as Prometheus wants them; the last bound is `+Inf`."""
        rows, running = [], 0
        for bound, count in zip([*map(str, self.bounds), "+Inf"], self.counts, strict=True):
            running += count
            rows.append((bound, float(running)))
        return rows


@dataclass
class Counters:
    """Counts since the agent started. Keys come from closed lists: nothing from outside makes a new one.

    `passes` by (kind, result), `looks` by result, `writes` that the kernel accepted and `failures` by verdict,
    `notifications` by (event, outcome). `clocks` are those of publishers. `drifts` counts interrupts that were put
    back, `fights` those of them that another program moves again and again. `arrivals` of guests' interrupts by place
    (TARGET, OUTSIDE), counted once a full pass while metrics are on. `intruders` are arrivals on CPUs of guests of
    interrupts that are not the guest's own, by `is_movable`. `sriov` are settings of physical and virtual functions
    that the kernel was asked for, by what became of them. `pass_seconds` by kind, without births and looks.
    The host's own interrupts count in `writes`, `failures`, `drifts` and `fights` as guests' do.
    Whoever changes a counter that not only the worker changes holds `lock`.
    """

    passes: Counter[tuple[str, str]] = field(default_factory=Counter)
    looks: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    notifications: Counter[tuple[str, str]] = field(default_factory=Counter)
    arrivals: Counter[str] = field(default_factory=lambda: Counter({TARGET: 0, OUTSIDE: 0}))
    intruders: Counter[bool] = field(default_factory=lambda: Counter({True: 0, False: 0}))
    clocks: Clocks = field(default_factory=Clocks)
    sriov: Counter[str] = field(default_factory=Counter)
    drifts: int = 0
    fights: int = 0
    throttled: int = 0
    pass_seconds: Mapping[str, Histogram] = field(default_factory=lambda: {FULL: Histogram(), GUEST: Histogram()})
    wake_seconds: Histogram = field(default_factory=Histogram)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count_pass(self, kind: str, result: str, seconds: float | None = None) -> None:
        """Count a pass of the loop, or a look, and how long it took if it came to its end."""
        if kind == LOOK:
            self.looks[result] += 1
            return
        self.passes[kind, result] += 1
        if seconds is not None:
            self.pass_seconds[kind].add(seconds)

    def count_results(self, results: Iterable[Result]) -> None:
        """Count writes and failed writes; a result that stands from an earlier try (BACKOFF) counts as neither."""
        for result in results:
            if result.was_written or (result.verdict in FAILED and result.reason is not IrqReason.BACKOFF):
                with self.lock:
                    (self.writes if result.was_written else self.failures)[result.verdict.value] += 1

    def count_isolation(self, isolated: Isolated) -> None:
        """Count what a pass found and did for the isolation of guests' CPUs; what is not known counts as nothing."""
        self.count_results(isolated.results)
        with self.lock:
            for intruder in isolated.intruders:
                self.intruders[is_movable(intruder, isolated)] += intruder.arrived or 0

    def count_functions(self, writes: Mapping[str, int]) -> None:
        """Count settings of physical and virtual functions that were written, by what became of them."""
        with self.lock:
            self.sriov.update(writes)

    def count_throttled(self) -> None:
        """Count a new interrupt that waits for its place because its guest has made too many at once."""
        with self.lock:
            self.throttled += 1

    def count_birth(self, result: Result, seconds: float | None = None) -> None:
        """Count the placing of a new interrupt, and how many seconds it took where that is known."""
        self.count_results((result,))
        with self.lock:
            self.passes[BIRTH, BROKEN if result.verdict in FAILED else DONE] += 1
            if result.was_written and seconds is not None:
                self.wake_seconds.add(seconds)

    def count_no_birth(self, result: str) -> None:
        """Count a new interrupt for which the agent could not find out whose it is."""
        with self.lock:
            self.passes[BIRTH, result] += 1

    def count_notification(self, event: str, outcome: str) -> None:
        """Count a message of the broker."""
        with self.lock:
            self.notifications[event, outcome] += 1

    def number_of_notifications(self) -> int:
        """Return how many messages of the broker were counted, so that a change can be seen."""
        with self.lock:
            return sum(self.notifications.values())

    def notifications_by_outcome(self) -> Counter[str]:
        """Return how many messages had which outcome."""
        with self.lock:
            counts: Counter[str] = Counter()
            for (_event, outcome), count in self.notifications.items():
                counts[outcome] += count
            return counts

    def describe(self) -> dict[str, Any]:
        """Return the counters of the status as plain values; those at 0 may be left out."""
        return {
            "passes": {f"{kind} {result}": count for (kind, result), count in list(self.passes.items())},
            "looks": dict(self.looks),
            "writes": dict(self.writes),
            "failures": dict(self.failures),
            "drifts": self.drifts,
            "fights": self.fights,
            "notifications": dict(self.notifications_by_outcome()),
        }
