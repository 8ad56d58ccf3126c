# SPDX-License-Identifier: Apache-2.0
"""The loop makes all passes except those over new interrupts: it takes wake-ups, looks at guests, and audits."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf

from irqaffinity.agent.attend import attend, repair
from irqaffinity.agent.counters import AWAY, BROKEN, DONE, FULL, GUEST, LOOK, Counters
from irqaffinity.agent.heed import heed
from irqaffinity.agent.host_looks import HostLooks
from irqaffinity.agent.together import Together
from irqaffinity.agent.view import View
from irqaffinity.guests.life import Life
from irqaffinity.guests.watch import AGAIN, Patience
from irqaffinity.hypervisor.connection import Hypervisor, LibvirtUnreachable
from irqaffinity.hypervisor.reach import Reach
from irqaffinity.listen.queue import WakeQueue, Wakes
from irqaffinity.listen.retry import Retry
from irqaffinity.model.guest import GuestId
from irqaffinity.model.host import MsiSource
from irqaffinity.model.times import HEARTBEAT
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.passes.auditor import Auditor
from irqaffinity.passes.made import Pass
from irqaffinity.plan.policy import Policy
from irqaffinity.state.folder import StateError

LOG = logging.getLogger(__name__)

_JITTER = 0.05


@dataclass(frozen=True, slots=True)
class Tunables:
    """The part of the configuration that the loop needs; `tune` replaces it while the loop runs. Times in seconds."""

    policy: Policy
    interval: float
    boot: float
    libvirt_uri: str


class Worker:
    """Owns the loop. One thread calls `run`; any thread may call everything else."""

    def __init__(
        self,
        auditor: Auditor,
        hypervisor: Hypervisor,
        look_for_rivals: Callable[[], None],
        queue: WakeQueue,
        tunables: Tunables,
        counters: Counters,
        view: View,
        clock: Callable[[], float] = time.monotonic,
        cost: Callable[[], float] = time.thread_time,
        hears_births: Callable[[], bool] = lambda: False,
        on_sight: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the parts; `hears_births` returns whether the kernel reports new interrupts at the moment.

        `cost` returns the seconds of CPU that the thread has used. The loop has `look_for_rivals` begin a search after
        each full pass, and calls `on_sight` again and again while it knows the guests from libvirt.
        """
        self.libvirt = Reach(hypervisor, clock)
        self.heartbeat = clock()
        self.audited: float | None = None
        self.started = threading.Event()
        self._auditor = auditor
        self._lives = auditor.lives
        self._queue = queue
        self._tunables = self._new_tunables = tunables
        self._counters = counters
        self._view = view
        self._look_for_rivals = look_for_rivals
        self._hears_births = hears_births
        self._on_sight = on_sight
        self._clock, self._cost = clock, cost
        self._patience = Patience(tunables.boot)
        self._together = Together(auditor, counters, clock, cost)
        self._host_looks = HostLooks(auditor, counters, view, clock, cost)
        self._audit_due = self._local_audit_due = 0.0
        self._stopping = threading.Event()
        self._failure = ""
        self._retry = Retry(clock)
        hypervisor.on_answer = self._beat

    @property
    def settling(self) -> list[GuestId]:
        """The guests at which the loop looks again and again at present."""
        return [life.uuid for life in self._lives if life.watch is not None]

    def stop(self) -> None:
        """Let the pass that runs come to its end, and make no other."""
        self._stopping.set()
        self._queue.interrupt()

    def tune(self, tunables: Tunables) -> None:
        """Use another policy and other times from the next pass on, which is a full one."""
        self._new_tunables = tunables
        self._queue.wake_all()

    def run(self) -> None:
        """Make passes until `stop`; raise LibvirtStuck."""
        try:
            while not self._stopping.is_set():
                self._beat()
                self._step(self._queue.take(self._idle_time()))
                self.libvirt.watch()
        finally:
            self._auditor.settle(everything=True, rivals=self._view.rivals)

    def _beat(self) -> None:
        self.heartbeat = self._clock()

    def _idle_time(self) -> float:
        now = self._clock()
        looks = (life.watch.next_look for life in self._lives if life.watch is not None)
        lines = (life.next_line(now) for life in self._lives if life.unsettled.due < inf)
        due = self._audit_due, self._together.due(now), self._host_looks.due
        return min(now + HEARTBEAT, *due, *looks, *lines) - now

    def _step(self, wakes: Wakes) -> None:
        if self._tunables is not self._new_tunables:
            self._tunables = self._new_tunables  # one read: `tune` of another thread may come between any two
            self._auditor.policy, self._patience.boot = self._tunables.policy, self._tunables.boot
            self.libvirt.move(self._tunables.libvirt_uri)
        self._patience.hears_births = self._hears_births()
        self._auditor.learn_from(MsiSource.TRACE if self._patience.hears_births else MsiSource.POLL)
        heed(wakes, self._auditor, self._patience, self._clock())
        self._host_looks.heed(wakes)
        if wakes.everything:
            self._local_audit_due = self._clock()
        if wakes.everything or self._clock() >= self._audit_due:
            self._audit()
        now = self._clock()
        self._together.do(self._patience, now)
        for life in self._lives.watched():
            if self._stopping.is_set():
                return
            if life.watch is not None and life.watch.next_look <= now:
                self._look(life)
        repair(self._host_looks.do(), self._lives, self._counters)
        self._auditor.settle(rivals=self._view.rivals)
        if self.audited is not None and self.libvirt.is_up:
            self._on_sight()

    def _audit(self) -> None:
        """Make a full pass. Without libvirt, look at the guests known before: repair them, and release nothing."""
        self._audit_due = self._clock() + self._tunables.interval * random.uniform(1 - _JITTER, 1 + _JITTER)
        start, before = self._clock(), self._auditor.guests
        try:
            made = self._auditor.audit()
        except LibvirtUnreachable as error:
            self._lose_libvirt(FULL, error)
            self._view.audit_failed(str(error))
            self._look_at_all(before)
        except (HostUnreadable, StateError, OSError) as error:
            self._fail(FULL, error)
            self._view.audit_failed(str(error))
        else:
            missed = self._auditor.guests.keys() - (before.keys() if self.libvirt.is_up else ())
            self.libvirt.answered()
            self.audited = self._clock()
            self._see(FULL, made, start)
            for uuid in missed:
                self._lives.of(uuid).wake(self._patience, self._clock(), asks=False)
        self._look_for_rivals()
        self.started.set()

    def _look_at_all(self, guests: Iterable[GuestId]) -> None:
        """While libvirt is away, repair once in each interval the interrupts that somebody else has moved."""
        if self._clock() >= self._local_audit_due:
            self._local_audit_due = self._clock() + self._tunables.interval
            for uuid in guests:
                self._look(self._lives.of(uuid))

    def _look(self, life: Life) -> None:
        start = self._cost()
        self._make_look(life)
        life.worked(self._patience, self._clock(), self._cost() - start)

    def _make_look(self, life: Life) -> None:
        start = self._clock()
        asks = life.watch is not None and life.watch.asks and self.libvirt.is_up
        kind = GUEST if asks else LOOK
        if not asks and self.audited is None and life.uuid not in self._auditor.guests:
            self._postpone(life)  # libvirt has not told this process of any guest: this one need not be gone
            return
        try:
            made = self._auditor.audit_guest(life.uuid) if asks else self._auditor.look(life.uuid)
        except LibvirtUnreachable as error:
            self._lose_libvirt(kind, error)
            self._postpone(life)
        except (HostUnreadable, StateError, OSError) as error:
            self._fail(kind, error)
            self._postpone(life)
        else:
            self._see(kind, made, start)

    def _postpone(self, life: Life) -> None:
        if life.watch is not None and life.watch.postpone(self._patience, self._clock() + AGAIN):
            life.rest()

    def _see(self, kind: str, made: Pass, start: float) -> None:
        """Note the results of a pass in the watches, the drift, the counters and the status."""
        now = self._clock()
        for uuid, part in made.parts.items():
            life, is_new = self._lives.of(uuid), uuid not in made.draft.unchanged
            if is_new:
                self._counters.count_results(part.results)
            waited = attend(life, part if is_new else None, self._patience, now)
            if waited is not None:
                self._counters.wake_seconds.add(waited)
            self._confirm(life, now)
        if made.isolated is not None:
            self._counters.count_isolation(made.isolated)
        repair(made.drifts, self._lives, self._counters)
        self._failure = ""
        self._retry.worked()
        self._view.saw(made, now - start, is_full=kind == FULL)
        self._counters.count_pass(kind, DONE, now - start)  # last: whoever sees this count sees the rest too

    def _confirm(self, life: Life, now: float) -> None:
        """Have the loop ask libvirt again about a guest with a device that changed its driver since the last answer."""
        plans = () if life.decision is None else life.decision.devices
        if self.libvirt.is_up and any(plan.is_unconfirmed for plan in plans):
            life.wake(self._patience, now, asks=True)
            if life.watch is not None:
                life.watch.postpone(self._patience, now + AGAIN, asks=True)

    def _lose_libvirt(self, kind: str, error: LibvirtUnreachable) -> None:
        """Note that libvirt is away, and ask it again soon, with a full pass, which catches up on missed events."""
        self.libvirt.lost(error)
        self._counters.count_pass(kind, AWAY)
        self._audit_due = min(self._audit_due, self._clock() + self.libvirt.next_wait())

    def _fail(self, kind: str, error: Exception) -> None:
        self._counters.count_pass(kind, BROKEN)
        self._view.fail(str(error))
        LOG.log(logging.DEBUG if str(error) == self._failure else logging.ERROR, "%s", error)
        self._failure = str(error)
        self._audit_due = min(self._audit_due, self._clock() + self._retry.failed())
