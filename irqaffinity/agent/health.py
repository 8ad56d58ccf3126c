# SPDX-License-Identifier: Apache-2.0
"""Whether the agent lives and works, and if not, why: for probes, systemd and the status."""

import time
from collections.abc import Callable

from irqaffinity.agent.worker import Worker
from irqaffinity.daemon.threads import Threads
from irqaffinity.model.times import FRESH
from irqaffinity.report.times import show_time


class Health:
    """Finds what is wrong with the agent. `interval` returns the seconds between audits.

    All times are of the monotonic clock, for the other one may jump.
    """

    def __init__(self, threads: Threads, worker: Worker, interval: Callable[[], float]) -> None:
        self._threads = threads
        self._worker = worker
        self._interval = interval

    def why_dead(self) -> list[str]:
        """Return a sentence for each fault that only a restart mends; an empty list where all is well."""
        reasons = []
        if self._threads.dead is not None:
            reasons.append(f"the thread {self._threads.dead} has ended with an error; the log names it")
        silent = time.monotonic() - self._worker.heartbeat
        if silent >= FRESH:
            reasons.append(f"the worker has not moved for {silent:.0f} s, which is {FRESH:.0f} s or more")
        return reasons

    def why_not_ready(self) -> list[str]:
        """Return the sentences of `why_dead`, and one for each reason why the agent does not look at every guest."""
        reasons, link = self.why_dead(), self._worker.libvirt.link
        if not self._worker.libvirt.is_up:
            reasons.append(f"libvirt is away since {show_time(link.state.since)}; irqaffinity status tells why")
        audited, limit = self._worker.audited, 3 * self._interval() + FRESH
        if audited is None:
            reasons.append("no full pass has come to its end yet")
        elif (age := time.monotonic() - audited) >= limit:
            reasons.append(f"no full pass has come to its end for {age:.0f} s, which is {limit:.0f} s or more")
        return reasons
