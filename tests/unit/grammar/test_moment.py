# SPDX-License-Identifier: Apache-2.0
"""Moments as people write them."""

from datetime import datetime, timedelta, timezone

import pytest

from irqaffinity.grammar.moment import parse_moment, parse_span, parse_time

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
    ["", "1", "h", "-1h", "1w", "1H", "\u0661h", "yesterday", "2026-13-01", "1h ", "\x1b[31m"],
)
def test_what_is_neither_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"is neither how long ago, such as 15m, 1h or 2d, nor a time") as refused:
        parse_moment(text, NOW)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("text", ["0001-01-01T00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_at_the_edge_of_the_calendar_is_out_of_range(text: str) -> None:
    for parse in (parse_time, lambda given: parse_moment(given, NOW)):
        with pytest.raises(
            ValueError, match=r"^'[0-9T:+-]+' is out of range: it is not in the years 1 to 9999 of UTC$"
        ):
            parse(text)


@pytest.mark.parametrize("text", ["36501d", "9999999d", "99999999999999d", f"{'9' * 5000}s", "876001h"])
def test_a_span_of_more_than_a_century_is_out_of_range(text: str) -> None:
    for parse in (parse_span, lambda given: parse_moment(given, NOW)):
        with pytest.raises(ValueError, match=r"^'[0-9]+[dhs]?' is out of range: at most 36500d$"):
            parse(text)
    assert parse_span(f"{'0' * 20}36500d") == parse_span("3153600000s") == timedelta(days=36500)
