# SPDX-License-Identifier: Apache-2.0
"""Wake-ups are coalesced, none is lost, and none is given out twice."""

import threading

from irqaffinity.listen.queue import MOST, WakeQueue
from irqaffinity.model.record import RememberedSpecs
from tests.fakes.snapshots import VF, guest_id


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


def test_a_take_that_waits_is_woken_by_each_kind() -> None:
    for wake in (
        lambda queue: queue.wake_all(),
        lambda queue: queue.wake(guest_id(1)),
        lambda queue: queue.wake_owner(VF),
        lambda queue: queue.tell(guest_id(1), RememberedSpecs(None, "")),
        lambda queue: queue.interrupt(),
    ):
        queue, taken = WakeQueue(), []
        taker = threading.Thread(target=lambda queue=queue, taken=taken: taken.append(queue.take(60)))
        taker.start()
        wake(queue)
        taker.join(50)
        assert not taker.is_alive()
        assert len(taken) == 1


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
