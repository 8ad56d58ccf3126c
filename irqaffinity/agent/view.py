# SPDX-License-Identifier: Apache-2.0
"""The state of the host's interrupts, put together from the agent's passes, for the status and the metrics."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any

from irqaffinity.model.action import Result
from irqaffinity.model.balance import Balancing
from irqaffinity.model.declared import Standing
from irqaffinity.model.guest import GuestId
from irqaffinity.model.hold import Hold
from irqaffinity.model.host import HostFacts
from irqaffinity.model.isolation import Isolated
from irqaffinity.passes.made import Pass
from irqaffinity.report.balance import describe_balancing
from irqaffinity.report.document import describe_facts
from irqaffinity.report.holds import describe_holds
from irqaffinity.report.isolation import describe_isolation
from irqaffinity.report.outcome import Outcome, Part
from irqaffinity.report.status_report import describe_placement
from irqaffinity.report.times import show_time


class View:
    """The results of the last pass over each guest. For any number of threads.

    `version` grows with each pass that brought something new. It calls `on_full_pass` with each full pass.
    """

    def __init__(self, host: str, throttled: Callable[[], Sequence[Result]] = list) -> None:
        """Take the name of the host, and a function that returns the interrupts that wait for their places now."""
        self.rivals: tuple[str, ...] = ()
        self.version = 0
        self.isolated: Isolated | None = None
        """What the last look at the host's own interrupts found, None before the first."""
        self.holds: Sequence[Hold] = ()
        """The holds that were in force at the last pass."""
        self.balancer: Balancing | None = None
        """How far irqbalance does what it was told, None where the agent tells it nothing."""
        self.standing: Standing | None = None
        """How far virtual functions are what is declared, None where the agent does not see to it."""
        self.on_full_pass: Callable[[Pass], None] = lambda _made: None
        self._host = host
        self._throttled = throttled
        self._lock = threading.Lock()
        self._parts: dict[GuestId, Part] = {}
        self._latest: tuple[datetime, HostFacts] = datetime.now(timezone.utc), HostFacts()
        self._outcome: Outcome | None = None
        self._audit_time: datetime | None = None
        self._audit_seconds = 0.0
        self._audit_error: str | None = None
        self._pass_error: str | None = None

    def saw(self, made: Pass, seconds: float, *, is_full: bool) -> None:
        """Take a pass, and how many seconds it took."""
        with self._lock:
            self._pass_error, self._outcome = None, None
            self._latest = made.time, made.facts
            is_other = self._take_host(made.isolated) or made.holds != self.holds
            self.holds = made.holds
            fresh = (part for uuid, part in made.parts.items() if part is not self._parts.get(uuid))
            is_news = is_other or any(result.was_written for part in fresh for result in part.results)
            self.version += is_full or is_news
            if is_full:
                self._parts, self._audit_time = dict(made.parts), made.time
                self._audit_seconds, self._audit_error = seconds, None
            for uuid, part in made.parts.items():
                self._put(uuid, part)
        if is_full:
            self.on_full_pass(made)

    @property
    def untold_rivals(self) -> tuple[str, ...]:
        """The rivals without an irqbalance that leaves alone all that it shall."""
        is_told = self.balancer is not None and self.balancer.told
        return tuple(name for name in self.rivals if name != "irqbalance" or not is_told)

    def saw_rivals(self, rivals: tuple[str, ...]) -> None:
        """Take the names of other programs that move interrupts."""
        with self._lock:
            self.version += rivals != self.rivals
            self.rivals = rivals

    def saw_host(self, isolated: Isolated) -> None:
        """Take a look at the host's own interrupts."""
        with self._lock:
            self.version += self._take_host(isolated)

    def saw_balancer(self, balancer: Balancing | None) -> None:
        """Take how far irqbalance does what it was told."""
        with self._lock:
            self.version += balancer != self.balancer
            self.balancer = balancer

    def saw_functions(self, standing: Standing | None) -> None:
        """Take how far virtual functions are what is declared."""
        with self._lock:
            self.version += standing != self.standing
            self.standing = standing

    def audit_failed(self, error: str) -> None:
        """Note why a full pass could not be made."""
        with self._lock:
            self.version += 1
            self._audit_error = error

    def fail(self, error: str) -> None:
        """Note why a pass could not be made."""
        with self._lock:
            self.version += 1
            self._pass_error = error

    @property
    def outcome(self) -> Outcome:
        """The last known place of every interrupt; put together on demand, for there are many looks."""
        throttled = {result.action.irq: result for result in self._throttled()}
        with self._lock:
            if self._outcome is None:
                parts = self._parts.values()
                self._outcome = Outcome.of(parts, self._host, *self._latest, isolated=self.isolated, holds=self.holds)
            return self._outcome.with_results(throttled) if throttled else self._outcome

    @property
    def trouble(self) -> str | None:
        """Why the last pass could not be made, None where it was."""
        return self._audit_error or self._pass_error

    @property
    def last_audit(self) -> datetime | None:
        """The start of the last full pass that came to its end, None before the first."""
        return self._audit_time

    def describe(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        with self._lock:
            audit = {
                "time": self._audit_time and show_time(self._audit_time),
                "seconds": round(self._audit_seconds, 6),
                "error": self._audit_error or self._pass_error,
            }
        outcome = self.outcome
        facts = describe_facts(outcome.facts)
        isolation = describe_isolation(outcome.isolated)
        told = describe_balancing(self.balancer)
        placement = describe_placement(outcome)
        sriov = {} if self.standing is None else {"sriov": self.standing.describe()}
        holds = {"holds": describe_holds(outcome.holds)}
        described = {"last_audit": audit, "host_facts": facts, "placement": placement, **isolation, **holds}
        return {**described, "irqbalance": told, **sriov}

    def _take_host(self, isolated: Isolated | None) -> bool:
        """Take what a pass found of the host's own interrupts, and tell whether it is another thing than before."""
        if isolated is None or isolated == self.isolated:
            return False
        self.isolated, self._outcome = isolated, None
        return True

    def _put(self, uuid: GuestId, part: Part) -> None:
        if part == Part(None, (), ()):
            self._parts.pop(uuid, None)
        else:
            self._parts[uuid] = part
