# SPDX-License-Identifier: Apache-2.0
"""Which holds are in force, what they cover, and what is left of a plan under them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from irqaffinity.model.action import Action
from irqaffinity.model.guest import HOST
from irqaffinity.model.hold import Hold, Moment
from irqaffinity.model.host import Device
from irqaffinity.model.irq import DEFAULT, IrqId
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.record import Changes, Record, State
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.hold import (
    end_hold,
    find_hold,
    forget_ended,
    hold_device,
    hold_isolation,
    in_force,
    is_ended,
    make_hold,
    name_hold,
)
from irqaffinity.plan.isolate import IsolationPlan
from irqaffinity.plan.place import Handled
from tests.fakes.snapshots import VF, VF2, cpus, guest_id, make_device, make_record

A, B = guest_id(1), guest_id(2)
NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
MADE = Moment(NOON, "boot-1", 1000.5)
NVME = PciAddress.parse("0000:03:00.0")


def hold(number: int = 1, hours: float = 2, made: Moment = MADE, **scope: Any) -> Hold:
    return make_hold(number, made, made.now + timedelta(hours=hours), "why", **scope)


def moment(boot: str = "boot-1", uptime: float = 1000.5, hours: float = 0) -> Moment:
    return Moment(NOON + timedelta(hours=hours), boot, uptime)


@pytest.mark.parametrize(
    ("now", "is_there"),
    [
        (moment(), True),
        (moment(uptime=8200.4, hours=2), True),
        (moment(uptime=8200.5), False),
        (moment(uptime=8200.5, hours=-5), False),
        (moment(uptime=1001, hours=30), True),
        (moment("boot-2", 10, 1.9), True),
        (moment("boot-2", 99999, 1.9), True),
        (moment("boot-2", 10, 2), False),
        (moment("boot-2", 10, -3), True),
        (moment("", 8200.5, 1.9), True),
    ],
)
def test_a_hold_ends_by_the_clock_of_its_boot_and_after_another_one_by_the_date(now: Moment, is_there: bool) -> None:
    made = hold()
    assert in_force({1: made}, *now) == ((made,) if is_there else ())


def test_without_a_boot_id_the_date_counts() -> None:
    made = hold(made=MADE._replace(boot_id=""))
    assert in_force({1: made}, *moment("", 10, 1.9)) == (made,)
    assert in_force({1: made}, *moment("", 10, 2)) == ()


def test_a_hold_keeps_whole_seconds_in_utc_and_says_what_it_is() -> None:
    there = timezone(timedelta(hours=2))
    until = datetime(2026, 11, 20, 15, 0, 0, 700_000, tzinfo=there)
    made = make_hold(3, MADE._replace(now=NOON + timedelta(milliseconds=300)), until, "firmware", guest=A)
    assert (made.since, made.until) == (NOON, NOON + timedelta(hours=1))
    assert made.ends_at == pytest.approx(1000.5 + 3600.4)
    assert name_hold(made) == "hold 3 (firmware) until 2026-11-20T13:00:00Z"


def test_those_in_force_are_sorted() -> None:
    holds = {number: hold(number) for number in (3, 1, 2)}
    assert [each.id for each in in_force(holds, *MADE)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ({}, {(A, VF), (A, VF2), (B, VF), (HOST, NVME), (HOST, NO_DEVICE)}),
        ({"guest": A}, {(A, VF), (A, VF2)}),
        ({"device": VF}, {(A, VF), (B, VF)}),
        ({"device": NVME}, {(HOST, NVME)}),
    ],
)
def test_a_hold_covers_the_host_a_guest_or_a_device(scope: Mapping[str, Any], covered: object) -> None:
    made = hold(**scope)
    all_of_them = [(A, VF), (A, VF2), (B, VF), (HOST, NVME), (HOST, NO_DEVICE)]
    assert {each for each in all_of_them if find_hold([made], *each) is made} == covered


def test_the_number_of_the_last_hold_is_kept_and_no_clock_brings_it_back() -> None:
    holds = {number: hold(number) for number in (1, 2, 3)}
    changes = forget_ended(holds, [holds[1]])
    assert changes == {2: None, 3: end_hold(holds[3])}
    left = {1: holds[1], 3: end_hold(holds[3])}
    assert is_ended(left[3])
    assert in_force(left, *moment(uptime=0, hours=-24)) == in_force(left, *moment("boot-2", 0, -24)) == (holds[1],)
    assert forget_ended(left, [holds[1]]) == {}
    left[4] = hold(4)
    assert forget_ended(left, [holds[1], left[4]]) == {3: None}


PLACED = make_record(written="2-3")


def act(smp: str | None = "0-7", target: str = "2-3", **fields: Any) -> Action:
    current = None if smp is None else cpus(smp)
    return Action(50, VF, A, current, None, cpus(target), **({"driver": "vfio-pci"} | fields))


def held(
    action: Action | None,
    record: Record | None,
    before: Record | None,
    *holds: Hold,
    device: Device | None = None,
    fixed: frozenset[IrqId] = frozenset(),
) -> tuple[Verdict | int | None, Record | None]:
    """Return what is done (None: nothing; 0: as it was planned), and the record that is left."""
    handled = Handled({} if record is None else {50: record}, [] if action is None else [action])
    device = device or make_device(numbers=[50], smp="0-7")
    made = hold_device(handled, device, {} if before is None else {50: before}, fixed, holds)
    (done,) = made.actions or [None]
    if done is not None and done.foregone is Verdict.HELD:
        assert (done.hold, done.message) == (holds[0].id, f"stays where it is: {name_hold(holds[0])}")
    return None if done is None else 0 if done == action else done.foregone, made.records.get(50)


NEXT, HOSTS = make_record(written="4-5", previous="2-3"), make_record(written="2-3", owner=HOST)
ONE, EVERYTHING = hold(), hold(everything=True)
RELEASE = act("2-3", "0-15", is_release=True)
OTHERS = make_record(2, written="2-3")


@pytest.mark.parametrize(
    ("action", "record", "before", "made", "expected"),
    [
        pytest.param(act(), PLACED, PLACED, ONE, (Verdict.HELD, PLACED), id="drifted"),
        pytest.param(act("2-3", "4-5"), NEXT, PLACED, ONE, (Verdict.HELD, PLACED), id="another target"),
        pytest.param(act("4-5", "4-5"), NEXT, PLACED, ONE, (0, NEXT), id="another target, where it is by chance"),
        pytest.param(act(None), PLACED, PLACED, ONE, (0, PLACED), id="unread"),
        pytest.param(act(foregone=Verdict.IMMOVABLE), None, None, ONE, (0, None), id="immovable"),
        pytest.param(act(), PLACED, None, ONE, (0, PLACED), id="first placement"),
        pytest.param(act(), PLACED, None, EVERYTHING, (Verdict.HELD, None), id="first placement, everything held"),
        pytest.param(act("2-3"), PLACED, None, EVERYTHING, (0, PLACED), id="found in place, everything held"),
        pytest.param(act(), PLACED, PLACED, hold(guest=B), (0, PLACED), id="another guest is held"),
        pytest.param(act(), PLACED, PLACED, hold(device=VF), (Verdict.HELD, PLACED), id="the device is held"),
        pytest.param(act(), PLACED, PLACED, hold(device=VF2), (0, PLACED), id="another device is held"),
        pytest.param(act(), PLACED, replace(PLACED, driver="iavf"), ONE, (0, PLACED), id="another driver before"),
        pytest.param(act(), PLACED, OTHERS, ONE, (0, PLACED), id="vfio had it for another guest"),
        pytest.param(act(), PLACED, HOSTS, ONE, (Verdict.HELD, HOSTS), id="isolation moved it before"),
        pytest.param(RELEASE, PLACED, PLACED, ONE, (Verdict.HELD, PLACED), id="given back"),
        pytest.param(
            RELEASE._replace(foregone=Verdict.OFFLINE), PLACED, PLACED, ONE, (Verdict.HELD, PLACED), id="to no CPU"
        ),
        pytest.param(
            RELEASE._replace(current=cpus("0-15")), PLACED, PLACED, ONE, (None, PLACED), id="somebody gave it back"
        ),
        pytest.param(RELEASE, PLACED, PLACED, hold(guest=A), (Verdict.HELD, PLACED), id="its guest has ended"),
        pytest.param(None, None, PLACED, ONE, (None, PLACED), id="drifted, and is to be given back"),
        pytest.param(None, None, PLACED, hold(guest=B), (None, None), id="the same of another guest"),
        pytest.param(None, None, replace(PLACED, driver="iavf"), ONE, (None, None), id="of another driver"),
    ],
)
def test_what_was_placed_stays_where_it_is_with_its_record(
    action: Action | None, record: Record | None, before: Record | None, made: Hold, expected: object
) -> None:
    assert held(action, record, before, made) == expected


def test_the_record_of_one_that_is_gone_or_cannot_be_moved_goes() -> None:
    assert held(None, None, PLACED, ONE, device=make_device(numbers=[51])) == (None, None)
    assert held(None, None, PLACED, ONE, fixed=frozenset({IrqId(VF, 50)})) == (None, None)
    device = make_device(numbers=[50], smp="0-7")
    managed = tuple(interrupt._replace(writable=False) for interrupt in device.interrupts)
    assert held(None, None, PLACED, ONE, device=replace(device, interrupts=managed)) == (None, None)


def test_the_driver_of_the_host_keeps_its_interrupts_when_the_guest_changes() -> None:
    mine, theirs = (replace(record, driver="iavf") for record in (PLACED, OTHERS))
    device = make_device(numbers=[50], smp="0-7", driver="iavf")
    assert held(act(driver="iavf"), mine, theirs, ONE, device=device) == (Verdict.HELD, theirs)


W, NEW = cpus("0-15"), Record(HOST, "nvme", cpus("0-15"), cpus("0-1"), action="nvme0q0")
MOVED = replace(NEW, written=cpus("0-3"))
BORN = replace(NEW, previous=cpus("0-11"))
"""One that had the narrowed default, 0-11, at its birth, and belongs on 0-1 by now."""


@pytest.mark.parametrize(
    ("smp", "change", "before", "made", "expected"),
    [
        pytest.param("0-15", NEW, None, ONE, (Verdict.HELD, None, False), id="first move"),
        pytest.param("0-3", NEW, MOVED, ONE, (Verdict.HELD, None, False), id="next move"),
        pytest.param("0-1", NEW, MOVED, ONE, (0, NEW, True), id="there by chance"),
        pytest.param(
            "0-11",
            BORN,
            None,
            ONE,
            (Verdict.HELD, replace(NEW, written=cpus("0-11"), previous=None), True),
            id="born with the narrowed default",
        ),
        pytest.param("0-15", NEW, replace(MOVED, driver="old"), ONE, (Verdict.HELD, None, True), id="another before"),
        pytest.param("0-15", NEW, None, hold(device=NVME), (Verdict.HELD, None, False), id="its device"),
        pytest.param("0-15", NEW, None, hold(guest=A), (0, NEW, True), id="a guest"),
    ],
)
def test_interrupts_of_the_host_stay_where_they_are(
    smp: str, change: Record, before: Record | None, made: Hold, expected: object
) -> None:
    irq = IrqId(NVME, 60)
    action = Action(60, NVME, HOST, cpus(smp), None, cpus("0-1"), driver="nvme", handler="nvme0q0")
    state = State({} if before is None else {NVME: {60: before}})
    plan = hold_isolation(IsolationPlan([action], Changes({irq: change}), (), None), [made], state)
    (done,) = plan.actions
    changes = plan.changes.records
    assert (0 if done == action else done.foregone, changes.get(irq), irq in changes) == expected


def test_the_default_affinity_stays_under_a_hold_on_the_host_alone() -> None:
    action = Action(DEFAULT.number, DEFAULT.device, HOST, W, None, cpus("0-1"))
    plan = IsolationPlan([action], Changes({DEFAULT: Record(HOST, None, W, cpus("0-1"))}), (), None)
    assert hold_isolation(plan, [hold(device=NVME), hold(guest=A)], State()) == plan
    made = hold_isolation(plan, [ONE], State())
    assert ([each.foregone for each in made.actions], made.changes) == ([Verdict.HELD], Changes())
