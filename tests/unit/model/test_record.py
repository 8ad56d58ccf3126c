# SPDX-License-Identifier: Apache-2.0
"""Which of two masks that notifications brought is the newer one, whatever the clocks say."""

from datetime import timedelta

import pytest

from irqaffinity.model.record import RememberedSpecs


def sent(timestamp: str, arrived: str, publisher: str = "cmp-1") -> RememberedSpecs:
    """Extra specs whose payload says one time of this day, and which came at another."""
    return RememberedSpecs("1", f"2026-11-20 {timestamp}", publisher, f"2026-11-20 {arrived}")


RIGHT, AHEAD, BEHIND = "12:00:00", "13:00:00", "11:00:00"

CASES = {
    # older, newer
    "one right clock": (sent(RIGHT, "12:00:01"), sent("12:00:02", "12:00:03")),
    "one right clock, out of order": (sent("12:00:02", "12:00:04"), sent("12:00:03", "12:00:01")),
    "a fraction of a second": (sent(RIGHT, RIGHT), sent("12:00:00.000001", RIGHT)),
    "one clock an hour ahead": (sent(AHEAD, RIGHT), sent("13:00:01", "12:00:01")),
    "one clock an hour ahead, out of order": (sent("13:00:02", "12:00:04"), sent("13:00:03", "12:00:01")),
    "one clock an hour behind": (sent(BEHIND, RIGHT), sent("11:00:01", "12:00:01")),
    "one clock ahead, then set right": (sent(AHEAD, RIGHT), sent("12:10:00", "12:10:00")),
    "one clock ahead, then set right at once": (sent(AHEAD, RIGHT), sent("12:00:01", "12:00:01")),
    "one clock right, then ahead": (sent(RIGHT, RIGHT), sent(AHEAD, "12:00:01")),
    "two right clocks": (sent(RIGHT, "12:00:05"), sent("12:00:01", "12:00:02", "api-1")),
    "two clocks, the older ahead": (sent(AHEAD, RIGHT), sent("12:00:10", "12:00:10", "api-1")),
    "two clocks, the newer ahead": (sent(RIGHT, RIGHT), sent(AHEAD, "12:00:10", "api-1")),
    "two clocks, both ahead": (sent(AHEAD, RIGHT), sent("12:59:00", "12:00:10", "api-1")),
    "a state that does not tell the publisher": (
        RememberedSpecs("1", "2026-11-20 12:00:00"),
        sent("12:00:01", "12:00:01"),
    ),
}


@pytest.mark.parametrize(("older", "newer"), CASES.values(), ids=CASES)
def test_the_newer_one_counts(older: RememberedSpecs, newer: RememberedSpecs) -> None:
    assert newer.is_newer_than(older)
    assert not older.is_newer_than(newer)
    assert not newer.is_newer_than(newer)


def test_a_clock_at_the_end_of_time_outlasts_nobody() -> None:
    never = RememberedSpecs("1", "9999-12-31 23:59:59", "cmp-1", "2026-11-20 12:00:00")
    assert sent("12:00:01", "12:00:01").is_newer_than(never)
    assert sent("12:00:01", "12:00:01", "cmp-2").is_newer_than(never)
    assert never.is_newer_than(sent("11:59:59", "11:59:59"))


@pytest.mark.parametrize("text", ["", "x", "2026-11-20 12:00:00+00:00", "2026-13-01 00:00:00"])
def test_a_time_that_is_none_is_compared_as_text(text: str) -> None:
    odd = RememberedSpecs("1", text, "cmp-1", "2026-11-20 12:00:00")
    assert odd.ahead == timedelta()
    assert odd.is_newer_than(odd) is False
