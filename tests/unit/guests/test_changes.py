# SPDX-License-Identifier: Apache-2.0
"""A burst of writes is one change."""

from datetime import datetime, timezone
from typing import Any

from irqaffinity.guests.changes import LONGEST, MOST, QUIET, Unsettled
from irqaffinity.model.action import Action, Result
from irqaffinity.model.change import Change, Settled
from irqaffinity.model.guest import HOST
from irqaffinity.model.irq import DEFAULT
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.verdict import Cause, Verdict
from tests.fakes.snapshots import VF, VF2, cpus, guest_id

A = guest_id(1)
NOW = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
PLACE = cpus("2-3")
CHANGE = Change(NOW, A, "vm", VF, (40,), cpus("0-15"), PLACE, Cause.BIRTH, Verdict.SET, False, 1)


def done(
    number: int,
    before: str = "0-15",
    after: str = "2-3",
    cause: Cause = Cause.BIRTH,
    *,
    device: PciAddress = VF,
    verdict: Verdict = Verdict.SET,
    is_release: bool = False,
) -> tuple[Result, Cause]:
    """Return the result of a write, and why it was made."""
    action = Action(number, device, A, cpus(before), None, cpus(after), is_release=is_release)
    return Result(action, verdict, cpus(after), cpus(after), None, was_written=True), cause


def settle(unsettled: Unsettled) -> tuple[Change, ...]:
    return unsettled.settle("vm", NOW).changes


def change(*numbers: int, **others: Any) -> Change:
    return CHANGE._replace(numbers=numbers, writes=others.pop("writes", len(numbers)), **others)


def test_interrupts_of_a_device_that_were_moved_for_one_cause_are_one_change() -> None:
    unsettled = Unsettled(A)
    unsettled.add([done(41), done(40), done(42, "4", cause=Cause.MASK), done(43, device=VF2)], 5.0)
    unsettled.add([done(45, "2-3", "0-15", Cause.DEVICE, is_release=True)], 5.0)
    assert settle(unsettled) == (
        change(40, 41),
        change(42, before=cpus("4"), cause=Cause.MASK),
        change(45, before=PLACE, after=cpus("0-15"), cause=Cause.DEVICE, is_release=True),
        change(43, device=VF2),
    )
    assert not unsettled
    assert unsettled.settle("vm", NOW) == Settled(A, "vm", (), 0)


def test_the_default_affinity_is_a_change_of_its_own() -> None:
    unsettled = Unsettled(HOST)
    unsettled.add([done(number, device=NO_DEVICE, cause=Cause.ISOLATION) for number in (9, DEFAULT.number, 8)], 0.0)
    found = [(each.numbers, each.which) for each in settle(unsettled)]
    assert sorted(found) == [((DEFAULT.number,), "default_smp_affinity"), ((8, 9), "8-9")]


def test_interrupts_of_the_host_that_went_different_ways_are_changes_of_their_own() -> None:
    unsettled = Unsettled(HOST)
    unsettled.add([done(40, "2", "0-1"), done(41, "0-15", "0-1"), done(42, "2", "0-1")], 5.0)
    found = [(change.numbers, str(change.before), str(change.after)) for change in settle(unsettled)]
    assert found == [((41,), "0-15", "0-1"), ((40, 42), "2", "0-1")]


def test_vectors_that_each_get_a_cpu_of_their_own_are_one_change_to_all_of_these() -> None:
    unsettled = Unsettled(A)
    unsettled.add([done(number, "0-15" if number % 2 else "0-7", str(number - 40)) for number in range(40, 56)], 0.0)
    assert settle(unsettled) == (change(*range(40, 56), after=cpus("0-15")),)


def test_one_that_is_pending_makes_the_change_pending() -> None:
    unsettled = Unsettled(A)
    unsettled.add([done(40), done(41, verdict=Verdict.PENDING)], 0.0)
    assert settle(unsettled) == (change(40, 41, verdict=Verdict.PENDING),)


def test_what_failed_has_a_line_of_its_own_with_where_it_belongs_by_verdict() -> None:
    unsettled = Unsettled(A)
    failed, cause = done(41, verdict=Verdict.NO_VECTOR, cause=Cause.ERROR)
    denied = failed._replace(action=failed.action._replace(number=42), verdict=Verdict.DENIED)
    unsettled.add([done(40), (failed._replace(smp=cpus("0-15")), cause), (denied._replace(smp=None), cause)], 0.0)
    assert settle(unsettled) == (
        change(40),
        change(41, cause=Cause.ERROR, verdict=Verdict.NO_VECTOR),
        change(42, cause=Cause.ERROR, verdict=Verdict.DENIED),
    )


def test_what_was_done_last_with_a_device_is_the_last_of_its_changes() -> None:
    failed, placed = done(40, cause=Cause.ERROR, verdict=Verdict.DENIED), done(40, cause=Cause.RECOVERED)
    freed = done(40, "2-3", "0-15", Cause.GONE, is_release=True)
    for order in ([failed, placed], [placed, failed], [freed, placed], [placed, freed]):
        unsettled = Unsettled(A)
        unsettled.add(order, 0.0)
        assert [made.cause for made in settle(unsettled)] == [cause for _, cause in order]


def test_of_several_writes_the_first_tells_from_where_and_why_and_the_last_to_where() -> None:
    unsettled = Unsettled(A)
    for moment, (before, after) in enumerate([("0-15", "2-3"), ("0-15", "2-3"), ("0-7", "3")]):
        unsettled.add([done(40, before, after, Cause.MASK if moment else Cause.BIRTH)], float(moment))
    assert settle(unsettled) == (change(40, after=cpus("3"), writes=3),)


def test_a_fight_that_begins_is_told_as_one() -> None:
    unsettled = Unsettled(A)
    for moment, cause in enumerate([Cause.DRIFT, Cause.FIGHT]):
        unsettled.add([done(40, "5", cause=cause)], float(moment))
    assert settle(unsettled) == (change(40, before=cpus("5"), cause=Cause.FIGHT, writes=2),)


def test_where_it_was_before_may_not_be_known() -> None:
    unsettled = Unsettled(A)
    result, cause = done(40)
    unsettled.add([(result._replace(action=result.action._replace(current=None)), cause)], 0.0)
    assert settle(unsettled) == (change(40, before=None),)


def test_it_has_settled_when_nothing_follows_and_at_the_latest_after_a_minute() -> None:
    unsettled, now = Unsettled(A), 100.0
    unsettled.add([done(40)], now)
    assert unsettled.due == now + QUIET
    while now < 100.0 + 2 * LONGEST:
        now += QUIET / 2
        unsettled.add([done(40)], now)
    assert unsettled.due == 100.0 + LONGEST
    settle(unsettled)
    unsettled.add([done(40)], now)
    assert unsettled.due == now + QUIET


def test_what_does_nothing_puts_nothing_off() -> None:
    unsettled = Unsettled(A)
    unsettled.add([done(40)], 1.0)
    unsettled.add([], 1.5)
    assert unsettled.due == 1.0 + QUIET


def test_a_guest_that_makes_ever_new_numbers_costs_no_more_memory() -> None:
    unsettled = Unsettled(A)
    for number in range(MOST + 10):
        unsettled.add([done(number)], 0.0)
    (found,) = settle(unsettled)
    assert found.numbers == tuple(range(10, MOST + 10))


def test_what_has_to_wait_is_counted_and_told_as_soon_as_anything_is() -> None:
    unsettled = Unsettled(A)
    for moment in range(3):
        unsettled.add_waiting(float(moment))
    assert unsettled
    assert unsettled.due == 2.0 + QUIET
    assert unsettled.settle(None, NOW) == Settled(A, None, (), 3)
    assert not unsettled


def test_its_fields_are_texts_under_the_names_of_the_history() -> None:
    assert change(40, 41, 43, before=None).fields() == {
        "guest": A,
        "name": "vm",
        "device": str(VF),
        "irqs": "40-41,43",
        "from": None,
        "to": "2-3",
        "cause": "birth",
        "verdict": "set",
    }
