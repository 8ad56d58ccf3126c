# SPDX-License-Identifier: Apache-2.0
"""Judges what the program does at a birth: it places one interrupt, at once, and does nothing else."""

from collections.abc import Collection
from dataclasses import dataclass, field

from irqaffinity.model.action import Result
from irqaffinity.passes.birth import Newborn
from tests.unit.lives.judge import Judge
from tests.unit.lives.ledger import DEFAULT, Violation
from tests.unit.lives.life import Faults, Life
from tests.unit.lives.model import FREE, PLACED, Cpus, Fate, Topology, find_place, show


@dataclass
class Midwife:
    """Knows, beside the judge, which devices the program has read, and which CPUs it may think are online."""

    judge: Judge
    read: dict[str, frozenset[str]] = field(default_factory=dict)
    around: list[Topology] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.note_cpus()

    def note_cpus(self) -> None:
        """Note that CPUs went or came: the program sees it at the next pass that looks around."""
        self.around.append(self.judge.host.describe()[1])

    def forget(self) -> None:
        """Note that the program begins anew."""
        self.read = {}

    def saw(self, kind: str, uuid: str, faults: Faults, *, is_made: bool) -> None:
        """Note a pass: `kind` is the auditor's method, `uuid` the guest that it was narrowed to."""
        if is_made and kind != "look":
            self.around = self.around[-1:]
        if not is_made or faults.had_races:
            self.forget()
            return
        answers = self.judge.libvirt.answers
        for name in answers if kind == "audit" else {uuid} & answers.keys():
            facts = answers[name].facts
            self.read[name] = frozenset(facts.devices if facts else ()) - faults.folders.keys()

    def check(self, number: int, newborn: Newborn | None, excused: Collection[Life]) -> None:
        """Raise Violation unless an interrupt that was just born is where it belongs.

        `newborn` is what the program made of it, None after a failure; `excused` are those that could not be served.
        """
        self._check_alone([number])
        life = self.judge.host.lives.get(number)
        if life is None:
            return
        fates = self._fates(life)
        fits = self._check_writes(life, fates)
        if newborn is not None and self.judge.host.faults == Faults() and life not in excused:
            self._check_placed(life, newborn, fates)
        self._note(life, newborn, fits=fits)

    def check_together(self, numbers: Collection[int], results: Collection[Result] | None) -> None:
        """Raise Violation where something else was done than to put interrupts that had waited in their places.

        `results` are what the program did, None after a failure.
        """
        self._check_alone(numbers)
        done = None if results is None else {result.action.number: result for result in results}
        for life in [self.judge.host.lives[number] for number in numbers if number in self.judge.host.lives]:
            fits = self._check_writes(life, self._fates(life))
            newborn = None if done is None else Newborn(frozenset(), done.get(life.number))
            self._note(life, newborn, fits=fits)

    def _fates(self, life: Life) -> list[Fate]:
        return [self.judge.decide((self.judge.host.describe()[0], around))[1][life.device] for around in self.around]

    def _check_alone(self, numbers: Collection[int]) -> None:
        others = [write for write in self.judge.ledger.written if write.life.number not in numbers]
        if others:
            raise Violation("birth", f"{numbers} were born, and {others} was written")

    def _check_writes(self, life: Life, fates: Collection[Fate]) -> bool:
        """Tell whether an interrupt is where it may be."""
        places = {place for fate in fates for place in self._places(life, fate)}
        is_free = any(fate.kind == FREE for fate in fates)
        for write in self.judge.ledger.writes_to(life):
            if write.cpus not in places and not is_free:
                raise Violation(
                    "birth", f"{life.number} of {life.device} was born and put on {show(write.cpus)}: {fates}"
                )
        return life.smp in places or is_free

    def _places(self, life: Life, fate: Fate) -> list[Cpus]:
        is_placed = fate.kind == PLACED and self.judge.rules.distribution == "mask"
        return [find_place(fate, life.index, self.judge.rules)] if is_placed else []

    def _check_placed(self, life: Life, newborn: Newborn, fates: list[Fate]) -> None:
        answers = self.judge.libvirt.answers
        claimants = {uuid for uuid, answer in answers.items() if answer.facts and life.device in answer.facts.devices}
        if newborn.owners != claimants:
            raise Violation("birth", f"{life.number} of {life.device} is of {claimants}, not of {newborn.owners}")
        if newborn.is_throttled or len(claimants) != 1 or self.judge.rules.distribution != "mask":
            return
        (uuid,) = claimants
        if answers[uuid].readable and not self.judge.libvirt.names(life.device):
            raise Violation("birth", f"{life.number} of {life.device} was born, and libvirt was not asked whose it is")
        is_movable = not life.mode and not life.refused and not life.next_cpu
        is_known = life.device in self.read.get(uuid, ())
        if not is_known or not is_movable or self.judge.host.is_too_late(life):
            return
        places = [self._places(life, fate) for fate in fates]
        if all(found and found[0] & self.judge.host.online and life.smp not in found for found in places):
            raise Violation("birth", f"{life.number} of {life.device} was born, and stays on {show(life.smp)}: {fates}")

    def _note(self, life: Life, newborn: Newborn | None, *, fits: bool) -> None:
        """Keep the accounts of an interrupt that has a record now, or, after a failure, may have one."""
        if newborn is not None and (newborn.result is None or newborn.result.smp is None):
            return
        if life.wrote is None and newborn is not None and fits:
            life.originals = life.originals or {DEFAULT}
            self.judge.ledger.note_found(life)
        elif life.wrote is None:
            life.originals.add(DEFAULT if fits else self.judge.ledger.before.get(life, life.smp))
        names = self.judge.libvirt.names(life.device)
        self.judge.owners.setdefault(life.device, set()).update(names)
