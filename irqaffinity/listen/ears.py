# SPDX-License-Identifier: Apache-2.0
"""Reads a pipe of the kernel's in two threads on different CPUs: whichever runs first reads.

The kernel likes to wake a thread on the CPU where its news arose. There a driver makes its interrupts at that moment,
and the thread has to wait until the driver is done: for most of a millisecond (benchmarks/birth.py).

Each piece of news wakes both, one of them for nothing. That is worth it while a guest starts, and not in a storm of
news without end: there it is a third of what the agent takes (benchmarks/churn.py --burst 1).
"""

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable, Collection, Iterator

from irqaffinity.model.credit import Credit

_LARGEST = 65536

WAKES, WAKES_RATE = 256.0, 20.0
"""How often the second reader is woken at once, and how often more in a second; beyond it the first one reads alone."""

_REST = 100
"""Milliseconds after which the second reader looks whether it may be woken again."""


class Ears:
    """The readers of one pipe, which does not block; they take turns, so `heed` gets the texts in their order."""

    def __init__(self, pipe: int, heed: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._pipe = pipe
        self._heed = heed
        self._clock = clock
        self._wakes = Credit(WAKES, WAKES_RATE)
        self._reading = threading.Lock()
        self._failure: Exception | None = None

    def has_ended(self) -> bool:
        """Read what there is, and tell whether the pipe has ended; raise the error of the other reader, if any."""
        if self._failure is not None:
            raise self._failure
        with self._reading:
            try:
                data = os.read(self._pipe, _LARGEST)
            except BlockingIOError:
                return False
            self._heed(data.decode("utf-8", "replace"))
        return not data

    @contextlib.contextmanager
    def both(self) -> Iterator[None]:
        """Have a second thread read meanwhile, on other CPUs than this one; with one CPU there is no other."""
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) < 2:
            yield
            return
        closing = os.eventfd(0, os.EFD_CLOEXEC)
        second = threading.Thread(target=self._listen, args=(closing, allowed[1::2]), name="vectors-2", daemon=True)
        second.start()
        _move_to(allowed[::2])
        try:
            yield
        finally:
            os.eventfd_write(closing, 1)
            second.join()
            os.close(closing)
            _move_to(allowed)

    def _listen(self, closing: int, cpus: Collection[int]) -> None:
        """Read until `closing`, or until the pipe ends; the first reader decides what to do then."""
        _move_to(cpus)
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        poll.register(closing, select.POLLIN)
        try:
            while not self._rests(closing) and closing not in dict(poll.poll()) and not self.has_ended():
                pass
        except Exception as error:  # noqa: BLE001  the top of a thread: the first reader raises it
            self._failure = error

    def _rests(self, closing: int) -> bool:
        """Wait until the second reader may be woken again, and tell whether it is to end instead."""
        poll = select.poll()
        poll.register(closing, select.POLLIN)
        while not self._wakes.take(self._clock()):
            if poll.poll(_REST):
                return True
        return False


def _move_to(cpus: Collection[int]) -> None:
    """Run the calling thread on these CPUs alone, where that is allowed: it is only for speed."""
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, cpus)
