# SPDX-License-Identifier: Apache-2.0
"""Compares a host after a pass with what the model says of it."""

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.unit.lives.host import LivingHost
from tests.unit.lives.ledger import DEFAULT, Ledger, Violation, Written
from tests.unit.lives.libvirt import ScriptedLibvirt
from tests.unit.lives.life import Life
from tests.unit.lives.model import (
    FREE,
    KEEP,
    PLACED,
    RELEASE,
    DeviceFacts,
    Fate,
    GuestFacts,
    Rules,
    Topology,
    decide,
    find_place,
    show,
)


@dataclass
class Judge:
    """Knows, beside the model, for which guests a device may be recorded (`owners`), and masks of notifications."""

    host: LivingHost
    libvirt: ScriptedLibvirt
    ledger: Ledger
    rules: Rules = field(default_factory=Rules)
    owners: dict[str, set[str]] = field(default_factory=dict)
    waiting: set[tuple[str, int]] = field(default_factory=set)
    told: dict[str, str | None] = field(default_factory=dict)

    def decide(self, seen: tuple[dict[str, DeviceFacts], Topology]) -> tuple[dict[str, str], dict[str, Fate]]:
        """Return the status of each guest and the fate of each device, by what libvirt said last.

        `seen` is the host as it was when the pass began.
        """
        answers = self.libvirt.answers
        guests = {
            uuid: replace(answer.facts or GuestFacts(()), told=self.told.get(uuid)) for uuid, answer in answers.items()
        }
        unreadable = [uuid for uuid, answer in answers.items() if not answer.readable]
        statuses, fates = decide(guests, unreadable, *seen, self.rules)
        for address in fates:
            unknown = self.owners.get(address, set()).intersection(unreadable)
            claimed = [uuid for uuid, guest in guests.items() if address in guest.devices]
            if unknown.difference(claimed):
                is_sure = not claimed and self.owners[address] == unknown and len(unknown) == 1
                fates[address] = Fate(KEEP if is_sure else FREE)
            if fates[address].kind == PLACED and not self.libvirt.names(address):
                fates[address] = Fate(FREE)
        return statuses, self._free_siblings(fates, guests)

    def _free_siblings(self, fates: dict[str, Fate], guests: Mapping[str, GuestFacts]) -> dict[str, Fate]:
        """Return `fates` without the ranks that depend on a device without a fate."""
        if self.rules.distribution == "spread":
            for guest in guests.values():
                if any(fates[address].kind == FREE for address in guest.devices):
                    fates.update({address: Fate(FREE) for address in guest.devices if fates[address].kind == PLACED})
        return fates

    def check(self, fates: Mapping[str, Fate], lives: Collection[Life]) -> None:
        """Raise Violation unless these interrupts are where they belong."""
        for life in lives:
            fate, writes = fates[life.device], self.ledger.writes_to(life)
            if life.mode or life.refused or life in self.ledger.born or life not in self.ledger.before:
                continue
            match fate.kind:
                case "placed":
                    self._check_placed(life, fate)
                case "keep":
                    if writes:
                        raise Violation("kept", f"{self._tell(life, writes)}; it was to keep what it had")
                case "release":
                    self._check_release(life, writes)

    def check_places(self, lives: Iterable[Life], waiting: Container[tuple[str, int]]) -> None:
        """Raise Violation unless these interrupts are in their places, but those that wait for a vector."""
        fates = self.decide(self.host.describe())[1]
        for life in lives:
            is_moved = not life.mode and not life.refused and (life.device, life.number) not in waiting
            if is_moved and fates[life.device].kind == PLACED:
                self._check_placed(life, fates[life.device])

    def _check_placed(self, life: Life, fate: Fate) -> None:
        place = find_place(fate, life.index, self.rules)
        is_spare = life.next_cpu and len(life.smp) == 1 and life.smp <= frozenset(fate.order)
        if life.smp != place and not is_spare:
            raise Violation("placed", f"{life.number} of {life.device} is on {show(life.smp)}, not on {show(place)}")
        for write in self.ledger.writes_to(life):
            if not write.cpus <= frozenset(fate.order):
                raise Violation("placed", f"{life.number} of {life.device} was put on {show(write.cpus)} on the way")

    def _check_release(self, life: Life, writes: list[Written]) -> None:
        if not all(write.gives_back for write in writes):
            raise Violation("release", f"{self._tell(life, writes)}; that is no original of it")
        acceptable = life.originals | life.inherited
        if life.wrote is None or life in self.ledger.touched or life.touched or life.loose or life.smp in acceptable:
            return
        said = ", ".join(sorted(map(show, acceptable)))
        if all(original & self.host.online for original in acceptable):
            raise Violation("original", f"{life.number} of {life.device} is on {show(life.smp)}, and had {said}")
        if writes:
            raise Violation("original", f"{self._tell(life, writes)}; it waits for the CPUs of {said}")

    def note(self, fates: Mapping[str, Fate], excused: Collection[Life], *, sure: bool, whole: bool) -> None:
        """Keep the accounts after a pass: a `sure` one made and stored all that it had to, a `whole` one saw all."""
        if whole and sure:
            self.waiting = set()
        for life in self.host.lives.values():
            fate, is_certain = fates[life.device], sure and whole and life not in excused
            if life in self.ledger.born:
                self.waiting.add((life.device, life.number))
                if life.wrote is None:
                    life.originals.add(life.smp)  # it may be recorded, and its write refused
                continue
            if fate.kind in (PLACED, FREE) and life.wrote is None and self.libvirt.names(life.device):
                self._note_recorded(life, fate, is_certain)
            elif fate.kind in (PLACED, FREE) and life.may_be_unknown:
                life.originals |= {self.ledger.before.get(life, life.smp), DEFAULT}
            if fate.kind != PLACED and life.touched:
                life.loose = True
            if fate.kind == RELEASE and is_certain:
                self._note_release(life)
            elif fate.kind == RELEASE and sure and whole:
                self.waiting.add((life.device, life.number))
        self._note_owners(fates, is_sure=sure and whole)

    def _note_recorded(self, life: Life, fate: Fate, is_certain: bool) -> None:
        before = self.ledger.before.get(life, life.smp)
        in_place = fate.kind == FREE or before == find_place(fate, life.index, self.rules) or not is_certain
        if fate.kind == PLACED and in_place and is_certain:
            life.originals = life.originals or {DEFAULT}
            self.ledger.note_found(life)
            return
        life.originals.add(before)
        if fate.kind == FREE or in_place:
            life.originals.add(DEFAULT)

    def _note_release(self, life: Life) -> None:
        acceptable = life.originals | life.inherited
        is_given_back = life.wrote is None or life.smp in acceptable or life in self.ledger.touched or life.loose
        unsure = life.inherited | (life.originals if life.loose else set())  # one CPU of a spread target may be ours
        may_wait = not all(original & self.host.online for original in unsure)
        if is_given_back and not life.refused and not may_wait:
            self.ledger.clear(life)
            return
        self.waiting.add((life.device, life.number))
        if life.refused:
            life.loose = True
            life.originals.add(DEFAULT)

    def _note_owners(self, fates: Mapping[str, Fate], *, is_sure: bool) -> None:
        for address, fate in fates.items():
            if fate.kind == RELEASE and is_sure and not any(device == address for device, _number in self.waiting):
                self.owners[address] = set()
            elif fate.kind in (PLACED, FREE):
                answers = self.libvirt.answers.items()
                names = {uuid for uuid, answer in answers if answer.facts and address in answer.facts.devices}
                keeps = set() if is_sure and fate.kind == PLACED else self.owners.get(address, set())
                self.owners[address] = names | keeps

    def check_records(self, records: Collection[tuple[str, int]], fates: Mapping[str, Fate]) -> None:
        """Raise Violation where the state holds more than it needs."""
        lives = self.host.lives
        for address, number in records:
            life = lives.get(number)
            if life is None or life.device != address:
                raise Violation("bounded", f"the state still has {number} of {address}, which is gone")
            if fates[address].kind == RELEASE and not life.refused and (address, number) not in self.waiting:
                raise Violation("bounded", f"the state still has {number} of {address}, which was given back")

    def check_report(self, made: Mapping[str, Any], statuses: Mapping[str, str], fates: Mapping[str, Fate]) -> None:
        """Raise Violation where the report says something else than the model."""
        said = {row["uuid"]: row["status"] for row in made["guests"]}
        if said != statuses:
            raise Violation("report", f"the guests are {said}, not {statuses}")
        for row in made["devices"]:
            fate = fates[row["address"]]
            target = show(frozenset(fate.order)) if fate.kind == PLACED and row["guest"] is not None else None
            has_irqs = bool(self.host.devices[row["address"]].lives)
            if fate.kind != FREE and has_irqs and row["target"] != target:
                raise Violation("report", f"{row['address']} has the target {row['target']}, not {target}")
        counted = {name: count for name, count in made["summary"].items() if name not in _NO_PART_OF_THE_SUM}
        if not made["summary"]["irqs"] == len(made["irqs"]) == sum(counted.values()):
            raise Violation("report", f"the summary does not add up: {made['summary']}")

    def check_status(self, made: Mapping[str, Any], statuses: Mapping[str, str], fates: Mapping[str, Fate]) -> None:
        """Raise Violation where the status, after a full pass that wrote nothing, says something else."""
        self.check_report(made, statuses, fates)
        said = {row["irq"]: row["current"] for row in made["irqs"]}
        for life in self.host.lives.values():
            if fates[life.device].kind == PLACED and said.get(life.number) != show(life.smp):
                raise Violation("status", f"{life.number} has {show(life.smp)}, and the status says {said}")

    @staticmethod
    def _tell(life: Life, writes: list[Written]) -> str:
        return f"{life.number} of {life.device} was put on {', '.join(show(write.cpus) for write in writes)}"


_NO_PART_OF_THE_SUM = frozenset({"guests", "devices", "irqs", "skipped"})
