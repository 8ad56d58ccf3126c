# SPDX-License-Identifier: Apache-2.0
"""The program names publishers whose clock is ahead, a bounded number of them and for a bounded time."""

import pytest

from irqaffinity.listen.clocks import MOST, Ahead, Clocks
from irqaffinity.model.record import RememberedSpecs

ARRIVED = "2026-11-20 12:00:00.000000"


def sent(publisher: str | None, timestamp: str) -> RememberedSpecs:
    return RememberedSpecs("1", f"2026-11-20 {timestamp}", publisher, ARRIVED)


class Rig:
    """Clocks whose own clock is moved by the test."""

    def __init__(self) -> None:
        self.now = 0.0
        self.clocks = Clocks(lambda: self.now)


def test_a_clock_that_is_ahead_is_told_once_an_hour_and_no_more_when_it_is_right(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig()
    for _ in range(3):
        rig.clocks.saw(sent("cmp-2", "12:07:00"))
    told = "the clock of cmp-2 is 420 s ahead of this host's: set right the one that is wrong"
    assert caplog.messages == [told]
    assert rig.clocks.ahead == [Ahead("cmp-2", 420, ARRIVED)]
    rig.now = 3600.0
    rig.clocks.saw(sent("cmp-2", "12:07:00"))
    assert caplog.messages == [told, told]
    rig.clocks.saw(sent("cmp-2", "12:05:00"))
    assert (rig.clocks.ahead, rig.clocks.count) == ([], 4)


@pytest.mark.parametrize("timestamp", ["12:05:00", "12:00:00", "11:00:00"])
def test_five_minutes_and_every_clock_behind_are_no_news(timestamp: str, caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.clocks.saw(sent("cmp-2", timestamp))
    assert (rig.clocks.ahead, rig.clocks.count, caplog.messages) == ([], 0, [])


def test_what_does_not_tell_who_or_when_is_not_compared() -> None:
    rig = Rig()
    rig.clocks.saw(sent(None, "13:00:00"))
    rig.clocks.saw(RememberedSpecs("1", "9999-12-31 23:59:59", "cmp-2"))
    assert (rig.clocks.ahead, rig.clocks.count) == ([], 0)


def test_a_thousand_names_fill_neither_the_memory_nor_the_log(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    for hour in range(2):
        rig.now = 3600.0 * hour
        for number in range(1000):
            rig.clocks.saw(sent(f"cmp-{hour}-{number}", "13:00:00"))
        assert len(rig.clocks.ahead) == MOST
        assert len(caplog.messages) == MOST * (hour + 1)
    assert rig.clocks.count == 2000
    assert all(clock.publisher.startswith("cmp-1-") for clock in rig.clocks.ahead)


def test_a_relay_that_hands_on_late_makes_no_clock_wrong(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    for arrived in ("12:00:00.000000", "12:09:00.000000", "13:00:00.000000"):
        rig.clocks.saw(RememberedSpecs("1", "2026-11-20 12:00:00", "cmp-2", f"2026-11-20 {arrived}"))
    assert (rig.clocks.ahead, rig.clocks.count, caplog.messages) == ([], 0, [])
