# SPDX-License-Identifier: Apache-2.0
"""Messages are counted by event and outcome, and durations as Prometheus wants them."""

from irqaffinity.agent.counters import LATENCIES, Counters, Histogram


def test_messages_are_counted_by_event_and_outcome_in_all_and_by_outcome() -> None:
    counters = Counters()
    assert (counters.number_of_notifications(), counters.notifications_by_outcome()) == (0, {})
    for event, outcome in (("create", "woke"), ("delete", "woke"), ("create", "woke"), ("create", "foreign")):
        counters.count_notification(event, outcome)
    assert counters.notifications == {("create", "woke"): 2, ("delete", "woke"): 1, ("create", "foreign"): 1}
    assert counters.number_of_notifications() == 4
    assert counters.notifications_by_outcome() == {"woke": 3, "foreign": 1}


def test_a_duration_counts_up_to_each_bound_that_it_does_not_pass() -> None:
    histogram = Histogram((0.5, 1.0))
    for seconds in (0.25, 0.5, 0.75, 1.0, 8.0):
        histogram.add(seconds)
    assert histogram.cumulative() == [("0.5", 2.0), ("1.0", 4.0), ("+Inf", 5.0)]
    assert histogram.total == 10.5


def test_the_bounds_are_seconds_that_rise() -> None:
    assert Histogram().bounds == LATENCIES == tuple(sorted(set(LATENCIES)))
