# SPDX-License-Identifier: Apache-2.0
"""When a guest is looked at again."""

import itertools

import pytest

from irqaffinity.guests.life import Life, Lives
from irqaffinity.guests.pace import EVENTS, EVENTS_RATE
from irqaffinity.guests.watch import (
    FAST,
    MOVING,
    QUIET,
    RARE,
    SLOW,
    SOONEST,
    TOGETHER,
    Patience,
    Watch,
)
from tests.fakes.snapshots import guest_id

A = guest_id(1)


class Run:
    """Looks whenever one is due; time stands still in between."""

    def __init__(self, boot: float = 300.0, *, hears_births: bool = False) -> None:
        self.now = 1000.0
        self.patience = Patience(boot, hears_births)
        self.life = Life(A, lambda: self.now)
        self.looks: list[float] = []

    @property
    def watch(self) -> Watch:
        assert self.life.watch is not None
        return self.life.watch

    def wake(self, *, asks: bool = True) -> None:
        is_prompt = self.life.pace.follows_event(self.now)
        self.life.wake(self.patience, self.now, asks=asks, is_prompt=is_prompt)

    def saw(self, *, changed: bool, complete: bool) -> None:
        self.life.pace.worked(self.now, 0.0)
        if self.watch.saw(self.patience, self.now, changed=changed, complete=complete):
            self.life.rest()

    def until_settled(self, *, changes: tuple[float, ...] = (), complete_at: float = 0.0) -> float:
        """Return how long guest A was watched; it changes at the first look after each of `changes`."""
        start, pending = self.now, sorted(changes)
        while self.life.watch is not None:
            self.now = self.watch.next_look
            changed = bool(pending) and self.now - start >= pending[0]
            if changed:
                pending.pop(0)
            self.looks.append(self.now - start)
            assert len(self.looks) < 100_000, "it never settles"
            self.saw(changed=changed, complete=self.now - start >= complete_at)
        return self.now - start


def test_a_guest_that_has_its_interrupts_and_does_not_change_is_settled_soon() -> None:
    run = Run()
    run.wake()
    assert run.until_settled() == pytest.approx(QUIET, abs=FAST)
    assert run.looks[0] == 0
    gaps = [later - sooner for sooner, later in zip(run.looks, run.looks[1:], strict=False)]
    assert gaps == pytest.approx([FAST] * len(gaps))


def test_each_change_starts_the_quiet_time_anew() -> None:
    run = Run()
    run.wake()
    assert run.until_settled(changes=(5.0, 9.0)) == pytest.approx(9.0 + QUIET, abs=2 * FAST)


def test_a_guest_that_boots_is_watched_with_longer_pauses_until_all_devices_have_shown_an_interrupt() -> None:
    run = Run()
    run.wake()
    assert run.until_settled(complete_at=120.0) == pytest.approx(120.0 + QUIET, abs=2 * SLOW)
    slow = [look for look in run.looks if look > MOVING + 1]
    assert len(slow) == pytest.approx((120 + QUIET - MOVING) / SLOW, rel=0.1)


def test_looks_are_fast_again_after_a_late_change() -> None:
    run = Run()
    run.wake()
    run.until_settled(changes=(100.0,), complete_at=100.0)
    after = [look for look in run.looks if look > 101]
    assert after[1] - after[0] == pytest.approx(FAST)


def test_a_device_that_never_shows_an_interrupt_is_given_up_after_the_boot_time() -> None:
    run = Run(boot=30.0)
    run.wake()
    assert run.until_settled(complete_at=1e9) == pytest.approx(30.0, abs=SLOW)


def test_a_wake_up_asks_libvirt_once_and_not_again_before_the_next_look_would_come() -> None:
    run = Run()
    run.wake()
    assert (run.watch.next_look, run.watch.asks) == (run.now, True)
    start = run.now
    run.saw(changed=False, complete=False)
    assert not run.watch.asks
    for moment in (0.001, 0.002, 0.03):
        run.now = start + moment
        run.wake()
    assert (run.watch.next_look, run.watch.asks) == (start + FAST, True)


def test_guests_do_not_wait_for_each_other() -> None:
    lives, patience = Lives(), Patience(300.0)
    first, second = lives.of(guest_id(2)), lives.of(guest_id(1))
    first.wake(patience, 0.0, asks=True)
    second.wake(patience, 0.01, asks=True)
    assert lives.watched() == [first, second]
    first.rest()
    assert lives.watched() == [second]


def test_a_watch_that_is_postponed_beyond_the_boot_time_is_over() -> None:
    run = Run(boot=30.0)
    run.wake()
    assert not run.watch.postpone(run.patience, run.now + 29.0)
    assert run.watch.next_look == run.now + 29.0
    assert run.watch.postpone(run.patience, run.now + 30.0)


def test_a_birth_that_was_placed_is_confirmed_before_long_and_puts_no_other_look_off() -> None:
    run = Run(hears_births=True)
    run.life.confirm(run.now)
    assert run.watch.next_look == run.now + FAST
    run.wake()
    due = run.watch.next_look
    run.life.confirm(run.now)
    assert (due, run.watch.next_look) == (run.now, run.now)


def test_a_birth_that_was_placed_is_confirmed_once_and_then_rarely() -> None:
    run = Run(hears_births=True)
    run.life.confirm(run.now)
    run.until_settled()
    assert run.looks == pytest.approx([FAST, FAST + RARE, FAST + 2 * RARE, FAST + 3 * RARE])


def test_where_the_kernel_tells_of_births_looks_become_rare_at_once() -> None:
    run = Run(hears_births=True)
    run.wake()
    assert QUIET <= run.until_settled() <= QUIET + RARE
    gaps = [later - sooner for sooner, later in itertools.pairwise(run.looks)]
    assert gaps[0] == pytest.approx(SOONEST), "the kernel tells of a birth a moment before /proc/irq has it"
    assert gaps == pytest.approx([min(SOONEST * 2**index, RARE) for index in range(len(gaps))])


def test_where_the_kernel_tells_of_births_each_is_followed_at_once() -> None:
    run = Run(hears_births=True)
    run.wake()
    for _ in range(20):
        run.saw(changed=True, complete=True)
        last, run.now = run.now, run.now + 0.0005
        run.wake(asks=False)
        assert run.watch.next_look == pytest.approx(last + SOONEST)
        run.now = last + SOONEST


def test_a_guest_that_never_stops_making_interrupts_does_not_keep_the_loop_busy() -> None:
    run, end, looks = Run(hears_births=True), 1060.0, 0
    while run.now < end:
        run.wake(asks=False)
        run.now = max(run.now, run.watch.next_look)
        run.saw(changed=True, complete=True)
        run.now += 0.0002
        looks += 1
    assert looks <= EVENTS + 60 * (1 / TOGETHER + EVENTS_RATE)


def test_an_event_that_needs_libvirt_is_not_forgotten_for_a_birth() -> None:
    run = Run(hears_births=True)
    run.wake()
    run.wake(asks=False)
    assert run.watch.asks


def at_zero(*, hears_births: bool = True) -> Run:
    """A guest that was looked at, at the time 0."""
    run = Run(hears_births=hears_births)
    run.now = 0.0
    run.wake()
    run.saw(changed=True, complete=True)
    return run


def gaps_of(run: Run, wakes: int) -> list[float]:
    """Return after what time the look after each of some wake-ups would come, which all come now."""
    gaps = []
    for _ in range(wakes):
        run.wake(asks=False)
        gaps.append(run.watch.next_look - run.now)
    return gaps


def test_so_many_events_in_a_row_are_followed_at_once_and_then_so_many_in_a_second() -> None:
    run = at_zero()
    assert gaps_of(run, int(EVENTS) + 1) == [SOONEST] * (int(EVENTS) - 1) + [TOGETHER] * 2
    run.now = 1 / EVENTS_RATE
    run.saw(changed=True, complete=True)
    assert gaps_of(run, 2) == pytest.approx([SOONEST, TOGETHER])


def test_where_the_kernel_tells_of_no_births_an_event_is_followed_as_soon_as_another_look_would_come() -> None:
    run = at_zero(hears_births=False)
    assert gaps_of(run, 3) == [FAST] * 3


def test_an_event_long_after_the_last_look_is_followed_now() -> None:
    run = at_zero()
    run.now = 5.0
    run.wake()
    assert run.watch.next_look == 5.0


@pytest.mark.parametrize(("before", "due"), [(0.5, 0.3 + FAST), (0.32, 0.32)])
def test_what_can_wait_puts_no_look_off_and_may_bring_one_forward(before: float, due: float) -> None:
    run = at_zero()
    run.watch.postpone(run.patience, before)
    run.life.confirm(0.3)
    assert run.watch.next_look == due


def test_a_watch_begins_with_all_that_it_needs() -> None:
    assert Watch.begin(5.0, asks=False) == Watch(5.0, 5.0, 5.0, False, None, SOONEST)
    assert Watch.begin(5.0, asks=True, due=6.0, pause=RARE) == Watch(5.0, 5.0, 6.0, True, None, RARE)


def test_an_event_starts_the_times_anew_and_the_pauses_too() -> None:
    run = at_zero()
    for now in (1.0, 2.0):
        run.now = now
        run.saw(changed=False, complete=True)
    assert run.watch.pause == SOONEST * 8
    run.now = 3.0
    run.wake()
    assert (run.watch.started, run.watch.changed, run.watch.pause) == (3.0, 3.0, SOONEST)


def is_over(watch: Watch, now: float, *, changed: bool = False, complete: bool = True, boot: float = 300.0) -> bool:
    return watch.saw(Patience(boot), now, changed=changed, complete=complete)


@pytest.mark.parametrize("last", range(3), ids=["event", "change", "complete"])
def test_it_is_over_once_nothing_has_changed_for_its_time_whatever_came_last(last: int) -> None:
    started, changed, complete = (10.0 if index == last else 0.0 for index in range(3))
    watch = Watch(started, changed, 0.0, complete_since=complete)
    assert not is_over(watch, 10.0 + QUIET - 0.001)
    assert is_over(watch, 10.0 + QUIET)


def test_a_device_that_loses_its_last_interrupt_starts_the_quiet_time_anew() -> None:
    watch = Watch.begin(0.0, asks=False)
    is_over(watch, 0.0)
    is_over(watch, 1.0, complete=False)
    is_over(watch, 2.0)
    assert not is_over(watch, 2.0 + QUIET - 0.001)
    assert is_over(watch, 2.0 + QUIET)


@pytest.mark.parametrize("complete", [True, False])
def test_it_is_over_when_the_guest_had_its_time_to_boot(complete: bool) -> None:
    watch = Watch.begin(0.0, asks=False)
    assert not is_over(watch, 29.999, changed=True, complete=complete, boot=30.0)
    assert is_over(watch, 30.0, changed=True, complete=complete, boot=30.0)


def test_a_look_has_libvirt_asked_no_more() -> None:
    watch = Watch.begin(0.0, asks=True)
    is_over(watch, 1.0)
    assert not watch.asks


@pytest.mark.parametrize(("now", "pause"), [(MOVING - 0.001, FAST), (MOVING, SLOW)])
def test_looks_are_fast_while_things_move(now: float, pause: float) -> None:
    watch = Watch.begin(0.0, asks=False)
    is_over(watch, now, complete=False)
    assert watch.next_look == pytest.approx(now + pause)


def test_a_look_that_is_put_off_asks_libvirt_where_that_is_wanted_or_was_before() -> None:
    asked = []
    for before, asks in ((False, False), (False, True), (True, False)):
        watch = Watch.begin(0.0, asks=before)
        assert not watch.postpone(Patience(30.0), 29.999, asks=asks)
        asked.append((watch.next_look, watch.asks))
    assert asked == [(29.999, False), (29.999, True), (29.999, True)]


def test_a_look_that_is_put_off_asks_nobody_by_itself() -> None:
    watch = Watch.begin(0.0, asks=False)
    watch.postpone(Patience(30.0), 1.0)
    assert not watch.asks
