# SPDX-License-Identifier: Apache-2.0
"""How long to wait before something that failed is tried again."""

import random
import time
from collections.abc import Callable

STEADY = 10.0
"""Seconds after which an attempt that succeeded counts as steady: the waits begin anew."""

_FIRST, _LONGEST = 1.0, 30.0


class Retry:
    """The waits between the attempts at one thing: 1, 2, 4 ... 30 s, each up to half longer or shorter.

    They differ so that hosts are not in step, and are short again once the thing has worked for STEADY. A thing that
    comes up and fails at once is tried as rarely as one that stays away, for each success asks for a full pass.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._delay = _FIRST
        self._works_since: float | None = None

    def worked(self) -> None:
        """Note that the thing works; the first such note since the last failure counts."""
        if self._works_since is None:
            self._works_since = self._clock()

    def failed(self) -> float:
        """Note that the thing failed; return the seconds until the next attempt."""
        if self._works_since is not None and self._clock() - self._works_since >= STEADY:
            self._delay = _FIRST
        self._works_since = None
        delay, self._delay = self._delay, min(self._delay * 2, _LONGEST)
        return delay * random.uniform(0.5, 1.5)
