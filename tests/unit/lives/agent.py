# SPDX-License-Identifier: Apache-2.0
"""The same host with the agent on it: the loop is stepped, and what happens reaches it as it reaches the real one."""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from irqaffinity.agent.births import Births
from irqaffinity.agent.counters import Counters
from irqaffinity.agent.view import View
from irqaffinity.agent.worker import Tunables, Worker
from irqaffinity.listen.queue import WakeQueue
from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import RememberedSpecs
from irqaffinity.passes.made import Pass
from irqaffinity.report.document import to_document
from irqaffinity.state.store import Keeper
from irqaffinity.state.tolerant import TolerantStore
from tests.unit.lives.judged import JudgedAuditor
from tests.unit.lives.ledger import Violation
from tests.unit.lives.life import Faults, Killed, Life
from tests.unit.lives.machine import GUESTS, Machine, Step
from tests.unit.lives.model import FREE, Fate, Rules, parse_list
from tests.unit.lives.stage import ADDRESSES, make_policy
from tests.unit.lives.told import Told, Word
from tests.unit.lives.trace import OFF

INTERVAL, BOOT = 60.0, 300.0
_FIGHT, _HOUR, _LONG = 3, 3700.0, 7200.0
"""How many moves may be a fight, within so many seconds, and after how many every back-off and watch has ended."""


class Agent(Machine):
    """A machine whose passes are made by the loop; each of them is judged as one that is called."""

    def __init__(self, folder: Path) -> None:
        random.seed(0)  # the loop draws its pauses
        self._rules: Rules | None = None
        self._is_missed = False
        self._moves: dict[tuple[str, int], list[float]] = defaultdict(list)
        self._told = Told()
        self._fates: Mapping[str, Fate] = {}
        self._uevents: set[str] = set()
        self._audits = self._tries = 0
        super().__init__(folder)
        self.host.on_move = self._note_move

    # How the program runs.

    def keeper(self) -> Keeper:
        return TolerantStore(self.store())

    def start(self) -> None:
        if self.host.is_unsaved:
            self.ledger.lose_notes()
            self.host.is_unsaved = False
        self._take_rules()
        self._uevents.clear()
        self._moved = 0
        super().start()
        known = self.store().peek().extra_specs
        self._told.begin_anew({uuid: Word(specs.timestamp, specs.mask) for uuid, specs in known.items()})
        self.judge.told = self._told.masks(self.now)
        auditor: Any = JudgedAuditor(self, self.auditor)
        hypervisor: Any = self.libvirt
        self.queue, self.view, self.counters = WakeQueue(self._clock), View("cmp-12"), Counters()
        self.births = Births(auditor, self.queue, self.counters, self._clock)
        self.worker = Worker(
            auditor,
            hypervisor,
            lambda: None,
            self.queue,
            self._tunables(self.judge.rules),
            self.counters,
            self.view,
            self._clock,
            lambda: 0.0,
            hears_births=lambda: self.trace.how != OFF,
        )

    def step(self, seconds: float = 0.0) -> None:
        """Let time pass, and the loop make what is due."""
        self.now += seconds
        self._take_rules()
        while self._uevents:
            self.libvirt.doubt(self._uevents.pop())
        self._live(lambda: self.worker._step(self.queue.take(0)))
        self.worker.libvirt.watch()
        if self.counters.drifts > self._moved:
            raise Violation("drift", f"{self.counters.drifts} drifts were counted, and {self._moved} were there")

    def tell_end(self, number: int) -> None:
        self.births.ended([number])

    def tell_birth(self, number: int) -> None:
        self._live(lambda: self.births.born(number))

    def hear_together(self, uuid: GuestId) -> None:
        """Have the program place what was born beyond a guest's credit, and judge what comes of it."""
        numbers = list(self.auditor.lives.of(uuid).throttled)
        self.begin(numbers)
        results, is_dead = self.attempt(lambda: self.auditor.place_throttled(uuid), OSError)
        self.ledger.end()
        self.excuse(self.host.faults)
        failed = isinstance(self.came_of, BaseException)
        self.midwife.check_together(numbers, None if failed else results or ())
        if results and not self.host.is_unsaved:
            self.trace.taken(result.action.number for result in results)
        self.host.faults.had_races = False
        if is_dead:
            self.host.faults = Faults()
            self.start()

    def make_pass(self, call: Callable[[], Pass], kind: str, uuid: str = "") -> Mapping[str, Fate]:
        self._tries += kind == "audit"
        self.judge.told = self._told.masks(self.now)
        fates = super().make_pass(call, kind, uuid)
        if isinstance(self.came_of, Pass):
            self._audits += kind == "audit"
            self._fates = fates if kind == "audit" else self._fates
            self._told.meet(self.auditor.guests, self.now)
            if not self.host.is_unsaved:
                self._told.store()
        return fates

    def note_told(self, uuid: str, specs: RememberedSpecs) -> None:
        """Note that the loop hands the auditor what a notification said."""
        is_named = uuid in self.auditor.guests
        self._told.note(uuid, Word(specs.timestamp, specs.mask), self.now, is_named=is_named)
        self.judge.told = self._told.masks(self.now)

    def spared(self) -> set[Life]:
        """Return what counts as fought over: it was moved or born three times within the hour."""
        lives, since = self.host.lives, self.now - _HOUR
        fought = {key for key, times in self._moves.items() if sum(time > since for time in times) >= _FIGHT}
        return {life for life in lives.values() if (life.device, life.number) in fought}

    # What happens.

    def apply(self, step: Step) -> None:
        guests, drivers = dict(self.libvirt.guests), self._drivers()
        super().apply(step)
        if not self._is_missed:
            for uuid in guests.keys() | self.libvirt.guests.keys():
                if guests.get(uuid) is not self.libvirt.guests.get(uuid):
                    self.queue.wake(GuestId(uuid))
            for address, driver in self._drivers().items():
                if driver != drivers[address]:
                    self._tell_of_device(address)
        self._is_missed = step == ("miss",)

    def use(self, rules: Rules) -> None:
        self._rules = rules
        self.worker.tune(self._tunables(rules))

    def do_hear(self, how: str) -> None:
        super().do_hear(how)
        if how != OFF:
            self.queue.wake_all()

    def do_busy(self, letter: str) -> None:
        """Have a guest's credit spent: what is born of it next waits, and is placed together."""
        pace = self.auditor.lives.of(GuestId(GUESTS[letter])).pace
        while pace.follows_birth(self.now):
            pass

    def do_miss(self) -> None:
        """Have the events of the next step lost."""

    def do_uevent(self, index: int) -> None:
        self._tell_of_device(ADDRESSES[index])

    def do_tell(self, letter: str, mask: str | None, number: int) -> None:
        uuid, specs = GuestId(GUESTS[letter]), RememberedSpecs(mask, f"2026-11-20 12:00:00.{number:06}")
        hear = self.queue.hear if uuid in self.auditor.guests else self.queue.hear_of_stranger
        hear(uuid, specs, asks=False)

    def do_full(self) -> None:
        self.host.is_full = True

    def do_room(self) -> None:
        self.host.is_full = False

    def do_wait(self, seconds: float) -> None:
        self.step(seconds)

    def do_fight(self, number: int, cpus: str) -> None:
        """Have another program move an interrupt each time when it is put back."""
        for _ in range(_FIGHT):
            self.step(2 * BOOT)
            self.host.touch(number, parse_list(cpus))
            self.do_audit()
        self.host.touch(number, parse_list(cpus))

    def do_alone(self) -> None:
        """Let time pass without libvirt: guests of before are served as far as they are known."""
        self.libvirt.away, self.trace.is_behind, self.host.faults = True, False, Faults()
        self.hear()
        for seconds in (0.0, 1.2 * INTERVAL, 1.2 * INTERVAL):
            self.step(seconds)
        self.judge.check_places(set(self.host.lives.values()) - self.spared(), self.backoff)

    def do_audit(self) -> None:
        tries = self._tries
        self.queue.wake_all()
        self.step()
        if self._tries == tries:
            raise Violation("audit", "no full pass was made, and it was asked for")

    def do_audit_guest(self, letter: str) -> None:
        self.queue.wake(GuestId(GUESTS[letter]))
        self.step()

    def do_look(self, letter: str) -> None:
        self.queue.wake_parent(GuestId(GUESTS[letter]))
        self.step()

    def do_quiet(self) -> None:
        """Let all be well and time pass; then all is as the model says, and nothing more is done."""
        self.libvirt.away = self.host.is_full = self.trace.is_behind = False
        self.host.faults = Faults()
        self.hear()
        for seconds in (0.0, 1.0, 10.0, 1.2 * INTERVAL):
            self.step(seconds)
        self.backoff.clear()
        self._audit_after(_LONG)
        self.judge.check_records(self.records(), self._fates)
        if self.worker.settling:
            raise Violation("settled", f"{self.worker.settling} are watched still")
        written = self.host.writes
        self._audit_after(1.2 * INTERVAL)
        self.judge.check_records(self.records(), self._fates)
        if self.host.writes > written and FREE not in {fate.kind for fate in self._fates.values()}:
            raise Violation("again", f"a second pass wrote {self.host.written[written:]}")
        statuses = self.judge.decide(self.host.describe())[0]
        self.judge.check_status(to_document(self.view.outcome), statuses, self._fates)

    def _tell_of_device(self, address: str) -> None:
        self.queue.wake_owner(PciAddress.parse(address))
        self._uevents.add(address)

    def _audit_after(self, seconds: float) -> None:
        before = self._audits
        self.step(seconds)
        if self._audits == before:
            raise Violation("audit", f"no full pass was made in {seconds:g} s")

    def _note_move(self, life: Life) -> None:
        self._moves[life.device, life.number].append(self.now)
        self._moved += 1

    def _live(self, act: Callable[[], None]) -> None:
        """Have the program do something, in which it may be killed: then another one has begun."""
        try:
            act()
        except Killed:
            return
        except Violation:
            raise
        except Exception as error:
            raise Violation("crash", repr(error)) from error

    def _take_rules(self) -> None:
        """Go by what the program goes by from its next step on."""
        if self._rules is not None:
            self.judge.rules, self._rules = self._rules, None

    def _drivers(self) -> dict[str, str]:
        return {address: device.driver for address, device in self.host.devices.items()}

    def _tunables(self, rules: Rules) -> Tunables:
        return Tunables(make_policy(rules), INTERVAL, BOOT, self.libvirt.shown_uri)

    def _clock(self) -> float:
        return self.now
