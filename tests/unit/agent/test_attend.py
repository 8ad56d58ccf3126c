# SPDX-License-Identifier: Apache-2.0
"""What passes do for the guests that are watched."""

import pytest

from irqaffinity.agent.attend import attend
from irqaffinity.guests.life import Life
from irqaffinity.guests.watch import AGAIN, QUIET, Patience
from irqaffinity.model.action import Result
from irqaffinity.model.guest import Guest, UnreadableGuest
from irqaffinity.model.host import Device, SeenGuest
from irqaffinity.model.record import State
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.frame import make_frame
from irqaffinity.plan.plan import decide
from irqaffinity.plan.policy import Policy
from irqaffinity.report.outcome import Part
from tests.fakes.snapshots import (
    VF,
    VF2,
    guest_id,
    make_device,
    make_guest,
    make_snapshot,
    make_unreadable,
)

A = guest_id(1)
IN_PLACE = "2-3"


class Watched:
    """Guest A, what passes make of it, and the time."""

    def __init__(self) -> None:
        self.patience = Patience(300.0)
        self.life = Life(A, lambda: 0.0)

    def wake(self, event: float, now: float) -> None:
        self.life.waiting_since = event if self.life.waiting_since is None else self.life.waiting_since
        self.life.wake(self.patience, now, asks=True)

    def saw(self, now: float, *devices: Device, guest: Guest | UnreadableGuest | None = None) -> float | None:
        """Attend to a pass over these devices, whose every write has worked."""
        seen = guest or make_guest(devices=[device.address for device in devices])
        snapshot = make_snapshot([seen] if isinstance(seen, Guest) else [], devices)
        self.life.seen = SeenGuest(seen, snapshot.claims.get(A, ()))
        frame = make_frame(snapshot.topology, None, {A: self.life.seen}, None)
        self.life.decision = decide(frame, self.life.seen, snapshot.devices, State(), Policy())
        actions = [action for handled in self.life.decision.placed.values() for action in handled.actions]
        results = (
            Result(action, Verdict.SET, action.target, None, None, was_written=action.current != action.target)
            for action in actions
        )
        return attend(
            self.life, Part(self.life.decision.guest, self.life.decision.devices, tuple(results)), self.patience, now
        )

    @property
    def is_watched(self) -> bool:
        return self.life.watch is not None


@pytest.fixture
def watched() -> Watched:
    return Watched()


def vf(*numbers: int, smp: str = IN_PLACE) -> Device:
    return make_device(VF, numbers, smp)


def test_the_wait_is_counted_once_from_the_first_event_to_the_write(watched: Watched) -> None:
    watched.wake(1.0, 2.0)
    watched.wake(1.5, 2.0)
    assert watched.saw(2.0, vf(40)) is None
    assert watched.saw(4.0, vf(40, 41, smp="0-15")) == 3.0
    assert watched.saw(5.0, vf(40, 41, smp="0-15")) is None


def test_an_event_that_needed_no_write_is_forgotten_with_the_watch(watched: Watched) -> None:
    watched.wake(0.0, 0.0)
    watched.saw(0.0, vf(40))
    watched.saw(QUIET, vf(40))
    assert not watched.is_watched
    watched.wake(100.0, 100.0)
    assert watched.saw(101.0, vf(40, smp="0-15")) == 1.0


def test_a_guest_without_a_place_is_watched_no_longer(watched: Watched) -> None:
    watched.wake(0.0, 0.0)
    watched.saw(1.0, guest=make_guest(devices=()))
    assert not watched.is_watched


def test_a_guest_that_is_gone_is_watched_no_longer(watched: Watched) -> None:
    watched.wake(0.0, 0.0)
    assert attend(watched.life, Part(None, (), ()), watched.patience, 1.0) is None
    assert not watched.is_watched


def test_a_guest_that_libvirt_could_not_give_is_asked_for_again(watched: Watched) -> None:
    watched.wake(0.0, 0.0)
    watched.saw(0.0, vf(40))
    watched.saw(1.0, guest=make_unreadable(1))
    assert watched.life.watch is not None
    assert (watched.life.watch.next_look, watched.life.watch.asks) == (1.0 + AGAIN, True)


@pytest.mark.parametrize(
    "late", [make_device(VF2), make_device(VF2, present=False)], ids=["without-interrupt", "not-there"]
)
def test_a_guest_is_watched_until_each_of_its_devices_has_shown_an_interrupt(watched: Watched, late: Device) -> None:
    watched.wake(0.0, 0.0)
    for now in (0.0, QUIET):
        watched.saw(now, vf(40), late)
    assert watched.is_watched
    for now in (2 * QUIET, 3 * QUIET):
        watched.saw(now, vf(40), make_device(VF2, [50], IN_PLACE))
    assert not watched.is_watched


@pytest.mark.parametrize("change", [vf(40, smp="0-15"), vf(40, 41), vf(41)], ids=["written", "one-more", "another"])
def test_a_change_starts_the_quiet_time_anew(watched: Watched, change: Device) -> None:
    watched.wake(0.0, 0.0)
    watched.saw(0.0, vf(40))
    watched.saw(1.0, change)
    same = vf(*(interrupt.number for interrupt in change.interrupts))
    watched.saw(QUIET, same)
    assert watched.is_watched
    watched.saw(QUIET + 1.0, same)
    assert not watched.is_watched


def test_a_pass_that_found_nothing_new_of_a_guest_lets_its_quiet_time_end(watched: Watched) -> None:
    watched.wake(0.0, 0.0)
    watched.saw(0.0, vf(40))
    for now, is_watched in ((QUIET - 0.1, True), (QUIET, False)):
        assert attend(watched.life, None, watched.patience, now) is None
        assert watched.is_watched is is_watched


def test_a_guest_with_more_interrupts_than_at_the_last_pass_is_watched(watched: Watched) -> None:
    watched.saw(0.0, vf(40, 41))
    watched.saw(60.0, vf(40))
    assert not watched.is_watched
    watched.saw(120.0, vf(40, 41))
    assert watched.life.watch is not None
    assert (watched.life.watch.next_look, watched.life.watch.asks) == (120.0, False)


def test_a_pass_that_found_nothing_new_wakes_nobody(watched: Watched) -> None:
    watched.saw(0.0, vf(40))
    assert attend(watched.life, None, watched.patience, 1.0) is None
    assert not watched.is_watched
