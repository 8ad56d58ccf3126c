# SPDX-License-Identifier: Apache-2.0
"""What is known of a guest begins and ends with it."""

import gc
import weakref
from dataclasses import replace

import pytest

from irqaffinity.guests.life import Life, Lives
from irqaffinity.guests.pace import EFFORT, EFFORT_RATE
from irqaffinity.guests.watch import FAST, TOGETHER, Patience
from irqaffinity.model.action import Action, Result
from irqaffinity.model.host import SeenGuest
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import State
from irqaffinity.model.verdict import Verdict
from irqaffinity.observe.reading import Reading
from irqaffinity.plan.frame import make_frame
from irqaffinity.plan.plan import decide
from irqaffinity.plan.policy import Policy
from irqaffinity.report.outcome import Part
from tests.fakes.snapshots import VF, VF2, cpus, guest_id, make_device, make_guest, make_snapshot

A, B, C = guest_id(1), guest_id(2), guest_id(3)
PATIENCE, HEARING = Patience(300.0), Patience(300.0, hears_births=True)


@pytest.fixture
def lives() -> Lives:
    return Lives(lambda: 1000.0)


@pytest.fixture
def life(lives: Lives) -> Life:
    return lives.of(A)


def result(number: int, *, is_release: bool = False) -> Result:
    action = Action(number, VF, A, cpus("0-15"), None, cpus("2-3"), is_release=is_release)
    return Result(action, Verdict.SET, action.target, action.target, None)


def decide_on(life: Life, *devices: object, pins: tuple[str, ...] = ("2", "3")) -> None:
    """Have a pass decide about a guest that has these devices."""
    found = [device for device in devices if hasattr(device, "address")]
    guest = make_guest(pins=pins, devices=[device.address for device in found])
    snapshot = make_snapshot([guest], found)
    seen = SeenGuest(guest, snapshot.claims[A])
    frame = make_frame(snapshot.topology, None, {A: seen}, None)
    life.decision = decide(frame, seen, snapshot.devices, State(), Policy())


def test_a_life_begins_with_nothing(life: Life) -> None:
    assert (life.uuid, life.seen, life.readings, life.decision, life.part) == (A, None, {}, None, None)
    assert (life.basis, life.decided_from, life.watch, life.waiting_since, life.troubles) == ((), (), None, None, {})
    assert life.drifts.saw([result(40)], 0.0, is_quiet=True) == []


def test_the_clock_is_that_of_its_backoff() -> None:
    now = [1000.0]
    life = Lives(lambda: now[0]).of(A)
    life.backoff.hold(VF_IRQ, cpus("2"), 60.0)
    now[0] += 59.0
    assert life.backoff.holds(VF_IRQ, cpus("2")) is Verdict.PENDING
    now[0] += 1.0
    assert life.backoff.holds(VF_IRQ, cpus("2")) is None


VF_IRQ = result(40).action.irq


def test_it_is_placed_when_its_last_decision_says_so(life: Life) -> None:
    assert not life.is_placed
    decide_on(life, make_device(VF, [40]))
    assert life.is_placed
    decide_on(life)
    assert not life.is_placed


@pytest.mark.parametrize(
    ("second", "is_complete"),
    [
        (make_device(VF2, [41]), True),
        (make_device(VF2), False),
        (make_device(VF2, present=False), False),
        (make_device(VF2, trouble="EACCES"), True),
    ],
    ids=["with-interrupt", "without", "not-there", "unreadable"],
)
def test_it_is_complete_when_each_device_has_shown_an_interrupt(life: Life, second: object, is_complete: bool) -> None:
    decide_on(life, make_device(VF, [40]), second)
    assert life.is_complete is is_complete


def test_of_a_guest_that_was_not_decided_on_nothing_is_missing(life: Life) -> None:
    assert life.is_complete


def test_a_decision_holds_for_just_what_it_was_made_from(life: Life) -> None:
    decide_on(life, make_device(VF, [40]))
    frame, seen = object(), SeenGuest(make_guest())
    life.decided_from = (frame, seen)
    assert life.decision_from(frame, seen) is life.decision
    assert life.decision is not None
    for other in ((frame,), (seen, frame), (frame, replace(seen)), (frame, seen, None), ()):
        assert life.decision_from(*other) is None


def test_the_first_wake_up_is_due_at_once(life: Life) -> None:
    life.wake(PATIENCE, 5.0, asks=True)
    assert life.watch is not None
    assert (life.watch.next_look, life.watch.started, life.watch.asks) == (5.0, 5.0, True)


def test_the_first_look_may_have_time(life: Life) -> None:
    life.confirm(5.0)
    assert life.watch is not None
    assert (life.watch.next_look, life.watch.asks) == (5.0 + FAST, False)


def test_another_wake_up_goes_on_with_the_watch(life: Life) -> None:
    life.wake(PATIENCE, 5.0, asks=False)
    watch = life.watch
    assert watch is not None
    watch.saw(PATIENCE, 5.0, changed=False, complete=False)
    watch.postpone(PATIENCE, 9.0)
    life.wake(PATIENCE, 6.0, asks=True)
    assert life.watch is watch
    assert (watch.started, watch.next_look, watch.asks) == (6.0, 6.0, True)


def test_a_guest_at_rest_is_looked_at_at_once_and_less_often_when_too_much_happens(life: Life) -> None:
    """One that is not placed rests after each look, and has no other claim to be followed."""
    due = []
    for is_prompt in (True, True, False):
        life.pace.worked(5.0, 0.0)
        life.wake(PATIENCE, 5.01, asks=True, is_prompt=is_prompt)
        assert life.watch is not None
        due.append(life.watch.next_look)
        life.rest()
    assert due == [5.01, 5.01, 5.0 + TOGETHER]


def test_a_guest_that_costs_too_much_is_looked_at_later(life: Life) -> None:
    life.wake(HEARING, 5.0, asks=True)
    life.worked(HEARING, 5.0, EFFORT + 0.01)
    assert life.watch is not None
    late = 5.0 + 0.01 / EFFORT_RATE
    assert life.watch.next_look == pytest.approx(late)
    life.wake(HEARING, 5.0, asks=True)
    life.confirm(5.0)
    assert life.watch.next_look == pytest.approx(late)


def test_at_rest_nothing_waits(life: Life) -> None:
    life.wake(PATIENCE, 5.0, asks=True)
    life.waiting_since = 4.0
    life.rest()
    assert (life.watch, life.waiting_since) == (None, None)


def test_of_a_guest_that_ended_only_what_is_to_be_given_back_is_known(life: Life) -> None:
    decide_on(life, make_device(VF, [40]))
    life.seen, life.basis, life.decided_from = SeenGuest(make_guest()), (1,), (2,)
    life.part, life.readings = Part(None, (), ()), {VF: Reading(make_device(VF), "", [])}
    life.backoff.failed(VF_IRQ, cpus("2"))
    life.leave()
    assert (life.seen, life.decision, life.part, life.readings) == (None, None, None, {})
    assert (life.basis, life.decided_from, life.is_placed) == ((), (), False)
    assert life.backoff.holds(VF_IRQ, cpus("2")) is Verdict.NO_VECTOR


def test_the_interrupts_of_a_pass_are_compared_with_those_of_the_last(life: Life) -> None:
    told = [
        life.notice((result(40),)),
        life.notice((result(40),)),
        life.notice((result(40), result(41))),
        life.notice((result(41),)),
        life.notice((result(40),)),
        life.notice((result(40), result(41, is_release=True))),
        life.notice(()),
    ]
    assert told == [
        (False, False),
        (False, False),
        (True, True),
        (True, False),
        (True, True),
        (False, False),
        (True, False),
    ]


def test_a_guest_has_one_life(lives: Lives) -> None:
    assert lives.get(A) is None
    life = lives.of(A)
    assert lives.of(A) is lives.get(A) is life
    assert (A in lives, B in lives) == (True, False)
    assert lives.of(B) is not life
    assert [each.uuid for each in lives] == [A, B]


def test_lives_may_begin_and_end_while_they_are_gone_through(lives: Lives) -> None:
    lives.of(A)
    for life in lives:
        lives.end_those_without(())
        lives.of(B)
        assert life.uuid == A
    assert [life.uuid for life in lives] == [B]


def test_the_device_of_a_number_is_the_one_that_had_it_last(lives: Lives) -> None:
    lives.note_numbers(make_device(VF, [40, 41]))
    lives.note_numbers(make_device(VF2, [41]))
    found: list[PciAddress | None] = [lives.device_of(number) for number in (40, 41, 42)]
    assert found == [VF, VF2, None]


def test_those_that_are_watched_come_by_their_next_look(lives: Lives) -> None:
    for uuid, now in ((A, 3.0), (C, 2.0), (B, 2.0)):
        lives.of(uuid).wake(PATIENCE, now, asks=False)
    lives.of(guest_id(4))
    assert [life.uuid for life in lives.watched()] == [B, C, A]


def test_lives_end_unless_there_is_a_reason_or_they_are_watched(lives: Lives) -> None:
    for uuid in (A, B, C):
        lives.of(uuid)
    lives.of(B).wake(PATIENCE, 0.0, asks=False)
    lives.end_those_without({C})
    assert [life.uuid for life in lives] == [B, C]
    lives.of(B).rest()
    lives.end_those_without({C})
    assert [life.uuid for life in lives] == [C]


def test_only_those_that_are_named_end(lives: Lives) -> None:
    for uuid in (A, B):
        lives.of(uuid)
    lives.end_those_without((), {A, C})
    assert [life.uuid for life in lives] == [B]
    lives.end_those_without((), set())
    assert [life.uuid for life in lives] == [B]


def test_a_life_that_ended_is_held_by_nothing(lives: Lives) -> None:
    life = weakref.ref(lives.of(A))
    lives.end_those_without(())
    gc.collect()
    assert life() is None


def test_whoever_asks_what_waits_may_ask_while_the_guest_ends() -> None:
    """The status asks without the lock, and between any two reads another thread may take the decision away."""

    class Ending(Life):
        def __getattribute__(self, name: str) -> object:
            found = super().__getattribute__(name)
            if name == "decision" and found is not None:
                self.leave()
            return found

    life = Ending(A, lambda: 1000.0)
    decide_on(life, make_device())
    life.throttle(40, VF, 0.0)
    assert life.waiting() == []
