# SPDX-License-Identifier: Apache-2.0
"""The one thread that makes passes: it takes wake-ups, looks again while a guest settles, and audits every minute."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from irqaffinity.agent.attention import Attention
from irqaffinity.agent.counters import Counters
from irqaffinity.agent.drift import Drift, Drifts, log_drifts
from irqaffinity.agent.owners import Births, owners_of_device
from irqaffinity.agent.settle import AGAIN, Settling
from irqaffinity.agent.view import View
from irqaffinity.audit import Auditor, Pass
from irqaffinity.hypervisor.connection import Hypervisor, LibvirtUnreachable
from irqaffinity.listen.link import Link
from irqaffinity.listen.queue import WakeQueue, Wakes
from irqaffinity.listen.retry import delays
from irqaffinity.model.guest import GuestId
from irqaffinity.model.host import MsiSource
from irqaffinity.observe.rivals import find_rivals
from irqaffinity.observe.root import HostRoot, HostUnreadable
from irqaffinity.plan.policy import Policy
from irqaffinity.state.folder import StateError

LOG = logging.getLogger(__name__)

HEARTBEAT = 5.0
"""Seconds after which the loop comes round with nothing to do."""

FIGHT_PAUSE = 60.0
"""Seconds between two repairs of an interrupt that is fought over."""

_JITTER = 0.05
_STUCK = 60.0


class LibvirtStuck(Exception):
    """libvirt has not answered for so long that only a new process helps."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What of the configuration the loop needs, and what can be replaced while it runs. In seconds."""

    policy: Policy
    interval: float
    boot: float
    libvirt_uri: str


class Worker:
    """Owns the auditor. `run` is the life of a thread; everything else may be called from any."""

    def __init__(
        self,
        auditor: Auditor,
        hypervisor: Hypervisor,
        root: HostRoot,
        queue: WakeQueue,
        pace: Pace,
        counters: Counters,
        view: View,
        clock: Callable[[], float] = time.monotonic,
        is_told: Callable[[], bool] = lambda: False,
    ) -> None:
        """Take, besides the parts, whether the kernel tells of new interrupts at the moment."""
        self.link = Link("libvirt", hypervisor.shown_uri)
        self.heartbeat = clock()
        self.audited: float | None = None
        self.started = threading.Event()
        self._auditor = auditor
        self._hypervisor = hypervisor
        self._root = root
        self._queue = queue
        self._pace = pace
        self._new_pace: Pace | None = None
        self._counters = counters
        self._view = view
        self._is_told = is_told
        self._clock = clock
        self._settling = Settling(pace.boot)
        self._attention = Attention(self._settling)
        self._drifts = Drifts()
        self._waits = delays()
        self._audit_due = self._local_audit_due = 0.0
        self._stuck_since: float | None = None
        self._stopping = threading.Event()
        self._failure = ""
        self._births = Births(root)
        hypervisor.on_answer = self._beat

    @property
    def settling(self) -> list[GuestId]:
        """The guests that are looked at again and again at present."""
        return list(self._settling)

    def stop(self) -> None:
        """Let the pass that runs come to its end, and make no other."""
        self._stopping.set()
        self._queue.interrupt()

    def change_pace(self, pace: Pace) -> None:
        """Use another policy and other times from the next pass on, which is a full one."""
        self._new_pace = pace
        self._queue.wake_all()

    def run(self) -> None:
        """Make passes until `stop`; raise LibvirtStuck."""
        while not self._stopping.is_set():
            self._beat()
            self._step(self._queue.take(self._idle_time()))
            self._watch_libvirt()

    def _beat(self) -> None:
        self.heartbeat = self._clock()

    def _idle_time(self) -> float:
        now = self._clock()
        dues = [self._audit_due, now + HEARTBEAT]
        look = self._settling.next_due()
        return min(dues if look is None else [*dues, look]) - now

    def _step(self, wakes: Wakes) -> None:
        if self._new_pace is not None:
            self._pace, self._new_pace = self._new_pace, None
            self._auditor.policy, self._settling.boot = self._pace.policy, self._pace.boot
            self._hypervisor.move(self._pace.libvirt_uri)
        told = [guest for guest, specs in wakes.specs.items() if self._auditor.remember(guest, specs)]
        self._settling.is_told = self._is_told()
        self._auditor.msi_source = MsiSource.TRACE if self._settling.is_told else MsiSource.POLL
        self._note_woken(wakes, told)
        if wakes.everything:
            self._local_audit_due = self._clock()
        if wakes.everything or self._clock() >= self._audit_due:
            self._audit()
        for guest in self._settling.due(self._clock()):
            if self._stopping.is_set():
                return
            self._look(guest)

    def _note_woken(self, wakes: Wakes, masks: Iterable[GuestId]) -> None:
        for device in wakes.devices:
            self._auditor.doubt(device)
        self._auditor.note_births(wakes.vectors)
        now, known = self._clock(), self._auditor.guests
        told = {guest: now for guest in masks if guest in known}
        owners = {guest: at for device, at in wakes.devices.items() for guest in owners_of_device(known, device)}
        for guest, at in (told | owners | wakes.guests).items():
            self._attention.wake(guest, at, now)
            self._auditor.lift(guest)
        for guest, at in self._births.owners(known, wakes.vectors).items():
            self._attention.wake(guest, at, now, asks=False)
            self._auditor.lift(guest)

    def _audit(self) -> None:
        """Make a full pass. Without libvirt the guests of before are looked at: repaired, and never released."""
        self._audit_due = self._clock() + self._pace.interval * random.uniform(1 - _JITTER, 1 + _JITTER)
        start, before = self._clock(), self._auditor.guests
        try:
            made = self._auditor.audit()
        except LibvirtUnreachable as error:
            self._lose_libvirt(error)
            self._view.audit_failed(str(error))
            self._look_at_all(before)
        except (HostUnreadable, StateError, OSError) as error:
            self._fail("full", error)
            self._view.audit_failed(str(error))
        else:
            missed = self._auditor.guests.keys() - (before.keys() if self.link.state.is_up else ())
            self._reach_libvirt()
            self.audited = self._clock()
            self._see("full", made, start)
            for guest in missed:
                self._settling.wake(guest, self._clock(), asks=False)
        self._view.rivals = find_rivals(self._root)
        self.started.set()

    def _look_at_all(self, guests: Iterable[GuestId]) -> None:
        """Repair what drifted, once in an interval, while libvirt is away."""
        if self._clock() >= self._local_audit_due:
            self._local_audit_due = self._clock() + self._pace.interval
            for guest in tuple(guests):
                self._look(guest)

    def _look(self, guest: GuestId) -> None:
        start = self._clock()
        asks = self._settling.is_asked(guest) and self.link.state.is_up
        try:
            made = self._auditor.audit_guest(guest) if asks else self._auditor.look(guest)
        except LibvirtUnreachable as error:
            self._lose_libvirt(error)
            self._settling.postpone(guest, self._clock() + AGAIN)
        except (HostUnreadable, StateError, OSError) as error:
            self._fail("guest", error)
            self._settling.postpone(guest, self._clock() + AGAIN)
        else:
            self._see("guest", made, start, guest)

    def _see(self, kind: str, made: Pass, start: float, guest: GuestId | None = None) -> None:
        """Note what a pass did: for the settling of guests, for drift, for the counters and for the status."""
        now = self._clock()
        results = made.outcome.results
        self._repair(self._drifts.saw(results, now, lambda owner: owner not in self._settling, is_whole=guest is None))
        self._counters.writes.update(result.verdict.value for result in results if result.was_written)
        for waited in self._attention.saw(made, now, guest):
            self._counters.wake_seconds.add(waited)
        self._confirm(made, now)
        self._failure = ""
        self._counters.passes[kind, "done"] += 1
        self._counters.pass_seconds.add(now - start)
        self._view.saw(made.outcome, guest, now - start)

    def _confirm(self, made: Pass, now: float) -> None:
        """Have libvirt asked again about each guest of which a device changed its driver since it was asked last."""
        for guest in {plan.guest for plan in made.plan.devices if plan.is_unconfirmed and plan.guest is not None}:
            if self.link.state.is_up:
                self._settling.wake(guest, now)
                self._settling.postpone(guest, now + AGAIN, asks=True)

    def _repair(self, drifts: Sequence[Drift]) -> None:
        """Count and tell what was put back; what is fought over is left alone for a while."""
        self._counters.drifts += len(drifts)
        for drift in drifts:
            if drift.is_fight:
                self._auditor.hold(drift.irq, drift.belongs, FIGHT_PAUSE)
        log_drifts(drifts, self._view.rivals)

    def _reach_libvirt(self) -> None:
        if not self.link.state.is_up:
            self.link.up(self._hypervisor.shown_uri)
        self._waits = delays()

    def _lose_libvirt(self, error: LibvirtUnreachable) -> None:
        """Note that libvirt is away, and ask again soon; a full pass makes up for what was missed."""
        self.link.down(str(error))
        self._counters.passes["full", "libvirt_unreachable"] += 1
        self._audit_due = min(self._audit_due, self._clock() + next(self._waits))

    def _fail(self, kind: str, error: Exception) -> None:
        self._counters.passes[kind, "failed"] += 1
        self._view.fail(str(error))
        LOG.log(logging.DEBUG if str(error) == self._failure else logging.ERROR, "%s", error)
        self._failure = str(error)
        self._audit_due = min(self._audit_due, self._clock() + next(self._waits))

    def _watch_libvirt(self) -> None:
        """Raise LibvirtStuck when two calls have not come back for a minute: only a new process frees their threads."""
        if not self._hypervisor.is_stuck:
            self._stuck_since = None
        elif self._stuck_since is None:
            self._stuck_since = self._clock()
        elif self._clock() - self._stuck_since > _STUCK:
            raise LibvirtStuck(f"libvirt at {self._hypervisor.shown_uri} has not answered for {_STUCK:g} s")
