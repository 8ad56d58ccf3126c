# SPDX-License-Identifier: Apache-2.0
"""A burst of writes is one change."""

from irqaffinity.guests.changes import LONGEST, MOST, QUIET, Unsettled
from irqaffinity.model.action import Action, Result
from irqaffinity.model.change import Change, Settled
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import Verdict
from tests.fakes.snapshots import VF, VF2, cpus, guest_id

A = guest_id(1)


def written(
    number: int, before: str = "0-15", after: str = "2-3", *, device: PciAddress = VF, **options: bool
) -> Result:
    """Return the result of a write."""
    action = Action(number, device, A, cpus(before), None, cpus(after), is_release=options.get("is_release", False))
    return Result(action, Verdict.SET, cpus(after), cpus(after), None, was_written=options.get("was_written", True))


def test_interrupts_that_went_the_same_way_are_one_change() -> None:
    unsettled = Unsettled(A)
    unsettled.add([written(41), written(40), written(42, "4"), written(43, device=VF2)], 5.0)
    unsettled.add([written(44, was_written=False), written(45, "2-3", "0-15", is_release=True)], 5.0)
    place = cpus("2-3")
    assert unsettled.settle().changes == (
        Change(VF, (40, 41), cpus("0-15"), place, Verdict.SET, False, 2),
        Change(VF, (42,), cpus("4"), place, Verdict.SET, False, 1),
        Change(VF, (45,), place, cpus("0-15"), Verdict.SET, True, 1),
        Change(VF2, (43,), cpus("0-15"), place, Verdict.SET, False, 1),
    )
    assert not unsettled
    assert unsettled.settle() == Settled(A, (), 0)


def test_of_several_writes_the_first_tells_from_where_and_the_last_to_where() -> None:
    unsettled = Unsettled(A)
    for moment, (before, after) in enumerate([("0-15", "2-3"), ("0-15", "2-3"), ("0-7", "3")]):
        unsettled.add([written(40, before, after)], float(moment))
    assert unsettled.settle().changes == (Change(VF, (40,), cpus("0-15"), cpus("3"), Verdict.SET, False, 3),)


def test_it_has_settled_when_nothing_follows_and_at_the_latest_after_a_minute() -> None:
    unsettled, now = Unsettled(A), 100.0
    unsettled.add([written(40)], now)
    assert unsettled.due == now + QUIET
    while now < 100.0 + 2 * LONGEST:
        now += QUIET / 2
        unsettled.add([written(40)], now)
    assert unsettled.due == 100.0 + LONGEST
    unsettled.settle()
    unsettled.add([written(40)], now)
    assert unsettled.due == now + QUIET


def test_what_writes_nothing_puts_nothing_off() -> None:
    unsettled = Unsettled(A)
    unsettled.add([written(40)], 1.0)
    unsettled.add([written(40, was_written=False)], 1.5)
    assert unsettled.due == 1.0 + QUIET


def test_a_guest_that_makes_ever_new_numbers_costs_no_more_memory() -> None:
    unsettled = Unsettled(A)
    for number in range(MOST + 10):
        unsettled.add([written(number)], 0.0)
    (change,) = unsettled.settle().changes
    assert change.numbers == tuple(range(10, MOST + 10))


def test_what_has_to_wait_is_counted_and_told_as_soon_as_anything_is() -> None:
    unsettled = Unsettled(A)
    for moment in range(3):
        unsettled.add_waiting(float(moment))
    assert unsettled
    assert unsettled.due == 2.0 + QUIET
    assert unsettled.settle() == Settled(A, (), 3)
    assert not unsettled
