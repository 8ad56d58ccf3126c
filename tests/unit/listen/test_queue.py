# SPDX-License-Identifier: Apache-2.0
"""Wake-ups are coalesced, none is lost, and none is given out twice."""

import threading
from collections.abc import Callable

import pytest

from irqaffinity.listen.queue import (
    MESSAGES,
    MESSAGES_RATE,
    MOST,
    PASSES,
    PASSES_RATE,
    STRANGERS,
    STRANGERS_RATE,
    STRANGERS_SPECS,
    WakeQueue,
    Wakes,
)
from irqaffinity.model.record import RememberedSpecs
from tests.fakes.snapshots import VF, guest_id
from tests.patience import HANG

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
        queue.hear(guest_id(1), specs, asks=False)
    assert queue.take(0).specs == {guest_id(1): new}


WAKES: dict[str, tuple[Callable[[WakeQueue], None], Wakes]] = {
    "wake_all": (lambda queue: queue.wake_all(), Wakes(everything=True)),
    "wake": (lambda queue: queue.wake(A), Wakes(guests={A: 5.0})),
    "wake_owner": (lambda queue: queue.wake_owner(VF), Wakes(devices={VF: 5.0})),
    "wake_parent": (lambda queue: queue.wake_parent(A), Wakes(births={A: 5.0})),
    "confirm": (lambda queue: queue.confirm(A), Wakes(placed={A})),
    "wait": (lambda queue: queue.wake_for_waiting(), Wakes(has_waiting=True)),
    "hear": (lambda queue: queue.hear(A, NOTHING, asks=False), Wakes(specs={A: NOTHING})),
    "interrupt": (lambda queue: queue.interrupt(), Wakes()),
}


@pytest.mark.parametrize(("wake", "wakes"), WAKES.values(), ids=WAKES.keys())
def test_each_kind_wakes_a_take_that_waits_and_is_taken_once(wake: Callable[[WakeQueue], None], wakes: Wakes) -> None:
    queue, taken = WakeQueue(lambda: 5.0), list[Wakes]()
    taker = threading.Thread(target=lambda: taken.append(queue.take(HANG)))
    taker.start()
    while not queue._changed._waiters:  # type: ignore[attr-defined]
        pass
    wake(queue)
    taker.join(HANG / 2)
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
        everything=True,
        guests={A: 5.0},
        devices={VF: 5.0},
        births={A: 5.0},
        placed={A},
        has_waiting=True,
        specs={A: NOTHING},
    )


def test_births_have_the_time_of_the_first() -> None:
    moments = iter(range(10))
    queue = WakeQueue(lambda: float(next(moments)))
    for _ in range(3):
        queue.wake_parent(A)
    assert queue.take(0).births == {A: 0.0}


def test_of_too_many_strangers_the_specs_that_came_first_go_first_and_no_guest_of_this_host() -> None:
    queue = WakeQueue()
    queue.hear(A, NOTHING, asks=False)
    for number in range(2, STRANGERS_SPECS + 4):
        queue.hear_of_stranger(guest_id(number), NOTHING, asks=False)
    kept = [guest_id(number) for number in range(4, STRANGERS_SPECS + 4)]
    assert list(queue.take(0).specs) == [A, *kept]
    assert queue.lost == 2
    assert queue.take(0) == Wakes()


def test_the_specs_of_a_stranger_wake_and_those_that_libvirt_named_meanwhile_count() -> None:
    queue, mine = WakeQueue(), RememberedSpecs("1", "2026-11-20 12:00:00")
    queue.hear_of_stranger(A, NOTHING, asks=False)
    queue.hear(A, mine, asks=False)
    assert queue.take(3600).specs == {A: mine}


class Later:
    """A queue with a clock of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.queue = WakeQueue(lambda: self.now)

    def asks(self, source: str | None = "births") -> bool:
        """Ask for a full pass, and tell whether it is made now."""
        self.queue.wake_all(source)
        return self.queue.take(0).everything


def test_a_source_has_so_many_full_passes_at_once_and_then_one_for_all_that_it_asks_for() -> None:
    later = Later()
    assert [later.asks() for _ in range(5)] == [True] * int(PASSES) + [False] * 2
    assert [later.asks() for _ in range(3)] == [False] * 3
    passes = []
    while later.now < 1000.0 + 10.5 / PASSES_RATE:
        later.now += 0.5
        passes += [later.now] * later.asks()
    assert len(passes) == 10
    assert passes[0] == 1000.0 + 1 / PASSES_RATE


def test_each_source_has_its_own_full_passes() -> None:
    later = Later()
    asked = [later.asks(source) for _ in range(int(PASSES)) for source in ("births", "vectors")]
    assert all(asked)
    assert not later.asks("births")


def test_a_full_pass_that_is_put_off_comes_by_itself() -> None:
    later = Later()
    for _ in range(int(PASSES) + 1):
        later.asks()
    later.now += 1 / PASSES_RATE
    assert [later.queue.take(0).everything for _ in range(2)] == [True, False]


def test_a_full_pass_that_is_made_meanwhile_is_not_made_again() -> None:
    later = Later()
    for _ in range(int(PASSES) + 1):
        later.asks()
    assert later.asks(None), "the operator has no limit"
    later.now += 1 / PASSES_RATE
    assert not later.queue.take(0).everything


def test_of_the_specs_from_before_and_after_libvirt_named_a_guest_the_newest_count() -> None:
    newer, older = RememberedSpecs("1", "2026-11-20 12:00:02"), RememberedSpecs("2", "2026-11-20 12:00:01")
    for first, second in ((newer, older), (older, newer)):
        queue = WakeQueue()
        queue.hear_of_stranger(A, first, asks=False)
        queue.hear(A, second, asks=False)
        assert queue.take(0).specs == {A: newer}


def test_guests_of_messages_are_handed_on_as_far_as_there_is_credit_and_in_their_order() -> None:
    later = Later()
    many = [guest_id(number) for number in range(int(MESSAGES) + 25)]
    for guest in many:
        later.queue.hear(guest, NOTHING)
    taken = later.queue.take(0)
    assert (list(taken.guests), list(taken.specs)) == (many[:128], many[:128])
    later.queue.hear(many[0])
    handed = []
    while later.now < 1003.0:
        later.now += 1 / MESSAGES_RATE
        handed += [list(later.queue.take(0).guests)]
    assert [guest for guests in handed for guest in guests] == [*many[128:], many[0]]
    assert max(map(len, handed)) <= 2


def test_what_messages_say_of_one_guest_is_put_together_while_it_waits() -> None:
    later = Later()
    while later.queue.take(0).guests or later.now == 1000.0:
        later.queue.hear(guest_id(2))
        later.now += 0.001
    old, new = RememberedSpecs("1", "2026-11-20 12:00:00"), RememberedSpecs("2", "2026-11-20 12:00:01")
    heard_at = later.now
    for specs in (None, new, old, None):
        later.queue.hear(A, specs, asks=specs is None)
        later.now += 0.001
    later.now += 1.0
    taken = later.queue.take(0)
    assert (taken.guests[A], taken.specs) == (heard_at, {A: new})


def test_a_take_that_waits_ends_when_something_that_was_put_off_has_its_turn() -> None:
    queue = WakeQueue()
    for number in range(int(MESSAGES) + 1):
        queue.hear(guest_id(number))
    assert len(queue.take(0).guests) >= MESSAGES
    queue.hear(A)
    assert queue.take(3600).guests


def test_strangers_are_looked_for_one_by_one_as_long_as_they_are_few() -> None:
    later = Later()
    for number in range(int(STRANGERS)):
        later.queue.hear_of_stranger(guest_id(number))
    taken = later.queue.take(0)
    assert (taken.everything, len(taken.guests)) == (False, STRANGERS)
    for number in range(1000):
        later.queue.hear_of_stranger(guest_id(1000 + number))
    assert later.queue.take(0) == Wakes(everything=True)
    assert later.queue.take(0) == Wakes()
    later.now += 1 / STRANGERS_RATE
    later.queue.hear_of_stranger(A)
    assert later.queue.take(0).guests == {A: later.now}


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
    queue.wake_for_waiting()
    queue.hear(A, NOTHING, asks=False)
    for number in range(MOST + 1):
        queue.wake(guest_id(number))
    taken = queue.take(0)
    assert (taken.everything, taken.guests, taken.has_waiting, taken.specs) == (True, {}, True, {A: NOTHING})


def test_taking_gives_up_after_its_time() -> None:
    assert not WakeQueue().take(0.001)
    assert not WakeQueue().take(-1)
