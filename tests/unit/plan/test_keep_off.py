# SPDX-License-Identifier: Apache-2.0
"""Whether an interrupt of the host leaves the kept CPUs, where it goes, and when it comes back."""

from dataclasses import replace
from typing import Any

import pytest

from irqaffinity.model.guest import HOST
from irqaffinity.model.host import Topology
from irqaffinity.model.irq import DEFAULT, Interrupt, IrqId
from irqaffinity.model.isolation import HostInterrupt, VectorUse
from irqaffinity.model.record import Fixed, Record
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.headroom import Room
from irqaffinity.plan.keep_off import NO_ROOM, Rules, Step, plan_one
from tests.fakes.snapshots import NODES, VF, cpus

TOPOLOGY = Topology(cpus("0-15"), {number: cpus(text) for number, text in NODES.items()})
WIDE = cpus("0-15")


def rules(*, kept: str = "4-7", refuge: str = "0,8", online: str = "0-15", full: str = "", **more: Any) -> Rules:
    use = VectorUse(dict.fromkeys(cpus(full), 100), dict.fromkeys(range(16), 200))
    topology = replace(TOPOLOGY, online=cpus(online))
    return Rules(topology, Room(topology.online, use), cpus(kept), cpus(refuge), **{"wide": WIDE, **more})


def found(smp: str | None, *, node: int | None = 0, driver: str | None = "ice", **more: Any) -> HostInterrupt:
    interrupt = Interrupt(40, None if smp is None else cpus(smp), None, action="ice-eth0-TxRx-0")
    return HostInterrupt(interrupt._replace(**more), VF, driver, node)


def record(original: str | None, written: str, previous: str | None = None, **more: Any) -> Record:
    before = None if original is None else cpus(original)
    known = Record(HOST, "ice", before, cpus(written), previous and cpus(previous), action="ice-eth0-TxRx-0")
    return replace(known, **more)


def to(step: Step) -> str | None:
    """Return where it is written to, None for no write."""
    action = step.action
    is_write = action is not None and action.foregone is None and action.current != action.target
    return str(action.target) if action is not None and is_write else None


@pytest.mark.parametrize(
    ("smp", "node", "place"),
    [
        ("0-15", 0, "0-3,8-15"),
        ("3-4", 0, "3"),
        ("4", 0, "0"),
        ("4-7", 1, "8"),
        ("4-7", None, "0,8"),
        ("4-7", 7, "0,8"),
    ],
)
def test_an_interrupt_loses_the_kept_cpus_or_goes_to_housekeeping_near_its_device(
    smp: str, node: int | None, place: str
) -> None:
    each = found(smp, node=node)
    step = plan_one(rules(), each, None, {})
    assert step.record == record(smp, place)
    assert step.action is not None
    assert (step.action.number, step.action.device, step.action.owner, step.action.driver) == (40, VF, HOST, "ice")
    assert (step.action.current, step.action.target, step.action.is_release) == (cpus(smp), cpus(place), False)


@pytest.mark.parametrize("smp", ["0-3", "8-15", "0", "", None])
def test_what_cannot_come_to_a_kept_cpu_is_left_alone(smp: str | None) -> None:
    assert plan_one(rules(), found(smp), None, {}) == Step(None, None)


def test_where_only_offline_cpus_are_left_housekeeping_serves() -> None:
    assert to(plan_one(rules(online="0-8"), found("4,9"), None, {})) == "0"
    assert to(plan_one(rules(online="0-8"), found("3-4,9"), None, {})) == "3,9"
    assert to(plan_one(rules(refuge="8"), found("4"), None, {})) == "8"


def test_without_housekeeping_nothing_is_written_that_is_empty_or_offline() -> None:
    assert plan_one(rules(refuge=""), found("4"), None, {}) == Step(None)
    known = record("4", "0")
    assert plan_one(rules(refuge=""), found("0"), known, {}) == Step(known)
    assert plan_one(rules(refuge=""), found("0,4"), known, {}) == Step(known)


@pytest.mark.parametrize("known", [None, record("0-15", "0-3,8-15")])
def test_what_nobody_can_move_has_no_record(known: Record | None) -> None:
    assert plan_one(rules(), found("0-15", writable=False), known, {}) == Step(None)
    fixed = {IrqId(VF, 40): Fixed("ice-eth0-TxRx-0", Verdict.MANAGED, True)}
    assert plan_one(rules(), found("0-15"), known, fixed) == Step(None)
    assert to(plan_one(rules(), found("0-15", action="another"), None, fixed)) == "0-3,8-15"


@pytest.mark.parametrize(
    ("pattern", "is_left"),
    [("ice*", True), ("i?e", True), ("eth1", True), ("ICE*", False), ("eth", False), ("nvme*", False), ("*", True)],
)
def test_what_a_pattern_names_by_a_handler_or_the_driver_is_left_and_given_back(pattern: str, is_left: bool) -> None:
    each = found("0-3,8-15", action="eth0,eth1")
    known = record("0-15", "0-3,8-15", action="eth0,eth1")
    leaving = rules(leave=["mlx5*", pattern])
    assert (plan_one(leaving, found("0-15", action="eth0,eth1"), None, {}).action is None) == is_left
    action = plan_one(leaving, each, known, {}).action
    assert action is not None
    assert (action.is_release, action.target) == (is_left, cpus("0-15" if is_left else "0-3,8-15"))


def test_an_interrupt_without_a_driver_or_name_matches_no_empty_pattern() -> None:
    assert to(plan_one(rules(leave=["?*"]), found("4", driver=None, action=None), None, {})) == "0"


@pytest.mark.parametrize(
    ("known", "smp", "kept", "written", "previous"),
    [
        (record("0-15", "0-3,8-15"), "0-3,8-15", "4-5", "0-3,6-15", "0-3,8-15"),
        (record("0-15", "0-3,8-15"), "0-3,8-15", "4-8", "0-3,9-15", "0-3,8-15"),
        (record("0-15", "0-3,8-15"), "0-15", "4-8", "0-3,9-15", "0-3,8-15"),
        (record("0-15", "0-3", "0-7"), "0-7", "4-8", "0-3,9-15", "0-7"),
        (record("4", "0"), "0", "0,4-5", "8", "0"),
        (record("4", "0"), "", "4", "0", None),
    ],
)
def test_what_was_moved_follows_when_other_cpus_are_kept(
    known: Record, smp: str, kept: str, written: str, previous: str | None
) -> None:
    refuge = "0,8" if "0" not in kept.split(",") else "8"
    step = plan_one(rules(kept=kept, refuge=refuge), found(smp), known, {})
    assert step.record == replace(known, written=cpus(written), previous=previous and cpus(previous))
    assert to(step) == written


def test_an_interrupt_in_its_place_is_reported_and_not_changed() -> None:
    known = record("0-15", "0-3,8-15", "0-3")
    step = plan_one(rules(), found("0-3,8-15"), known, {})
    assert step.record == known
    assert step.action is not None
    assert step.action.target == step.action.current == cpus("0-3,8-15")


def test_what_somebody_put_onto_kept_cpus_is_put_back_and_its_original_stays() -> None:
    known = record("0-15", "0-3,8-15")
    step = plan_one(rules(), found("2-5"), known, {})
    assert (step.record, to(step)) == (known, "0-3,8-15")


def test_what_somebody_put_elsewhere_is_theirs() -> None:
    assert plan_one(rules(), found("2-3"), record("0-15", "0-3,8-15"), {}) == Step(None)


def test_what_somebody_moved_and_has_to_leave_other_cpus_now_starts_anew() -> None:
    step = plan_one(rules(kept="9"), found("8-9"), record("4-7", "0"), {})
    assert (step.record, to(step)) == (record("8-9", "8"), "8")


@pytest.mark.parametrize("changed", [{"driver": "iavf"}, {"action": "ice-eth1-TxRx-0"}])
def test_another_driver_or_handler_makes_it_another_interrupt(changed: dict[str, str]) -> None:
    known = record("4", "0-15")
    assert plan_one(rules(), found("0-15", **changed), known, {}).record == replace(
        record("0-15", "0-3,8-15"), **changed
    )
    assert plan_one(rules(kept=""), found("0-15", **changed), known, {}) == Step(None)
    assert plan_one(rules(), found(None, **changed), known, {}) == Step(None)


def test_a_record_that_a_guest_left_has_no_handler_and_counts() -> None:
    known = record("0-15", "5", spread_over=cpus("4-5"), next_cpu=True, action=None)
    step = plan_one(rules(), found("5"), known, {})
    assert (step.record, to(step)) == (record("0-15", "0-3,8-15", "5"), "0-3,8-15")
    in_place = plan_one(rules(kept="6-7"), found("0-5,8-15"), replace(known, written=cpus("0-5,8-15")), {})
    assert in_place.record == record("0-15", "0-5,8-15")


@pytest.mark.parametrize("kept", ["", "8-9"])
def test_it_goes_back_when_none_of_its_original_is_kept_and_the_record_stays_until_then(kept: str) -> None:
    known = record("4-7", "0")
    step = plan_one(rules(kept=kept), found("0"), known, {})
    assert step.record == known
    assert step.action is not None
    assert (step.action.target, step.action.is_release, step.action.foregone) == (cpus("4-7"), True, None)


def test_what_is_back_already_or_was_moved_meanwhile_only_loses_its_record() -> None:
    assert plan_one(rules(kept=""), found("4-7"), record("4-7", "0"), {}) == Step(None)
    assert plan_one(rules(kept=""), found("4-7"), record("4-7", "0", "4-7"), {}) == Step(None)
    assert plan_one(rules(kept=""), found("4-6"), record("4-7", "0"), {}) == Step(None)


def test_an_original_that_is_offline_waits_on_the_housekeeping_cpus() -> None:
    known = record("5", "0")
    assert plan_one(rules(kept="", online="0-4,8"), found("0"), known, {}).record == known
    assert to(plan_one(rules(kept="", online="0-4,8"), found("0"), known, {})) is None
    assert plan_one(rules(kept="", refuge="", online="0-4,8"), found("0"), known, {}) == Step(known)
    assert to(plan_one(rules(kept=""), found("0"), known, {})) == "5"


def test_a_reset_says_that_an_original_is_offline() -> None:
    step = plan_one(rules(kept="", refuge="", online="0-4,8", is_reset=True), found("0"), record("5", "0"), {})
    assert step.action is not None
    assert (step.record, step.action.target, step.action.foregone) == (record("5", "0"), cpus("5"), Verdict.OFFLINE)


def test_an_unknown_original_stands_for_the_wide_default() -> None:
    known = record(None, "0-3,8-15")
    assert to(plan_one(rules(kept=""), found("0-3,8-15"), known, {})) == "0-15"
    step = plan_one(rules(kept="4-8"), found("0-3,8-15"), known, {})
    assert (step.record, to(step)) == (record(None, "0-3,9-15", "0-3,8-15"), "0-3,9-15")
    assert plan_one(rules(kept="", wide=None), found("0-3,8-15"), known, {}) == Step(known)


def test_while_too_few_housekeeping_cpus_are_online_only_giving_back_goes_on() -> None:
    held = rules(is_held_up=True)
    assert plan_one(held, found("0-15"), None, {}) == Step(None)
    known = record("0-15", "0-3,8-15")
    assert plan_one(held, found("2-5"), known, {}) == Step(known)
    assert plan_one(held, found("2-3"), known, {}) == Step(None)
    in_place = plan_one(held, found("0-3,8-15"), known, {})
    assert in_place.action is not None
    assert (in_place.record, in_place.action.target) == (known, cpus("0-3,8-15"))
    assert plan_one(replace(held, kept=cpus("4")), found("0-3,8-15"), known, {}) == Step(known)
    assert to(plan_one(replace(held, kept=cpus("")), found("0-3,8-15"), known, {})) == "0-15"


def test_without_room_it_stays_and_says_why() -> None:
    step = plan_one(rules(full="0-15"), found("0-15", effective=cpus("4")), None, {})
    assert step.record is None
    assert step.action is not None
    assert (step.action.target, step.action.foregone) == (cpus("0-3,8-15"), Verdict.NO_VECTOR)
    assert step.action.message == NO_ROOM
    known = record("0-15", "0-3,8-15")
    assert plan_one(rules(kept="2-7", full="0-15"), found("0-3,8-15", effective=cpus("2")), known, {}).record == known


def test_no_room_is_needed_where_it_stays_served_or_goes_back() -> None:
    assert to(plan_one(rules(full="0-15"), found("0-15", effective=cpus("3")), None, {})) == "0-3,8-15"
    assert to(plan_one(rules(full="0-14"), found("0-15", effective=cpus("4")), None, {})) == "0-3,8-15"
    in_place = plan_one(rules(full="0-15"), found("0-3,8-15", effective=cpus("4")), record("0-15", "0-3,8-15"), {})
    assert in_place.action is not None
    assert in_place.action.foregone is None
    assert to(plan_one(rules(full="0-15", kept=""), found("0", effective=cpus("0")), record("5", "0"), {})) == "5"


def test_what_cannot_be_read_keeps_its_record_and_is_reported() -> None:
    known = record("0-15", "0-3,8-15")
    for kept, is_release in (("4-8", False), ("", True)):
        step = plan_one(rules(kept=kept), found(None), known, {})
        assert step.action is not None
        assert (step.record, step.action.current, step.action.is_release) == (known, None, is_release)


def test_what_nothing_can_be_read_of_keeps_its_record() -> None:
    """The reader gives neither its handler nor, where it cannot see the device, the driver."""
    known = record("0-15", "0-3,8-15")
    for driver in ("ice", None):
        assert plan_one(rules(), found(None, driver=driver, action=None), known, {}).record == known


NARROWED = Record(HOST, None, WIDE, cpus("0-3,8-15"), action="")


def test_a_newborn_with_the_narrowed_default_gets_a_record_of_the_wide_one_and_no_write() -> None:
    step = plan_one(rules(before=NARROWED, after=NARROWED), found("0-3,8-15", node=None), None, {})
    assert (step.record, to(step)) == (record("0-15", "0-3,8-15"), None)
    of_node = plan_one(rules(before=NARROWED, after=NARROWED), found("0-3"), None, {})
    assert (of_node.record, to(of_node)) == (record("0-7", "0-3"), None)


def test_a_newborn_that_is_seen_when_the_guest_has_gone_gets_the_wide_default() -> None:
    step = plan_one(rules(kept="", before=NARROWED), found("0-3"), None, {})
    assert step.action is not None
    assert (step.record, step.action.target, step.action.is_release) == (record("0-7", "0-3"), cpus("0-7"), True)


def test_one_that_is_reborn_with_the_narrowed_default_under_its_number_gets_the_wide_one() -> None:
    step = plan_one(rules(before=NARROWED, after=NARROWED), found("0-3"), record("2", "0"), {})
    assert (step.record, to(step)) == (record("0-7", "0-3"), None)


def test_what_has_the_value_of_the_default_before_it_is_narrowed_to_that_keeps_it() -> None:
    narrowing = rules(after=NARROWED)
    step = plan_one(narrowing, found("0-3"), None, {})
    assert step == Step(record("0-3", "0-3"))
    later = rules(before=NARROWED, after=NARROWED)
    assert plan_one(later, found("0-3"), step.record, {}) == step
    assert plan_one(rules(before=NARROWED, kept=""), found("0-3"), step.record, {}) == Step(None)
    assert plan_one(narrowing, found("0-2"), None, {}) == Step(None)


def test_what_goes_back_to_the_value_of_the_narrowed_default_keeps_a_record() -> None:
    step = plan_one(rules(before=NARROWED, after=NARROWED), found("0-2"), record("0-3", "0-2"), {})
    assert step.record == record("0-3", "0-3", "0-2")
    assert step.action is not None
    assert (step.action.target, step.action.is_release) == (cpus("0-3"), False)


def default(smp: str) -> HostInterrupt:
    return HostInterrupt(Interrupt(DEFAULT.number, cpus(smp), None), DEFAULT.device)


@pytest.mark.parametrize(("smp", "place"), [("0-15", "0-3,8-15"), ("4-7", "0,8"), ("4", "0,8")])
def test_the_default_affinity_loses_the_kept_cpus_whatever_vectors_are_taken(smp: str, place: str) -> None:
    step = plan_one(rules(full="0-15", wide=None), default(smp), None, {})
    assert (step.record, to(step)) == (Record(HOST, None, cpus(smp), cpus(place), action=""), place)
    assert step.action is not None
    assert step.action.irq == DEFAULT


@pytest.mark.parametrize(("smp", "record_after"), [("0-7", "0-3"), ("0-3", None), ("4-15", "8-15")])
def test_a_default_affinity_that_somebody_else_set_is_a_new_original(smp: str, record_after: str | None) -> None:
    step = plan_one(rules(), default(smp), NARROWED, {})
    known = record_after and Record(HOST, None, cpus(smp), cpus(record_after), action="")
    assert (step.record, to(step)) == (known or None, record_after)


def test_the_record_of_the_default_affinity_stays_for_one_plan_after_it_was_given_back() -> None:
    step = plan_one(rules(kept=""), default("0-3,8-15"), NARROWED, {})
    assert step.record == replace(NARROWED, written=WIDE, previous=cpus("0-3,8-15"))
    assert step.action is not None
    assert (step.action.target, step.action.is_release) == (WIDE, False)
    assert plan_one(rules(kept=""), default("0-15"), step.record, {}) == Step(None)
    reset = plan_one(rules(kept="", is_reset=True), default("0-3,8-15"), NARROWED, {})
    assert reset.action is not None
    assert (reset.record, reset.action.is_release) == (NARROWED, True)


def test_an_empty_affinity_of_a_write_that_was_killed_is_put_right() -> None:
    assert to(plan_one(rules(), default(""), NARROWED, {})) == "0-3,8-15"
    assert plan_one(rules(), default(""), None, {}) == Step(None)


def test_where_all_that_it_may_keep_is_offline_it_gets_a_cpu_back_although_not_all_kept_cpus_are_known() -> None:
    less = rules(kept="6-7", online="0-3,6-15", may_widen=False)
    assert to(plan_one(less, found("4-5"), record("0-15", "4-5"), {})) == "0-5,8-15"
