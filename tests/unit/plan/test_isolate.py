# SPDX-License-Identifier: Apache-2.0
"""What is planned for all interrupts of a host together."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from irqaffinity.model.guest import HOST
from irqaffinity.model.host import Topology
from irqaffinity.model.irq import DEFAULT, Interrupt, IrqId
from irqaffinity.model.isolation import HostInterrupt, Kept, VectorUse
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.record import Fixed, Record, State
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.isolate import IsolationPlan, give_back_all, isolate
from irqaffinity.plan.policy import Isolation, IsolationMode
from tests.fakes.snapshots import VF, VF2, cpus, guest_id

TOPOLOGY = Topology(cpus("0-7"), {0: cpus("0-3"), 1: cpus("4-7")})
KEPT = Kept(dict.fromkeys(range(4, 8), (guest_id(1),)), cpus("4-7"))
ENFORCE = Isolation(mode=IsolationMode.ENFORCE)


def found(number: int, smp: str, device: PciAddress = VF, **more: Any) -> HostInterrupt:
    interrupt = Interrupt(number, cpus(smp), None, action=f"line{number}")._replace(**more)
    return HostInterrupt(interrupt, device, None if device == NO_DEVICE else "ice")


def record(number: int, original: str, written: str, driver: str | None = "ice", **more: Any) -> Record:
    return replace(Record(HOST, driver, cpus(original), cpus(written), action=f"line{number}"), **more)


DEFAULT_RECORD = Record(HOST, None, cpus("0-7"), cpus("0-3"), action="")


def plan(
    interrupts: Sequence[HostInterrupt] = (),
    state: State | None = None,
    *,
    kept: Kept = KEPT,
    housekeeping: str = "0-1",
    default: str | None = "0-7",
    policy: Isolation = ENFORCE,
    **more: Any,
) -> IsolationPlan:
    known = None if default is None else cpus(default)
    use = VectorUse()
    return isolate(interrupts, kept, cpus(housekeeping), TOPOLOGY, state or State(), known, use, policy, **more)


def test_the_record_of_what_cannot_be_read_stays_even_where_its_device_is_not_known() -> None:
    state = State({VF: {40: record(40, "0-7", "0-3")}}, {IrqId(VF, 41): Fixed("line41", Verdict.MANAGED, True)})
    for device in (VF, NO_DEVICE):
        unread = [HostInterrupt(Interrupt(number, None, None), device) for number in (40, 41)]
        assert not plan(unread, state, default=None).changes
        assert not give_back_all(unread, TOPOLOGY, state, None).changes


def test_the_default_stands_first_and_interrupts_follow_by_number() -> None:
    made = plan([found(41, "5", NO_DEVICE), found(40, "0-7"), found(42, "0-3")])
    assert [(action.irq, str(action.target), action.owner) for action in made.actions] == [
        (DEFAULT, "0-3", HOST),
        (IrqId(VF, 40), "0-3", HOST),
        (IrqId(NO_DEVICE, 41), "0-1", HOST),
    ]
    assert made.changes.records == {
        DEFAULT: DEFAULT_RECORD,
        IrqId(VF, 40): record(40, "0-7", "0-3"),
        IrqId(NO_DEVICE, 41): record(41, "5", "0-1", None),
        IrqId(VF, 42): record(42, "0-3", "0-3"),
    }
    assert made.trouble is None


def test_intruders_have_their_target() -> None:
    made = plan([found(41, "0-7", effective=cpus("5")), found(40, "4", writable=False), found(42, "0-3")])
    assert [(each.number, each.target, each.is_movable) for each in made.intruders] == [
        (40, None, False),
        (41, cpus("0-3"), True),
    ]


STATE = {
    VF: {40: record(40, "0-7", "0-3")},
    NO_DEVICE: {DEFAULT.number: DEFAULT_RECORD, 41: record(41, "5", "0-1", None)},
}
MOVED = [found(40, "0-3"), found(41, "0-1", NO_DEVICE)]


@pytest.mark.parametrize("mode", [IsolationMode.REPORT, IsolationMode.OFF])
def test_without_enforce_all_goes_back_and_intruders_are_only_reported(mode: IsolationMode) -> None:
    intruder = found(42, "4-7")
    made = plan([*MOVED, intruder], State(STATE), default="0-3", policy=Isolation(mode=mode), housekeeping="")
    assert [(action.number, str(action.target)) for action in made.actions] == [(-1, "0-7"), (40, "0-7"), (41, "5")]
    assert [action.is_release for action in made.actions] == [False, True, True]
    assert [(each.number, each.target) for each in made.intruders] == [(42, None)] * (mode is IsolationMode.REPORT)
    assert made.trouble is None


def test_an_interrupt_that_goes_back_is_an_intruder_without_a_target() -> None:
    late = found(40, "0-3", effective=cpus("5"))
    report = plan([late], State({VF: {40: record(40, "0-7", "0-3")}}), policy=Isolation())
    assert [(each.number, each.target) for each in report.intruders] == [(40, None)]


@pytest.mark.parametrize(
    ("housekeeping", "minimum", "words"),
    [
        ("", 1, "no housekeeping CPU is usable (online, not dedicated to a guest), but [isolation] minimum is 1"),
        ("0", 2, "only 1 housekeeping CPU is usable (online, not dedicated to a guest), but [isolation] minimum is 2"),
        ("0-1,5", 3, "only 2 housekeeping CPUs are usable"),
        ("0-1,9", 3, "only 2 housekeeping CPUs are usable"),
    ],
)
def test_with_too_few_housekeeping_cpus_nothing_moves_and_it_is_said(
    housekeeping: str, minimum: int, words: str
) -> None:
    policy = replace(ENFORCE, minimum=minimum)
    made = plan([found(40, "0-7")], housekeeping=housekeeping, policy=policy)
    assert made.trouble is not None
    assert words in made.trouble
    assert (made.actions, made.changes.records) == ([], {})
    assert [(each.number, each.target) for each in made.intruders] == [(40, None)]
    assert plan([found(40, "0-7")], housekeeping=housekeeping, policy=policy, kept=Kept()).trouble is None


def test_what_a_guest_has_a_record_of_is_left_alone() -> None:
    state = State({VF: {40: replace(record(40, "0-7", "5"), owner=guest_id(1), action=None)}})
    made = plan([found(40, "5")], state, default=None)
    assert (made.actions, made.changes.records) == ([], {})
    assert [each.number for each in made.intruders] == [40]


def test_the_records_of_what_has_vanished_go_but_not_those_of_devices_that_guests_have() -> None:
    state = State(
        {
            VF: {40: record(40, "0-7", "0-3"), 50: replace(record(50, "0-7", "5"), owner=guest_id(1))},
            VF2: {60: record(60, "0-7", "0-3")},
        },
        {
            IrqId(VF, 41): Fixed("line41", Verdict.MANAGED, True),
            IrqId(VF, 42): Fixed("older", Verdict.MANAGED, True),
            IrqId(VF, 43): Fixed("line43", Verdict.MANAGED, True),
            IrqId(VF, 51): Fixed("line51", Verdict.IMMOVABLE),
            IrqId(VF2, 61): Fixed("line61", Verdict.MANAGED, True),
        },
    )
    there = [found(41, "0-3"), found(42, "0-3")]
    made = plan(there, state, default=None, claimed={VF2})
    assert made.changes.records == {IrqId(VF, 40): None}
    assert made.changes.fixed == {IrqId(VF, 42): None, IrqId(VF, 43): None}
    assert plan(there, state, default=None).changes.records == {IrqId(VF, 40): None, IrqId(VF2, 60): None}


def test_an_unknown_default_is_left_alone_and_its_record_stays() -> None:
    made = plan(MOVED, State(STATE), default=None)
    assert DEFAULT.number not in [action.number for action in made.actions]
    assert made.changes.records == {}


def test_an_interrupt_of_unknown_origin_goes_back_to_the_default_from_before_it_was_narrowed() -> None:
    lost = replace(record(40, "0", "0-3"), original=None)
    narrowed = State({VF: {40: lost}, NO_DEVICE: {DEFAULT.number: DEFAULT_RECORD}})
    for state, default, target in (
        (narrowed, "0-3", "0-7"),
        (narrowed, "0-2", "0-2"),
        (State({VF: {40: lost}}), "0-6", "0-6"),
    ):
        made = plan([found(40, "0-3")], state, default=default, kept=Kept())
        assert [str(action.target) for action in made.actions if action.number == 40] == [target]


def test_reset_gives_all_back_whatever_guests_have_now() -> None:
    newborn, other = found(43, "0-3"), found(44, "0-2")
    made = give_back_all([*MOVED, newborn, other], TOPOLOGY, State(STATE), cpus("0-3"))
    assert [(each.number, str(each.target), each.is_release) for each in made.actions] == [
        (-1, "0-7", True),
        (40, "0-7", True),
        (41, "5", True),
        (43, "0-7", True),
    ]
    assert made.changes.records == {IrqId(VF, 43): record(43, "0-7", "0-3")}
    gone = give_back_all([], TOPOLOGY, State(STATE), cpus("0-7"))
    assert (gone.actions, set(gone.changes.records.values())) == ([], {None})


def test_a_default_that_is_no_set_of_cpus_is_said_while_cpus_are_kept() -> None:
    made = plan([found(40, "0-7")], default=None)
    trouble = made.trouble
    assert trouble is not None
    assert made.actions == [], "nothing is moved, as the report then says"
    assert "/proc/irq/default_smp_affinity is no set of CPUs" in trouble
    assert plan(default=None, kept=Kept()).trouble is None
    assert plan(default=None, policy=Isolation()).trouble is None
