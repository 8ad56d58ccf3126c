# SPDX-License-Identifier: Apache-2.0
"""What one guest may cost the host."""

import pytest

from irqaffinity.guests.pace import EFFORT, EFFORT_RATE, EVENTS, EVENTS_RATE, POLLED, POLLED_RATE, Pace
from irqaffinity.guests.watch import TOGETHER


def test_the_events_of_a_burst_are_followed_and_then_so_many_in_a_second() -> None:
    """The numbers are the design's."""
    assert (EVENTS, EVENTS_RATE, TOGETHER) == (256, 10, 0.1)
    pace = Pace()
    for follows in (pace.follows_birth, pace.follows_event):
        assert sum(follows(5.0) for _ in range(1000)) == 256
        assert sum(follows(5.0 + moment / 1000) for moment in range(10_001)) == 100


def test_a_guest_counts_as_throttled_while_few_births_are_left() -> None:
    pace = Pace()
    assert not pace.is_throttled(0.0)
    for _ in range(300):
        pace.follows_birth(0.0)
    assert pace.is_throttled(0.0)
    assert not pace.is_throttled(2.0)


def test_between_two_works_is_a_pause() -> None:
    pace = Pace()
    assert pace.next_work(5.0) == 5.0
    pace.worked(5.0, 0.001)
    assert (pace.next_work(5.02), pace.next_work(5.02, 0.5), pace.next_work(9.0)) == (5.0 + TOGETHER, 5.5, 9.0)


@pytest.mark.parametrize(("hears", "most", "rate"), [(True, EFFORT, EFFORT_RATE), (False, POLLED, POLLED_RATE)])
def test_work_that_takes_long_comes_rarely_once_its_credit_is_spent(hears: bool, most: float, rate: float) -> None:
    """Where births are not heard, looks alone find them: there it may cost more."""
    pace, now, works = Pace(), 0.0, 0
    while now < 1000.0:
        pace.worked(now, 0.01)
        works += 1
        now = pace.next_work(now, 0.0, hears_births=hears) + 0.0001
    assert works * 0.01 == pytest.approx(most + 1000 * rate, rel=0.01)
