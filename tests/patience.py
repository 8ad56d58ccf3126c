# SPDX-License-Identifier: Apache-2.0
"""How long a test waits for what should come: long enough on the busiest machine, and not for ever."""

import subprocess
import sys
import time
from collections.abc import Callable

HANG = 900.0
"""Seconds after which a command or a connection hangs, for what takes one limit; nothing that works needs them."""

_START = 0.05
"""Seconds that an interpreter takes to start, where the limits were chosen."""

_MOST = 15.0
"""How much longer than there a wait may last."""


def slowness() -> float:
    """Return how much slower a process starts now than where the limits were chosen; 1.0 at least, and at most 15.0."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-I", "-S", "-c", ""], check=True)
    return min(_MOST, max(1.0, (time.monotonic() - start) / _START))


class Patience:
    """A limit in seconds of a quiet machine. Once it has passed, the machine is asked how slow it is just now."""

    def __init__(
        self,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        how_slow: Callable[[], float] = slowness,
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._how_slow = how_slow
        self._start = clock()
        self._factor = 1.0

    @property
    def waited(self) -> float:
        """Seconds since it began."""
        return self._clock() - self._start

    def is_over(self) -> bool:
        """Tell whether what is waited for will never come. The slowest moment that was met counts for all of it."""
        if self.waited <= self._seconds * self._factor:
            return False
        self._factor = max(self._factor, self._how_slow())
        return self.waited > self._seconds * self._factor
