# SPDX-License-Identifier: Apache-2.0
"""The thread that has physical functions made what `[sriov] pf` declares, so that no pass ever waits for it."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from math import inf
from typing import Any

from irqaffinity.agent.sriov_process import Applied, Ended, Row, ask
from irqaffinity.conf.child import ChildFailed
from irqaffinity.conf.load import Settings
from irqaffinity.conf.tasks import declared_task
from irqaffinity.daemon.threads import Threads
from irqaffinity.listen.retry import Retry
from irqaffinity.model.declared import Made, Setting, Standing
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov_options import ApplyMode
from irqaffinity.model.times import FUNCTIONS_WAIT
from irqaffinity.sriov.task import Task

LOG = logging.getLogger(__name__)

_MOST_ROWS = 200
_SET, _UNSUPPORTED, _HELD = Made.SET.value, Made.UNSUPPORTED.value, Made.HELD.value
_LEVELS = {Made.FAILED.value: logging.WARNING, _UNSUPPORTED: logging.WARNING}
_TOLD = ("pf", "netdev", "vfs", "setting", "from", "to", "verdict", "message")


class FunctionKeeper:
    """Owns the thread, which is there only while there is something to do. Any thread may call all but `run`.

    It calls `show` with where things stand, and `count` with the settings that were written, by result.
    """

    def __init__(
        self,
        threads: Threads,
        show: Callable[[Standing | None], None],
        count: Callable[[Mapping[str, int]], None],
        work: Callable[[Task, Callable[[], bool]], Applied] = ask,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threads = threads
        self._show = show
        self._count = count
        self._work = work
        self._clock = clock
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_ending = self._is_held = self._is_woken = False
        self._mode = ApplyMode.OFF
        self._task: Task | None = None
        self._interval: float = inf
        self._due = inf
        self._retry = Retry(clock)
        self._patience = clock() + FUNCTIONS_WAIT
        self._is_first_over = False
        self._told: frozenset[tuple[Any, ...]] = frozenset()
        self._unsupported: frozenset[tuple[PciAddress, Setting]] = frozenset()

    def follow(self, settings: Settings, *, is_start: bool = False) -> None:
        """Work by these options from now on. Without `is_start`, only `watch` applies what has changed."""
        mode, task = settings.sriov.apply if settings.sriov.declared else ApplyMode.OFF, declared_task(settings)
        with self._changed:
            is_new = (mode, task) != (self._mode, self._task)
            self._mode, self._task, self._interval = mode, task, settings.audit_interval
            if mode is ApplyMode.OFF:
                self._due, self._is_first_over, self._is_held = inf, True, False
            elif is_start or (mode is ApplyMode.WATCH and is_new):
                self._due, self._unsupported = self._clock(), frozenset()
            if self._thread is None and self._due < inf:
                self._thread = self._threads.start("sriov", self.run)
            self._changed.notify()
        if mode is ApplyMode.OFF:
            self._show(None)

    @property
    def is_settled(self) -> bool:
        """Whether the first run is over, or has taken so long that nobody shall wait for it."""
        return self._is_first_over or self._clock() >= self._patience

    def wake(self) -> None:
        """Try again at once what a hold deferred, also where the run that goes on has met the hold."""
        with self._changed:
            self._is_woken = True
            if self._is_held:
                self._due = self._clock()
                self._changed.notify()

    def end(self) -> None:
        """Have the thread end; a write in the kernel goes on."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()

    def run(self) -> None:
        """Apply what is declared whenever it is due, until `end`."""
        while True:
            with self._changed:
                while not self._is_ending and self._due > self._clock():
                    self._changed.wait(None if self._due == inf else self._due - self._clock())
                if self._is_ending:
                    return
                assert self._task is not None
                task, self._due = replace(self._task, unsupported=self._unsupported), inf
                self._is_held = self._is_woken = False
            try:
                applied = self._work(task, lambda: self._is_ending)
            except ChildFailed as error:
                self._fail(str(error))
            except Ended:
                return
            else:
                self._take(applied)
            self._is_first_over = True

    def _fail(self, why: str) -> None:
        if (why,) not in self._told:
            LOG.warning("sriov: %s", why)
        self._told |= {(why,)}
        self._rest(Standing(self._mode, message=why), min(self._interval, self._retry.failed()))

    def _take(self, applied: Applied) -> None:
        self._count(applied.writes)
        self._unsupported |= applied.unsupported
        self._tell(applied.rows)
        left = [row for row in applied.rows if row["verdict"] != _SET]
        is_held = any(row["verdict"] == _HELD for row in left)
        if applied.is_sure:
            self._retry.worked()
            waits = self._mode is ApplyMode.WATCH or is_held
            message, wait = None, self._interval if waits else inf
        else:
            message = "libvirt did not tell all guests, so it is not known what is free; the agent tries again"
            wait = min(self._interval, self._retry.failed())
        self._rest(Standing(self._mode, tuple(left[:_MOST_ROWS]), applied.drifts, message), wait, is_held=is_held)

    def _tell(self, rows: Iterable[Row]) -> None:
        """Log what was set, and what was not so at the last run; what a driver does not support, once a setting."""
        found = set[tuple[Any, ...]]()
        for row in rows:
            is_lasting = row["verdict"] == _UNSUPPORTED
            key = (_UNSUPPORTED, row["pf"], row["setting"]) if is_lasting else tuple(map(row.get, _TOLD))
            if row["verdict"] == _SET or key not in self._told | found:
                _log(row)
            if row["verdict"] != _SET:
                found.add(key)
        self._told = frozenset(found) | {key for key in self._told if key[0] == _UNSUPPORTED}

    def _rest(self, standing: Standing, wait: float, *, is_held: bool = False) -> None:
        """Show where things stand; have the next run after so many seconds, or at once where the options are other.

        It is at once too where a hold deferred something, and may have ended by now.
        """
        with self._changed:
            if self._mode is ApplyMode.OFF:
                return
            self._is_held = is_held
            self._due = min(self._due, self._clock() + (0 if is_held and self._is_woken else wait))
        self._show(standing)


def _log(row: Row) -> None:
    which = f"{row['netdev'] or ''} {row['pf'] or ''}".strip()
    vfs = "" if row["vfs"] is None else f" VF {row['vfs']}"
    why = "" if row["message"] is None else f": {row['message']}"
    level = _LEVELS.get(row["verdict"], logging.INFO)
    origin, target = _show(row.get("from")), _show(row.get("to"))
    LOG.log(
        level, "sriov: %s%s: %s from %s to %s: %s%s", which, vfs, row["setting"], origin, target, row["verdict"], why
    )


def _show(value: object) -> str:
    return "unknown" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
