# SPDX-License-Identifier: Apache-2.0
"""What `irqaffinity top` shows: the arrivals of each interval, and now and then a new look at the guests."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from irqaffinity.hypervisor.connection import LibvirtUnreachable
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.observe.arrivals import ArrivalCounter
from irqaffinity.observe.root import HostRoot, HostUnreadable
from irqaffinity.passes.arrived import describe, place
from irqaffinity.passes.made import Pass
from irqaffinity.state.folder import StateError

SHARE = 0.08
"""The share of one CPU that the view takes at most; somewhat below the 10 % that the guide promises."""

LOOK_EVERY = 30.0
"""Seconds after which the view looks at the guests again in any case."""

_LOOK_SOONEST = 2.0
_LOOK_SHARE = 0.02
"""The share of one CPU that the looks at the guests take at most."""


class Pace:
    """The length of an interval in `seconds`: longer than asked for where the view would take too much of a CPU."""

    def __init__(
        self, delay: float, clock: Callable[[], float] = time.monotonic, cost: Callable[[], float] = time.process_time
    ) -> None:
        self.seconds = self._delay = delay
        self.share = 0.0
        self._clock, self._cost = clock, cost
        self._time, self._spent = clock(), cost()

    @property
    def is_slowed(self) -> bool:
        """Whether the interval is longer than asked for."""
        return self.seconds > self._delay

    def took(self) -> None:
        """Note the end of an interval and of its work, and set the length of the next one."""
        now, spent = self._clock(), self._cost()
        passed, used = now - self._time, spent - self._spent
        self._time, self._spent = now, spent
        self.share = used / passed if passed > 0 else 0.0
        self.seconds = max(self._delay, used / SHARE)


class Source:
    """Makes the document of each interval, as `top --once -f json` prints it. For one thread."""

    def __init__(
        self,
        root: HostRoot,
        rehearse: Callable[[], Pass],
        made: Pass,
        dedicated_cpus: CpuSet | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the root of the host, the function that makes a pass over its guests, and the first pass.

        `dedicated_cpus` is `[placement] dedicated_cpus`. Raises HostUnreadable.
        """
        self.document: dict[str, Any] | None = None
        self._root = root
        self._rehearse = rehearse
        self._dedicated_cpus = dedicated_cpus
        self._clock = clock
        self._counter = ArrivalCounter(root, clock)
        self._counter.read()
        self._numbers = set(self._counter.numbers)
        self._places = place(root, made, dedicated_cpus)
        self._trouble = self._unreadable = ""
        self._looked = clock()
        self._look_cost = 0.0
        self._look: threading.Thread | None = None

    @property
    def trouble(self) -> str | None:
        """Why the view may show old values, None where there is no reason."""
        return self._unreadable or self._trouble or None

    def refresh(self) -> None:
        """Count the arrivals since the last call; look at the guests again, in a thread, when that is due."""
        try:
            interval = self._counter.read()
        except HostUnreadable as error:
            self._unreadable = str(error)
            return
        self._unreadable = ""
        self.document = describe(self._places, interval)
        numbers = set(self._counter.numbers)
        is_changed = numbers != self._numbers or numbers != interval.arrived.keys()
        self._numbers = numbers
        waited = self._clock() - self._looked
        soonest = max(_LOOK_SOONEST, self._look_cost / _LOOK_SHARE)
        if waited >= (soonest if is_changed or self._trouble else max(soonest, LOOK_EVERY)):
            self.look()

    def look(self) -> None:
        """Look at the guests again in a thread, unless one already does: libvirt may be slow."""
        if self._look is None or not self._look.is_alive():
            self._looked = self._clock()
            self._look = threading.Thread(target=self._look_again, name="look", daemon=True)
            self._look.start()

    def _look_again(self) -> None:
        start = time.thread_time()
        try:
            self._places = place(self._root, self._rehearse(), self._dedicated_cpus)
            self._trouble = ""
        except (LibvirtUnreachable, HostUnreadable, StateError, OSError) as error:
            if not self._trouble:
                self._trouble = f"guests are shown as of {datetime.now(timezone.utc):%H:%M:%SZ}: {error}"
        self._look_cost = time.thread_time() - start
