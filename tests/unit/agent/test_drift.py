# SPDX-License-Identifier: Apache-2.0
"""Drift, rebirth and fights are told apart."""

import pytest

from irqaffinity.agent.drift import FIGHT, HOUR, Drifts, log_drifts
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
    return [drift.is_fight for drift in drifts.saw(results, now, lambda _guest: quiet, is_whole=True)]


def test_an_interrupt_that_was_in_place_and_is_elsewhere_has_drifted() -> None:
    drifts = Drifts()
    assert saw(drifts, 0.0, result("0-15")) == []
    (drift,) = drifts.saw([result("5")], 60.0, lambda _guest: True, is_whole=True)
    assert drift == (IrqId(VF, 40), OWNER, cpus("2-3"), cpus("5"), False, True)


def test_what_was_never_in_place_has_not_drifted() -> None:
    drifts = Drifts()
    assert saw(drifts, 0.0, result("5")) == []
    assert saw(drifts, 60.0, result("5", number=41)) == []


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
        found += drifts.saw([result("5")], minute * 60.0, lambda _guest: True, is_whole=True)
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


def test_a_look_at_one_guest_forgets_no_other() -> None:
    drifts = Drifts()
    saw(drifts, 0.0, result("2-3"), result("2-3", number=41))
    drifts.saw([result("2-3", number=41)], 1.0, lambda _guest: True, is_whole=False)
    assert saw(drifts, 60.0, result("5")) == [False]


def test_a_device_has_one_warning_with_from_to_and_the_rival(caplog: pytest.LogCaptureFixture) -> None:
    drifts = Drifts()
    saw(drifts, 0.0, result("2-3"), result("2-3", number=41))
    found = drifts.saw([result("5"), result("5", number=41)], 60.0, lambda _guest: True, is_whole=True)
    log_drifts(found, ("irqbalance",))
    assert caplog.messages == [
        f"guest {OWNER}: {VF}: 2 interrupts (40-41) had drifted from 2-3 to 5; irqbalance runs on this host"
    ]


def test_a_single_drift_is_not_told_as_the_fight_over_its_neighbour(caplog: pytest.LogCaptureFixture) -> None:
    drifts = Drifts()
    saw(drifts, 0.0, result("2-3"), result("2-3", number=41))
    for moment in range(1, FIGHT):
        saw(drifts, moment * 60.0, result("5"), result("2-3", number=41))
    found = drifts.saw([result("5"), result("5", number=41)], 600.0, lambda _guest: True, is_whole=True)
    log_drifts(found, ())
    drifted = "had drifted from 2-3 to 5"
    assert [message.removeprefix(f"guest {OWNER}: {VF}: ") for message in caplog.messages] == [
        f"1 interrupt (40) {drifted}; they drift again and again, and are put back once a minute",
        f"1 interrupt (41) {drifted}",
    ]
