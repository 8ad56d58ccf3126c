# SPDX-License-Identifier: Apache-2.0
"""Wake-ups are coalesced, none is lost, and none is given out twice."""

import threading
from collections.abc import Callable

import pytest

from irqaffinity.listen.queue import MOST, WakeQueue, Wakes
from irqaffinity.model.record import RememberedSpecs
from tests.fakes.snapshots import VF, guest_id

A = guest_id(1)
NOTHING = RememberedSpecs(None, "")


def test_many_wake_ups_of_one_guest_are_one_with_the_time_of_the_first() -> None:
    moments = iter(range(10_000))
    queue = WakeQueue(lambda: float(next(moments)))
    for _ in range(1000):
        queue.wake(guest_id(1))
        queue.wake_owner(VF)
    taken = queue.take(0)
    assert (taken.guests, taken.devices, taken.everything) == ({guest_id(1): 0.0}, {VF: 1.0}, False)
    assert not queue.take(0)


def test_of_two_extra_specs_the_newer_one_counts_whichever_came_first() -> None:
    old, new = RememberedSpecs("1", "2026-11-20 12:00:00"), RememberedSpecs("2", "2026-11-20 12:00:01")
    queue = WakeQueue()
    for specs in (new, old):
        queue.tell(guest_id(1), specs)
    assert queue.take(0).specs == {guest_id(1): new}


WAKES: dict[str, tuple[Callable[[WakeQueue], None], Wakes]] = {
    "wake_all": (lambda queue: queue.wake_all(), Wakes(everything=True)),
    "wake": (lambda queue: queue.wake(A), Wakes(guests={A: 5.0})),
    "wake_owner": (lambda queue: queue.wake_owner(VF), Wakes(devices={VF: 5.0})),
    "wake_parent": (lambda queue: queue.wake_parent(A), Wakes(births={A: 5.0})),
    "confirm": (lambda queue: queue.confirm(A), Wakes(placed={A})),
    "tell": (lambda queue: queue.tell(A, NOTHING), Wakes(specs={A: NOTHING})),
    "interrupt": (lambda queue: queue.interrupt(), Wakes()),
}


@pytest.mark.parametrize(("wake", "wakes"), WAKES.values(), ids=WAKES.keys())
def test_each_kind_wakes_a_take_that_waits_and_is_taken_once(wake: Callable[[WakeQueue], None], wakes: Wakes) -> None:
    queue, taken = WakeQueue(lambda: 5.0), list[Wakes]()
    taker = threading.Thread(target=lambda: taken.append(queue.take(60)))
    taker.start()
    while not queue._changed._waiters:  # type: ignore[attr-defined]
        pass
    wake(queue)
    taker.join(50)
    assert taken == [wakes]
    assert bool(wakes) is (wake is not WAKES["interrupt"][0])
    assert queue.take(0) == Wakes()


@pytest.mark.parametrize(("wake", "wakes"), WAKES.values(), ids=WAKES.keys())
def test_what_came_before_is_not_waited_for(wake: Callable[[WakeQueue], None], wakes: Wakes) -> None:
    queue = WakeQueue(lambda: 5.0)
    for _ in range(2):
        wake(queue)
        assert queue.take(3600) == wakes


def test_all_kinds_are_taken_together() -> None:
    queue = WakeQueue(lambda: 5.0)
    for wake, _ in WAKES.values():
        wake(queue)
    assert queue.take(0) == Wakes(
        everything=True, guests={A: 5.0}, devices={VF: 5.0}, births={A: 5.0}, placed={A}, specs={A: NOTHING}
    )


def test_births_have_the_time_of_the_first() -> None:
    moments = iter(range(10))
    queue = WakeQueue(lambda: float(next(moments)))
    for _ in range(3):
        queue.wake_parent(A)
    assert queue.take(0).births == {A: 0.0}


def test_the_specs_that_came_first_go_first() -> None:
    queue = WakeQueue()
    for number in range(MOST + 2):
        queue.tell(guest_id(number), NOTHING)
    assert list(queue.take(0).specs) == [guest_id(number) for number in range(2, MOST + 2)]


ADD: list[Callable[[WakeQueue, int], None]] = [
    lambda queue, number: queue.wake(guest_id(number)),
    lambda queue, number: queue.wake_owner(VF._replace(domain=number)),
    lambda queue, number: queue.wake_parent(guest_id(number)),
    lambda queue, number: queue.confirm(guest_id(number)),
]


@pytest.mark.parametrize("add", ADD, ids=["guests", "devices", "births", "placed"])
def test_one_more_than_can_be_kept_apart_becomes_a_full_pass(add: Callable[[WakeQueue, int], None]) -> None:
    queue = WakeQueue()
    for each in ADD:
        each(queue, 0)
    for number in range(1, MOST - 3):
        add(queue, number)
    add(queue, 1)
    taken = queue.take(0)
    kept = sum(map(len, (taken.guests, taken.devices, taken.births, taken.placed)))
    assert (taken.everything, kept) == (False, MOST)
    for each in ADD:
        each(queue, 0)
    for number in range(1, MOST - 2):
        add(queue, number)
    assert queue.take(0) == Wakes(everything=True)


def test_more_guests_than_can_be_kept_apart_become_a_full_pass() -> None:
    queue = WakeQueue()
    for number in range(MOST + 1):
        queue.wake(guest_id(number))
        queue.tell(guest_id(number), RememberedSpecs(None, ""))
    taken = queue.take(0)
    assert (taken.everything, taken.guests, len(taken.specs)) == (True, {}, MOST)


def test_taking_gives_up_after_its_time() -> None:
    assert not WakeQueue().take(0.001)
    assert not WakeQueue().take(-1)
