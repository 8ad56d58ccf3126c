# SPDX-License-Identifier: Apache-2.0
"""The last line of a process that stays: why it ends, and how long it ran."""

import logging
import signal
import time

LOG = logging.getLogger(__name__)

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


class Farewell:
    """Knows when the process began."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._start = time.monotonic()

    def tell(self, number: int | None, dead: str | None) -> None:
        """Log the signal that ends the process, or the thread that has ended."""
        lived = show_duration(time.monotonic() - self._start)
        if dead is not None:
            LOG.error("the %s ends after %s, because its thread %s has ended", self._who, lived, dead)
        elif number is not None:
            LOG.info("the %s ends after %s, as %s asks", self._who, lived, signal.Signals(number).name)


def show_duration(seconds: float) -> str:
    """Return the two largest units: `3 d 4 h`, `12 min 5 s`, `0 s`."""
    left, parts = int(seconds), list[str]()
    for size, unit in _UNITS:
        if left >= size or (size == 1 and not parts):
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2])
