# SPDX-License-Identifier: Apache-2.0
"""A moment as a person writes it: how long ago, or a time in ISO 8601."""

import re
from datetime import datetime, timedelta, timezone

_SPAN = re.compile(r"([0-9]{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = timedelta(days=36500)


def parse_span(text: str) -> timedelta:
    """Return a number of seconds, minutes, hours or days, such as `90s`, `15m`, `1h` or `2d`; raise ValueError."""
    match = _SPAN.fullmatch(text)
    span = None if match is None else timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
    if span is None or span > _LONGEST:
        raise ValueError(f"{text[:40]!r} is not a number with s, m, h or d, such as 15m or 2d")
    return span


def parse_moment(text: str, now: datetime) -> datetime:
    """Return the moment in UTC: a span before `now`, or a time such as `2026-11-20T12:00`; raise ValueError.

    A time without a zone is in UTC; a date alone means its midnight.
    """
    try:
        return now - parse_span(text)
    except ValueError:
        pass
    try:
        return parse_time(text)
    except ValueError:
        raise ValueError(
            f"{text[:40]!r} is neither how long ago, such as 15m, 1h or 2d, nor a time such as 2026-11-20T12:00:00Z"
        ) from None


def parse_time(text: str) -> datetime:
    """Return the moment of a time in ISO 8601, as `parse_moment` does; raise ValueError."""
    try:
        # `fromisoformat` of Python 3.10 knows no Z, and its UTC has no other name
        moment = datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", text))
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r} is no time such as 2026-11-20T12:00:00Z") from None
