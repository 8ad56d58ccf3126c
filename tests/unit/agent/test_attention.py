# SPDX-License-Identifier: Apache-2.0
"""What events and passes make of the guests that are watched."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from irqaffinity.agent.attention import Attention
from irqaffinity.agent.settle import AGAIN, QUIET, Settling
from irqaffinity.audit import Pass
from irqaffinity.model.action import Result
from irqaffinity.model.guest import Guest, GuestId, UnreadableGuest
from irqaffinity.model.host import Device
from irqaffinity.model.record import State
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.plan import make_plan
from irqaffinity.plan.policy import Policy, Scope
from irqaffinity.report.outcome import Outcome
from tests.fakes.snapshots import (
    VF,
    VF2,
    guest_id,
    make_device,
    make_guest,
    make_record,
    make_snapshot,
    make_unreadable,
)

A, B = guest_id(1), guest_id(2)
IN_PLACE = "2-3"
NOTHING_MOVED = State()


def made(
    guests: Iterable[Guest] = (),
    devices: Iterable[Device] = (),
    unreadable: Iterable[UnreadableGuest] = (),
    state: State = NOTHING_MOVED,
    only: GuestId | None = None,
) -> Pass:
    """Return a pass whose every write has worked."""
    snapshot = make_snapshot(guests, devices, unreadable)
    plan = make_plan(snapshot, Policy(), state, Scope(guest=only))
    results = [
        Result(
            action,
            Verdict.OK if action.current == action.target else Verdict.SET,
            action.target,
            None,
            None,
            was_written=action.current != action.target,
        )
        for action in plan.actions
    ]
    time = datetime(2026, 11, 20, tzinfo=UTC)
    return Pass(snapshot, plan, Outcome("here", time, False, snapshot.facts, plan.guests, plan.devices, results))


def of_a(*numbers: int, smp: str = IN_PLACE) -> Pass:
    """Return a pass over a host with guest A alone, that has these interrupts on its device."""
    return made([make_guest()], [make_device(VF, numbers, smp)])


@pytest.fixture
def settling() -> Settling:
    return Settling(300.0)


@pytest.fixture
def attention(settling: Settling) -> Attention:
    return Attention(settling)


def test_the_wait_is_counted_once_from_the_first_event_to_the_write(attention: Attention) -> None:
    attention.wake(A, 1.0, 2.0)
    attention.wake(A, 1.5, 2.0)
    assert attention.saw(of_a(40), 2.0) == []
    assert attention.saw(of_a(40, 41, smp="0-15"), 4.0) == [3.0]
    assert attention.saw(of_a(40, 41, smp="0-15"), 5.0) == []


def test_an_event_that_needed_no_write_is_forgotten_with_the_watch(attention: Attention, settling: Settling) -> None:
    attention.wake(A, 0.0, 0.0)
    attention.saw(of_a(40), 0.0)
    attention.saw(of_a(40), QUIET)
    assert A not in settling
    attention.wake(A, 100.0, 100.0)
    assert attention.saw(of_a(40, smp="0-15"), 101.0) == [1.0]


def test_a_guest_without_a_place_is_watched_no_longer(attention: Attention, settling: Settling) -> None:
    attention.wake(A, 0.0, 0.0)
    attention.wake(B, 0.0, 0.0)
    attention.saw(made([make_guest(devices=())]), 1.0)
    assert list(settling) == []


def test_a_guest_that_libvirt_could_not_give_is_asked_for_again(attention: Attention, settling: Settling) -> None:
    attention.wake(A, 0.0, 0.0)
    attention.saw(of_a(40), 0.0)
    attention.saw(made(unreadable=[make_unreadable(1)]), 1.0)
    assert (settling.next_due(), settling.is_asked(A)) == (1.0 + AGAIN, True)


@pytest.mark.parametrize(
    "late", [make_device(VF2), make_device(VF2, present=False)], ids=["without-interrupt", "not-there"]
)
def test_a_guest_is_watched_until_each_of_its_devices_has_shown_an_interrupt(
    attention: Attention, settling: Settling, late: Device
) -> None:
    guest, device = make_guest(devices=(VF, VF2)), make_device(VF, [40], IN_PLACE)
    attention.wake(A, 0.0, 0.0)
    attention.saw(made([guest], [device, late]), 0.0)
    attention.saw(made([guest], [device, late]), QUIET)
    assert A in settling
    for now in (2 * QUIET, 3 * QUIET):
        attention.saw(made([guest], [device, make_device(VF2, [50], IN_PLACE)]), now)
    assert A not in settling


@pytest.mark.parametrize(
    "change", [of_a(40, smp="0-15"), of_a(40, 41), of_a(41)], ids=["written", "one-more", "another"]
)
def test_a_change_starts_the_quiet_time_anew(attention: Attention, settling: Settling, change: Pass) -> None:
    attention.wake(A, 0.0, 0.0)
    attention.saw(of_a(40), 0.0, A)
    attention.saw(change, 1.0, A)
    numbers = [result.action.number for result in change.outcome.results]
    attention.saw(of_a(*numbers), QUIET, A)
    assert A in settling
    attention.saw(of_a(*numbers), QUIET + 1.0, A)
    assert A not in settling


def test_a_full_pass_speaks_of_all_and_another_of_its_own_guest(attention: Attention, settling: Settling) -> None:
    attention.wake(A, 0.0, 0.0)
    attention.wake(B, 0.0, 0.0)
    attention.saw(made(only=A), 1.0, A)
    assert list(settling) == [B]
    attention.saw(made(), 1.0)
    assert list(settling) == []


def test_a_guest_with_more_interrupts_than_at_the_last_full_pass_is_watched(
    attention: Attention, settling: Settling
) -> None:
    attention.saw(of_a(40, 41), 0.0)
    attention.saw(of_a(40), 60.0)
    attention.saw(of_a(40, 41, 42), 90.0, A)
    assert A not in settling
    attention.saw(of_a(40, 41), 120.0)
    assert (settling.due(120.0), settling.is_asked(A)) == ([A], False)


def test_a_guest_that_ended_with_more_interrupts_than_it_had_is_not_watched(
    attention: Attention, settling: Settling
) -> None:
    attention.saw(of_a(40), 0.0)
    records = State(records={VF: {40: make_record(), 41: make_record()}})
    given_back = made(devices=[make_device(VF, [40, 41], IN_PLACE)], state=records)
    assert [(result.action.owner, result.action.is_release) for result in given_back.outcome.results] == [(A, True)] * 2
    attention.saw(given_back, 60.0)
    assert A not in settling
