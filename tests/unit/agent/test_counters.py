# SPDX-License-Identifier: Apache-2.0
"""Messages are counted by event and outcome, isolation by movability, and durations as Prometheus wants them."""

from typing import Any

import pytest

from irqaffinity.agent.counters import LATENCIES, Counters, Histogram, is_movable
from irqaffinity.model.action import Action, Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.irq import DEFAULT
from irqaffinity.model.isolation import Intruder, Isolated
from irqaffinity.model.pci import NO_DEVICE
from irqaffinity.model.verdict import IrqReason, Verdict
from tests.fakes.scene import GUEST, OTHER


def test_messages_are_counted_by_event_and_outcome_in_all_and_by_outcome() -> None:
    counters = Counters()
    assert (counters.number_of_notifications(), counters.notifications_by_outcome()) == (0, {})
    for event, outcome in (("create", "woke"), ("delete", "woke"), ("create", "woke"), ("create", "foreign")):
        counters.count_notification(event, outcome)
    assert counters.notifications == {("create", "woke"): 2, ("delete", "woke"): 1, ("create", "foreign"): 1}
    assert counters.number_of_notifications() == 4
    assert counters.notifications_by_outcome() == {"woke": 3, "foreign": 1}


def intruder(arrived: int | None, *, is_movable: bool = True) -> Intruder:
    return Intruder(24, "nvme0q1", NO_DEVICE, CpuSet([2]), (GuestId(GUEST),), is_movable, arrived=arrived)


def test_arrivals_of_intruders_add_up_pass_by_pass_and_unknown_ones_are_none() -> None:
    counters = Counters()
    assert counters.intruders == {True: 0, False: 0}
    counters.count_isolation(Isolated("report", intruders=(intruder(7), intruder(3, is_movable=False))))
    counters.count_isolation(Isolated("report", intruders=(intruder(None), intruder(5), intruder(6))))
    counters.count_isolation(Isolated("report"))
    assert counters.intruders == {True: 18, False: 3}


@pytest.mark.parametrize(
    ("mode", "change", "counts"),
    [
        ("enforce", {"target": CpuSet([0])}, True),
        ("enforce", {"target": CpuSet([0]), "is_movable": False}, False),
        ("enforce", {}, False),
        ("enforce", {"owner": GuestId(OTHER)}, True),
        ("report", {}, True),
    ],
    ids=["to be moved", "managed", "left as it is", "another guest's", "nothing is moved"],
)
def test_an_intruder_that_is_left_on_purpose_does_not_count_as_movable(
    mode: str, change: dict[str, Any], counts: bool
) -> None:
    found = intruder(1)._replace(**change)
    assert is_movable(found, Isolated(mode, intruders=(found,))) is counts


def test_where_nothing_is_moved_for_lack_of_cpus_intruders_count_as_movable() -> None:
    assert is_movable(intruder(1), Isolated("enforce", trouble="too few housekeeping CPUs are online"))


@pytest.mark.parametrize("number", [24, DEFAULT.number])
def test_what_is_done_with_the_hosts_own_interrupts_counts_like_guests(number: int) -> None:
    action = Action(number, NO_DEVICE, HOST, CpuSet([1]), None, CpuSet([0]))

    def result(verdict: Verdict, reason: IrqReason | None = None, *, was_written: bool = False) -> Result:
        return Result(action, verdict, CpuSet([0]), CpuSet([0]), None, reason, was_written=was_written)

    results = (
        result(Verdict.SET, was_written=True),
        result(Verdict.PENDING),
        result(Verdict.DENIED),
        result(Verdict.NO_VECTOR, IrqReason.BACKOFF),
    )
    counters = Counters()
    counters.count_isolation(Isolated("enforce", results=results))
    assert (counters.writes, counters.failures) == ({"set": 1}, {"denied": 1})


def test_a_duration_counts_up_to_each_bound_that_it_does_not_pass() -> None:
    histogram = Histogram((0.5, 1.0))
    for seconds in (0.25, 0.5, 0.75, 1.0, 8.0):
        histogram.add(seconds)
    assert histogram.cumulative() == [("0.5", 2.0), ("1.0", 4.0), ("+Inf", 5.0)]
    assert histogram.total == 10.5


def test_the_bounds_are_seconds_that_rise() -> None:
    assert Histogram().bounds == LATENCIES == tuple(sorted(set(LATENCIES)))
