# SPDX-License-Identifier: Apache-2.0
"""Moments as people write them."""

from datetime import datetime, timedelta, timezone

import pytest

from irqaffinity.grammar.moment import parse_moment, parse_span

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("0s", 0), ("15m", 900), ("1h", 3600), ("2d", 172_800)])
def test_a_span_is_a_number_with_its_unit(text: str, seconds: int) -> None:
    assert parse_span(text) == timedelta(seconds=seconds)
    assert parse_moment(text, NOW) == NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T12:00:00Z", datetime(2026, 11, 20, 12, tzinfo=timezone.utc)),
        ("2026-11-20T12:00", datetime(2026, 11, 20, 12, tzinfo=timezone.utc)),
        ("2026-11-20 12:00:00+02:00", datetime(2026, 11, 20, 10, tzinfo=timezone.utc)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=timezone.utc)),
    ],
)
def test_a_time_is_in_utc_where_it_names_no_zone(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize(
    "text",
    ["", "1", "h", "-1h", "1w", "1H", "\u0661h", "yesterday", "2026-13-01", "9999999d", "1h ", "\x1b[31m"],
)
def test_what_is_neither_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"is neither how long ago, such as 15m, 1h or 2d, nor a time") as refused:
        parse_moment(text, NOW)
    assert str(refused.value).isprintable()


def test_a_time_at_the_edge_of_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="is neither how long ago"):
        parse_moment("0001-01-01T00:00+14:00", NOW)
