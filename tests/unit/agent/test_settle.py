# SPDX-License-Identifier: Apache-2.0
"""When a guest is looked at again."""

import itertools

import pytest

from irqaffinity.agent.settle import FAST, MOVING, PROMPT, PROMPT_RATE, QUIET, RARE, SLOW, SOONEST, Settling
from tests.fakes.snapshots import guest_id

A, B = guest_id(1), guest_id(2)


class Run:
    """Looks whenever one is due; time stands still in between."""

    def __init__(self, boot: float = 300.0) -> None:
        self.now = 1000.0
        self.settling = Settling(boot)
        self.looks: list[float] = []

    def until_settled(self, *, changes: tuple[float, ...] = (), complete_at: float = 0.0) -> float:
        """Return how long guest A was watched; it changes at the first look after each of `changes`."""
        start, pending = self.now, sorted(changes)
        while A in self.settling:
            due = self.settling.next_due()
            assert due is not None
            self.now = due
            changed = bool(pending) and self.now - start >= pending[0]
            if changed:
                pending.pop(0)
            self.looks.append(self.now - start)
            self.settling.saw(A, self.now, changed=changed, complete=self.now - start >= complete_at)
        return self.now - start


def test_a_guest_that_has_its_interrupts_and_does_not_change_is_settled_soon() -> None:
    run = Run()
    run.settling.wake(A, run.now)
    assert run.until_settled() == pytest.approx(QUIET, abs=FAST)
    assert run.looks[0] == 0
    gaps = [later - sooner for sooner, later in zip(run.looks, run.looks[1:], strict=False)]
    assert gaps == pytest.approx([FAST] * len(gaps))


def test_each_change_starts_the_quiet_time_anew() -> None:
    run = Run()
    run.settling.wake(A, run.now)
    assert run.until_settled(changes=(5.0, 9.0)) == pytest.approx(9.0 + QUIET, abs=2 * FAST)


def test_a_guest_that_boots_is_watched_with_longer_pauses_until_all_devices_have_shown_an_interrupt() -> None:
    run = Run()
    run.settling.wake(A, run.now)
    assert run.until_settled(complete_at=120.0) == pytest.approx(120.0 + QUIET, abs=2 * SLOW)
    slow = [look for look in run.looks if look > MOVING + 1]
    assert len(slow) == pytest.approx((120 + QUIET - MOVING) / SLOW, rel=0.1)


def test_looks_are_fast_again_after_a_late_change() -> None:
    run = Run()
    run.settling.wake(A, run.now)
    run.until_settled(changes=(100.0,), complete_at=100.0)
    after = [look for look in run.looks if look > 101]
    assert after[1] - after[0] == pytest.approx(FAST)


def test_a_device_that_never_shows_an_interrupt_is_given_up_after_the_boot_time() -> None:
    run = Run(boot=30.0)
    run.settling.wake(A, run.now)
    assert run.until_settled(complete_at=1e9) == pytest.approx(30.0, abs=SLOW)


def test_a_wake_up_asks_libvirt_once_and_not_again_before_the_next_look_would_come() -> None:
    settling = Settling(300.0)
    settling.wake(A, 0.0)
    assert (settling.due(0.0), settling.is_asked(A)) == ([A], True)
    settling.saw(A, 0.0, changed=False, complete=False)
    assert not settling.is_asked(A)
    for moment in (0.001, 0.002, 0.03):
        settling.wake(A, moment)
    assert settling.due(0.04) == []
    assert (settling.due(FAST), settling.is_asked(A)) == ([A], True)


def test_guests_do_not_wait_for_each_other() -> None:
    settling = Settling(300.0)
    settling.wake(A, 0.0)
    settling.wake(B, 0.01)
    assert settling.due(1.0) == [A, B]
    settling.drop(A)
    assert (list(settling), settling.due(1.0)) == ([B], [B])
    settling.postpone(B, 5.0)
    assert (settling.due(4.9), settling.next_due()) == ([], 5.0)


def test_nobody_is_due_when_nobody_is_watched() -> None:
    settling = Settling(300.0)
    assert (settling.next_due(), settling.due(1e9), settling.is_asked(A)) == (None, [], False)
    settling.saw(A, 0.0, changed=True, complete=True)
    assert A not in settling


def told() -> Run:
    run = Run()
    run.settling.is_told = True
    return run


def test_where_the_kernel_tells_of_births_looks_become_rare_at_once() -> None:
    run = told()
    run.settling.wake(A, run.now)
    assert QUIET <= run.until_settled() <= QUIET + RARE
    gaps = [later - sooner for sooner, later in itertools.pairwise(run.looks)]
    assert gaps[0] == pytest.approx(SOONEST), "a birth is told a moment before /proc/irq has it"
    assert gaps == pytest.approx([min(SOONEST * 2**index, RARE) for index in range(len(gaps))])


def test_where_the_kernel_tells_of_births_each_is_followed_at_once() -> None:
    run = told()
    run.settling.wake(A, run.now)
    for _ in range(20):
        run.settling.saw(A, run.now, changed=True, complete=True)
        last, run.now = run.now, run.now + 0.0005
        run.settling.wake(A, run.now, asks=False)
        assert run.settling.next_due() == pytest.approx(last + SOONEST)
        run.now = last + SOONEST


def test_a_guest_that_never_stops_making_interrupts_does_not_keep_the_loop_busy() -> None:
    run, end, looks = told(), 1060.0, 0
    while run.now < end:
        run.settling.wake(A, run.now, asks=False)
        run.now = max(run.now, run.settling.next_due() or 0.0)
        run.settling.saw(A, run.now, changed=True, complete=True)
        run.now += 0.0002
        looks += 1
    assert looks <= PROMPT + 60 * (1 / FAST + PROMPT_RATE)


def test_an_event_that_needs_libvirt_is_not_forgotten_for_a_birth() -> None:
    run = told()
    run.settling.wake(A, run.now)
    run.settling.wake(A, run.now, asks=False)
    assert run.settling.is_asked(A)
