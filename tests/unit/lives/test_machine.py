# SPDX-License-Identifier: Apache-2.0
"""Each rule of the random runs is seen to be broken by a program that breaks it."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.model.guest import GuestId
from irqaffinity.model.irq import IrqId
from irqaffinity.model.record import Changes
from irqaffinity.passes.birth import Newborn
from irqaffinity.passes.made import Pass
from tests.unit.lives.ledger import Violation
from tests.unit.lives.machine import GUESTS, Machine, Step
from tests.unit.lives.runner import EpisodeFailed, Game, play
from tests.unit.lives.steps import Proposer

Deed = Callable[[Machine, Pass], Pass | None]

GUEST: list[Step] = [
    ("start", "a", "1 2", "0", {"hw:cpu_policy": "dedicated"}, {}),
    ("bear", 0, "30:0-7 31:0-2", ""),
    ("bear", 3, "40:0-7", ""),
]
UNTOLD: list[Step] = [("specs", "a", {"hw:cpu_policy": "dedicated", "hw:pci_irq_affinity_mask": "x"}, {})]


class Saboteur:
    """An auditor that does something else after each full pass, or in place of a look."""

    def __init__(self, machine: Machine, deed: Deed) -> None:
        self._machine, self._deed, self._auditor = machine, deed, machine.auditor

    def audit(self) -> Pass:
        made = self._auditor.audit()
        return self._deed(self._machine, made) or made

    def __getattr__(self, name: str) -> Any:
        return getattr(self._auditor, name)


def write(number: int, cpus: str) -> Deed:
    def deed(machine: Machine, _made: Pass) -> None:
        fd = machine.host.root.calls.open(machine.host.root.affinity_file(number), os.O_WRONLY | os.O_TRUNC)
        try:
            machine.host.root.calls.write(fd, cpus.encode())
        except OSError:
            pass
        finally:
            machine.host.root.calls.close(fd)

    return deed


class Deaf(Saboteur):
    """Heeds no end of an interrupt."""

    def note_ends(self, _numbers: Iterable[int]) -> None: ...


class Idle(Saboteur):
    """Places no interrupt that is born."""

    def birth(self, _number: int) -> Newborn:
        return Newborn(frozenset({GuestId(GUESTS["a"])}))


class Hasty(Saboteur):
    """Puts whatever is born where a guest of before had it."""

    def birth(self, number: int) -> Newborn:
        write(number, "1-2")(self._machine, None)  # type: ignore[arg-type]
        return self._auditor.birth(number)


class Busy(Saboteur):
    """Makes a whole pass where one interrupt is born."""

    def birth(self, number: int) -> Newborn:
        self._auditor.audit()
        return self._auditor.birth(number)


def fail(_machine: Machine, _made: Pass) -> None:
    raise ValueError("a mistake of the program")


def say_nothing(_machine: Machine, made: Pass) -> Pass:
    return replace(made, parts={uuid: replace(part, guest=None) for uuid, part in made.parts.items()})


def break_rule(machine: Machine, deed: Deed, steps: Sequence[Step], then: Sequence[Step] = (("audit",),)) -> str | None:
    """Play `steps`, let `deed` happen in each full pass from then on, play `then`, and return the rule that broke."""
    try:
        for step in steps:
            machine.apply(step)
        machine.auditor = Saboteur(machine, deed)  # type: ignore[assignment]
        for step in then:
            machine.apply(step)
    except Violation as found:
        return found.rule
    return None


@pytest.mark.parametrize(
    ("deed", "steps", "rule"),
    [
        pytest.param(write(40, "1"), GUEST, "foreign", id="an interrupt that is no guest's is moved"),
        pytest.param(write(40, "0-7"), GUEST, "foreign", id="an interrupt that is no guest's is written as it was"),
        pytest.param(write(30, ""), GUEST, "empty", id="an empty set is written"),
        pytest.param(write(30, "3"), GUEST, "placed", id="a guest's interrupt is on another CPU"),
        pytest.param(write(30, "1"), GUEST, "placed", id="a guest's interrupt is on a part of its target"),
        pytest.param(write(30, "1"), GUEST + UNTOLD, "kept", id="a guest in error does not keep what it has"),
        pytest.param(
            write(30, "2"),
            [*GUEST, ("specs", "a", {"hw:cpu_policy": "shared"}, {})],
            "release",
            id="a shared guest is served",
        ),
        pytest.param(fail, GUEST, "crash", id="the program fails"),
        pytest.param(say_nothing, GUEST, "report", id="the report leaves guests out"),
    ],
)
def test_what_a_pass_may_not_do(tmp_path: Path, deed: Deed, steps: list[Step], rule: str) -> None:
    assert break_rule(Machine(tmp_path), lambda *_args: None, steps) is None
    assert break_rule(Machine(tmp_path / "again"), deed, steps) == rule


@pytest.mark.parametrize(("loses", "rule"), [(False, None), (True, "original")])
def test_an_original_that_was_forgotten_is_missed(tmp_path: Path, loses: bool, rule: str | None) -> None:
    machine = Machine(tmp_path)
    for step in [*GUEST, ("audit",), ("restart",), ("stop", "a", "keep")]:
        machine.apply(step)
    for path in tmp_path.glob("state/state*") if loses else ():
        path.unlink()
    assert break_rule(machine, lambda *_args: None, []) == rule


HEARD: list[Step] = [*GUEST, ("hear", "each"), ("audit",)]


@pytest.mark.parametrize(
    ("bad", "then", "rule"),
    [
        pytest.param(
            Deaf, [("rebirth", 30, "1"), ("stop", "a", "keep"), ("audit",)], "foreign", id="an earlier life's"
        ),
        pytest.param(
            Deaf, [("rebirth", 30, "1"), ("die", 31), ("quiet",), ("reset",)], "release", id="the same, later"
        ),
        pytest.param(Idle, [("rebirth", 30, "0-7")], "birth", id="an interrupt that is born stays where it is"),
        pytest.param(Hasty, [("repin", "a", "3 4"), ("audit",), ("rebirth", 30, "0-7")], "birth", id="on other CPUs"),
        pytest.param(Hasty, [("rebirth", 40, "0-7")], "foreign", id="an interrupt that is born is no guest's"),
        pytest.param(Busy, [("drift", 30, "5"), ("bear", 3, "41:0", "")], "birth", id="another one is written as well"),
    ],
)
def test_what_may_not_be_done_where_births_and_ends_are_heard(
    tmp_path: Path, bad: type[Saboteur], then: list[Step], rule: str
) -> None:
    def play_with(machine: Machine, auditor: type[Saboteur]) -> str | None:
        try:
            for step in HEARD:
                machine.apply(step)
            machine.auditor = auditor(machine, lambda *_args: None)  # type: ignore[assignment]
            for step in then:
                machine.apply(step)
        except Violation as found:
            return found.rule
        return None

    assert play_with(Machine(tmp_path / "0"), Saboteur) is None
    assert play_with(Machine(tmp_path / "1"), bad) == rule


def test_what_another_program_wrote_is_not_overwritten(tmp_path: Path) -> None:
    begun: list[Step] = [*GUEST, ("audit",), ("drift", 30, "5-6"), ("stop", "a", "keep")]

    def overwrite(machine: Machine, made: Pass) -> None:
        machine.host.lives[30].touched, machine.host.lives[30].loose = True, False
        write(30, "0-7")(machine, made)

    assert break_rule(Machine(tmp_path / "0"), lambda *_args: None, begun) is None
    assert break_rule(Machine(tmp_path / "1"), overwrite, begun) == "overwritten"


def test_a_second_pass_that_writes_the_same_again_is_seen(tmp_path: Path) -> None:
    assert break_rule(Machine(tmp_path / "0"), lambda *_args: None, GUEST, [("quiet",)]) is None
    assert break_rule(Machine(tmp_path / "1"), write(30, "1-2"), GUEST, [("quiet",)]) == "again"


def test_a_state_that_keeps_the_dead_is_seen(tmp_path: Path) -> None:
    kept: list[Any] = []

    def keep(machine: Machine, _made: Pass) -> None:
        state = machine.store().load()
        kept.append(
            {
                IrqId(at, number): record
                for at, of_device in state.records.items()
                for number, record in of_device.items()
            }
        )
        machine.store().save(Changes(records=kept[0]))

    assert break_rule(Machine(tmp_path), keep, GUEST, [("audit",), ("die", 30), ("quiet",)]) == "bounded"


def test_a_write_while_libvirt_is_away_is_seen(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for step in [*GUEST, ("audit",), ("drift", 30, "0"), ("away",)]:
        machine.apply(step)

    class Guessing(Saboteur):
        def audit(self) -> Pass:
            write(30, "1-2")(machine, None)  # type: ignore[arg-type]
            return self._auditor.audit()

    machine.auditor = Guessing(machine, lambda *_args: None)  # type: ignore[assignment]
    with pytest.raises(Violation, match=r"^away: "):
        machine.apply(("audit",))


def test_a_failure_is_told_with_its_seed_and_few_steps(tmp_path: Path) -> None:
    class Broken(Machine):
        def start(self) -> None:
            super().start()
            self.auditor = Saboteur(self, fail)  # type: ignore[assignment]

    with pytest.raises(EpisodeFailed) as failed:
        play(tmp_path / "host", 7, Game(Broken, Proposer))
    first, _count, *steps = str(failed.value).splitlines()
    assert first.startswith("--random-seed 7: crash: ValueError('a mistake of the program')")
    assert [step.strip() for step in steps] in (["('audit',),"], ["('quiet',),"])
