# SPDX-License-Identifier: Apache-2.0
"""What the agent knows of the host's interrupts, put together from its passes, for those who ask."""

import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from irqaffinity.model.guest import GuestId
from irqaffinity.model.host import HostFacts
from irqaffinity.report.document import describe_facts
from irqaffinity.report.outcome import Outcome
from irqaffinity.report.status import describe_placement, show_time


class View:
    """The last full pass, with what passes for one guest changed since. For any number of threads.

    `version` grows with each pass that brought something new.
    """

    def __init__(self, host: str) -> None:
        self.rivals: tuple[str, ...] = ()
        self.version = 0
        self._lock = threading.Lock()
        self._outcome = Outcome(host, datetime.now(UTC), False, HostFacts(), (), (), ())
        self._parts: dict[GuestId, Outcome] = {}
        self._audit_time: datetime | None = None
        self._audit_seconds = 0.0
        self._audit_error: str | None = None
        self._pass_error: str | None = None

    def saw(self, outcome: Outcome, guest: GuestId | None, seconds: float) -> None:
        """Take the outcome of a pass, narrowed to a guest or full, and how long it took."""
        with self._lock:
            self._pass_error = None
            self.version += guest is None or any(result.was_written for result in outcome.results)
            if guest is None:
                self._outcome, self._audit_time = outcome, outcome.time
                self._parts.clear()
                self._audit_seconds, self._audit_error = seconds, None
            else:
                self._parts[guest] = outcome

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
        """Where every interrupt was seen last; put together when somebody asks, for looks are many."""
        with self._lock:
            for guest, part in self._parts.items():
                self._outcome = _merge(self._outcome, part, guest)
            self._parts.clear()
            return self._outcome

    @property
    def last_audit(self) -> datetime | None:
        """The start of the last full pass that was made to its end."""
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
        return {"last_audit": audit, "host_facts": facts, "placement": describe_placement(outcome)}


def _merge(whole: Outcome, part: Outcome, guest: GuestId) -> Outcome:
    """Return `whole` with all that concerns a guest, or was given back for it, as in `part`."""
    replaced = {device.address for device in part.devices} | {
        device.address for device in whole.devices if device.guest == guest
    }
    guests = [plan for plan in whole.guests if plan.uuid != guest]
    devices = [plan for plan in whole.devices if plan.guest not in (guest, None) or plan.address not in replaced]
    results = [result for result in whole.results if result.action.owner != guest]
    return replace(
        part,
        guests=sorted([*guests, *part.guests], key=lambda plan: plan.uuid),
        devices=sorted([*devices, *part.devices], key=lambda plan: (plan.address, plan.guest or "")),
        results=sorted([*results, *part.results], key=lambda result: result.action.number),
    )
