# SPDX-License-Identifier: Apache-2.0
"""Begins every pass: it is alone, it can see the host, and it has the news since the last pass."""

import contextlib
import gc
from collections.abc import Collection, Iterator

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.record import State
from irqaffinity.observe.procfs import read_newborn
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.surroundings import require_host
from irqaffinity.passes.news import News
from irqaffinity.state.store import Keeper


class Turns:
    """Gives the state to one pass at a time."""

    def __init__(self, root: HostRoot, keeper: Keeper, news: News) -> None:
        self._root = root
        self._keeper = keeper
        self._news = news

    @contextlib.contextmanager
    def begun(self, guests: Collection[GuestId]) -> Iterator[State]:
        """Give a pass the state with all news in it; raise HostUnreadable and StateError.

        The host has to be visible: without /proc/irq and the devices, all interrupts that were moved would count as
        gone.
        """
        with self.alone() as state:
            require_host(self._root)
            changes = self._news.take(state, guests, self._smp_of)
            if changes:
                self._keeper.save(changes)
            self._news.taken()
            yield state

    def _smp_of(self, number: int) -> CpuSet | None:
        interrupt = read_newborn(self._root, number)
        return None if interrupt is None else interrupt.smp

    @contextlib.contextmanager
    def alone(self) -> Iterator[State]:
        """Give a pass the state; the pass itself has to look whether the host is visible, and to take the news."""
        with self._keeper.exclusive(), collector_paused():
            yield self._keeper.load()


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Keep Python's cycle collector from running: a pass makes a hundred thousand small values without a cycle.

    They would set it off many times over, a sixth of the time of a pass (benchmarks/audit.py).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
