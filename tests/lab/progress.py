# SPDX-License-Identifier: Apache-2.0
"""Measures the progress of a machine: its limits count the processor time that it got, whatever else runs."""

import bisect
import os
import time
from collections.abc import Callable
from pathlib import Path

IDLE_SHARE = 0.1
"""The share of the clock's time that counts for a machine that asks for no processor time: so a wait for something
that never comes ends there too."""

BOOT = 11.0
"""Seconds of processor time that a machine needs until its runner's first line, where the limits were chosen."""

_TICKS = os.sysconf("SC_CLK_TCK")


def processor_time(pid: int) -> float:
    """Return the seconds of processor time that a process has got (proc(5), utime and stime); 0.0 once it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


class Progress:
    """The own time of a machine, in seconds: the processor time of its process.

    A machine that has a processor to itself gets about a second of it each second while it works. Beside much other
    work it gets less, and its limits last longer by the clock.
    """

    def __init__(self, used: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        self._used = used
        self._clock = clock
        self._pace = 1.0
        self._times = [clock()]
        self._owns = [0.0]
        self._last_used = used()

    def own(self) -> float:
        """Return the own time since the first look; the share of the idle counts from one look to the next."""
        now, used = self._clock(), self._used()
        passed = now - self._times[-1]
        grown = max(used - self._last_used, IDLE_SHARE * passed) / self._pace
        self._last_used = used
        self._times.append(now)
        self._owns.append(self._owns[-1] + grown)
        return self._owns[-1]

    def during_last(self, seconds: float) -> float:
        """Return the own time of the last so many seconds by the clock, as exact as the looks were frequent."""
        own = self.own()
        at = max(0, bisect.bisect_right(self._times, self._times[-1] - seconds) - 1)
        return own - self._owns[at]

    def calibrate(self) -> None:
        """Take all time so far for the boot: on a processor slower than the reference, a second is longer now."""
        self._pace = max(1.0, self.own() / BOOT)
