# SPDX-License-Identifier: Apache-2.0
"""Looks at the host's own interrupts when new ones are born: a driver may choose the CPUs of a guest for them."""

import logging
from collections.abc import Callable, Sequence
from math import inf

from irqaffinity.agent.counters import Counters
from irqaffinity.agent.view import View
from irqaffinity.guests.drift import Drift
from irqaffinity.listen.queue import Wakes
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.passes.auditor import Auditor
from irqaffinity.state.folder import StateError

LOG = logging.getLogger(__name__)

PAUSE, SHARE = 0.1, 0.05
"""Seconds between two such looks at least, and the share of one CPU that they may take."""


class HostLooks:
    """Decides when to look, and looks. For the thread that makes passes."""

    def __init__(
        self,
        auditor: Auditor,
        counters: Counters,
        view: View,
        clock: Callable[[], float],
        cost: Callable[[], float],
    ) -> None:
        self._auditor = auditor
        self._counters = counters
        self._view = view
        self._clock = clock
        self._cost = cost
        self._due, self._soonest = inf, 0.0

    def heed(self, wakes: Wakes) -> None:
        """Plan a look where an interrupt was born that may be the host's."""
        if wakes.has_hosts and self._auditor.is_isolating:
            self._due = min(self._due, max(self._clock(), self._soonest))

    @property
    def due(self) -> float:
        """When to look next, in seconds of the clock; infinite where nothing asks for it."""
        return self._due

    def do(self) -> Sequence[Drift]:
        """Look if it is time, and return which interrupts had drifted; a failure is left to the next full pass."""
        if self._clock() < self._due:
            return ()
        self._due, start = inf, self._cost()
        try:
            looked = self._auditor.isolate()
        except (HostUnreadable, StateError, OSError) as error:
            LOG.debug("new interrupts of the host are left to the next full pass: %s", error)
            return ()
        finally:
            self._soonest = self._clock() + max(PAUSE, (self._cost() - start) / SHARE)
        if looked is None:
            return ()
        self._counters.count_isolation(looked.isolated)
        self._view.saw_host(looked.isolated)
        return looked.drifts
