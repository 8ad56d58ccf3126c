# SPDX-License-Identifier: Apache-2.0
"""Drift, rebirth and fights are three different things."""

import pytest

from irqaffinity.guests.drift import FIGHT, HOUR, Drifts
from irqaffinity.model.action import Action, Result
from irqaffinity.model.irq import IrqId
from irqaffinity.model.verdict import IrqReason, Verdict
from tests.fakes.snapshots import VF, cpus, guest_id

OWNER = guest_id(1)


def result(current: str, target: str = "2-3", verdict: Verdict | None = None, number: int = 40) -> Result:
    action = Action(number, VF, OWNER, cpus(current), None, cpus(target))
    default = Verdict.OK if current == target else Verdict.SET
    return Result(action, verdict or default, cpus(target), cpus(target), None)


def saw(drifts: Drifts, now: float, *results: Result, quiet: bool = True) -> list[bool]:
    """Return for each drift that was found whether it is a fight."""
    return [drift.is_fight for drift in drifts.saw(results, now, is_quiet=quiet)]


def test_an_interrupt_that_was_in_place_and_is_elsewhere_has_drifted() -> None:
    drifts = Drifts()
    assert saw(drifts, 0.0, result("0-15")) == []
    (drift,) = drifts.saw([result("5")], 60.0, is_quiet=True)
    assert drift == (IrqId(VF, 40), OWNER, cpus("2-3"), False, True)


def test_what_was_never_in_place_has_not_drifted() -> None:
    drifts = Drifts()
    assert saw(drifts, 0.0, result("5")) == []
    assert saw(drifts, 60.0, result("5", number=41)) == []


def test_what_the_kernel_would_not_move_yet_has_not_drifted() -> None:
    drifts = Drifts()
    busy = result("5", verdict=Verdict.PENDING)._replace(smp=cpus("5"))
    assert saw(drifts, 0.0, busy) == []
    assert drifts.places == {}
    assert saw(drifts, 60.0, result("5")) == []


def test_an_interrupt_of_a_guest_that_settles_is_born_again_and_counts_for_nothing() -> None:
    drifts = Drifts()
    saw(drifts, 0.0, result("2-3"))
    for moment in range(1, 10):
        assert saw(drifts, moment * 60.0, result("0-15"), quiet=False) == []
    assert saw(drifts, 600.0, result("5")) == [False]


def test_another_target_is_no_drift() -> None:
    drifts = Drifts()
    saw(drifts, 0.0, result("2-3"))
    assert saw(drifts, 60.0, result("2-3", target="4-5")) == []


def test_the_third_drift_within_an_hour_is_a_fight_that_is_told_once_an_hour() -> None:
    drifts = Drifts()
    saw(drifts, 0.0, result("2-3"))
    found = []
    for minute in range(1, 130):
        found += drifts.saw([result("5")], minute * 60.0, is_quiet=True)
    assert [drift.is_fight for drift in found[: FIGHT + 1]] == [False, False, True, True]
    told = [index for index, drift in enumerate(found) if drift.is_news and drift.is_fight]
    assert told == [2, 62, 122]


def test_drifts_that_are_hours_apart_are_no_fight() -> None:
    drifts = Drifts()
    saw(drifts, 0.0, result("2-3"))
    for count in range(1, 6):
        assert saw(drifts, count * HOUR, result("5")) == [False]


def test_what_is_held_back_is_neither_repaired_nor_counted() -> None:
    drifts = Drifts()
    saw(drifts, 0.0, result("2-3"))
    held = result("5", verdict=Verdict.PENDING)._replace(reason=IrqReason.BACKOFF)
    assert saw(drifts, 60.0, held) == []
    assert saw(drifts, 120.0, result("5")) == [False]


def test_an_interrupt_that_was_not_seen_is_forgotten() -> None:
    drifts = Drifts()
    saw(drifts, 0.0, result("2-3"))
    saw(drifts, 60.0)
    assert saw(drifts, 120.0, result("5")) == []


def test_an_interrupt_that_was_placed_at_its_birth_drifts_from_there() -> None:
    drifts = Drifts()
    drifts.left(IrqId(VF, 40), cpus("2-3"))
    assert saw(drifts, 60.0, result("5")) == [False]


def release(current: str, target: str = "2-3", verdict: Verdict = Verdict.SET) -> Result:
    made = result(current, target, verdict)
    return made._replace(action=made.action._replace(is_release=True))


def test_what_is_given_back_has_not_drifted() -> None:
    drifts = Drifts()
    saw(drifts, 0.0, result("2-3"))
    assert saw(drifts, 60.0, release("5")) == []


@pytest.mark.parametrize(
    "before",
    [
        result("5", verdict=Verdict.DENIED),
        result("5", verdict=Verdict.NO_VECTOR),
        result("5", verdict=Verdict.GONE),
        release("5"),
        release("2-3", verdict=Verdict.OK),
    ],
)
def test_what_was_not_put_in_its_place_has_not_drifted(before: Result) -> None:
    drifts = Drifts()
    saw(drifts, 0.0, before)
    assert saw(drifts, 60.0, result("5")) == []


@pytest.mark.parametrize("verdict", [Verdict.OK, Verdict.SET, Verdict.PENDING])
def test_what_was_put_in_its_place_has_drifted(verdict: Verdict) -> None:
    drifts = Drifts()
    saw(drifts, 0.0, result("5", verdict=verdict))
    assert saw(drifts, 60.0, result("5")) == [False]


def test_what_was_left_on_another_cpu_than_its_target_has_not_drifted_from_there() -> None:
    drifts = Drifts()
    drifts.left(IrqId(VF, 40), cpus("3"))
    assert saw(drifts, 60.0, result("5")) == []


@pytest.mark.parametrize(("last", "is_fight"), [(HOUR - 0.001, True), (HOUR, False)])
def test_a_fight_is_three_drifts_in_less_than_an_hour(last: float, is_fight: bool) -> None:
    drifts = Drifts()
    saw(drifts, 0.0, result("2-3"))
    found = [saw(drifts, moment, result("5")) for moment in (100.0, 100.0 + HOUR / 2, 100.0 + last)]
    assert found == [[False], [False], [is_fight]]


def test_the_drifts_of_an_interrupt_that_was_gone_count_no_more() -> None:
    drifts = Drifts()
    saw(drifts, 0.0, result("2-3"))
    for moment in (60.0, 120.0):
        saw(drifts, moment, result("5"))
    saw(drifts, 180.0)
    saw(drifts, 240.0, result("2-3"))
    assert saw(drifts, 300.0, result("5")) == [False]


def test_the_next_fight_of_an_interrupt_that_was_gone_is_news() -> None:
    drifts, told = Drifts(), []
    for start in (0.0, 600.0):
        saw(drifts, start, result("2-3"))
        for moment in range(1, FIGHT + 1):
            told += drifts.saw([result("5")], start + 60.0 * moment, is_quiet=True)
        saw(drifts, start + 300.0)
    assert [(drift.is_fight, drift.is_news) for drift in told] == [(False, True), (False, True), (True, True)] * 2


def test_another_interrupt_that_is_gone_changes_nothing() -> None:
    drifts = Drifts()
    saw(drifts, 0.0, result("2-3"), result("2-3", number=41))
    for moment in (60.0, 120.0):
        saw(drifts, moment, result("5"))
    assert saw(drifts, 180.0, result("5")) == [True]


def test_what_is_held_back_and_was_never_seen_is_not_known_to_be_in_its_place() -> None:
    drifts = Drifts()
    held = result("5", verdict=Verdict.NO_VECTOR)._replace(reason=IrqReason.BACKOFF)
    assert saw(drifts, 0.0, held) == []
    assert saw(drifts, 60.0, result("5")) == []


def test_a_single_drift_is_news_also_within_an_hour_of_a_fight() -> None:
    drifts = Drifts()
    saw(drifts, 0.0, result("2-3"))
    told = [
        (drift.is_fight, drift.is_news)
        for moment in (1.0, 3500.0, 3590.0, 7110.0)
        for drift in drifts.saw([result("5")], moment, is_quiet=True)
    ]
    assert told == [(False, True), (False, True), (True, True), (False, True)]


def test_an_interrupt_that_is_another_one_now_has_not_drifted() -> None:
    drifts = Drifts()
    saw(drifts, 0, result("2-3"), result("2-3", number=41))
    drifts.forget({40})
    assert saw(drifts, 1, result("5"), result("5", number=41)) == [False]
