# SPDX-License-Identifier: Apache-2.0
"""A moment as a person writes it: how long ago, or a time in ISO 8601."""

import re
from datetime import datetime, timedelta, timezone

_SPAN = re.compile(r"([0-9]+)([smhd])")
_MOST_DIGITS = 11
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = timedelta(days=36500)


class _OutOfRange(ValueError):
    """It is written well, and there is no such time."""


def parse_span(text: str) -> timedelta:
    """Return a number of seconds, minutes, hours or days, such as `90s`, `15m`, `1h` or `2d`; raise ValueError."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a number with s, m, h or d, such as 15m or 2d")
    digits = match[1].lstrip("0") or "0"
    seconds = int(digits) * _SECONDS[match[2]] if len(digits) <= _MOST_DIGITS else None
    if seconds is None or seconds > _LONGEST.total_seconds():
        raise _OutOfRange(f"{text[:40]!r} is out of range: at most {_LONGEST.days}d")
    return timedelta(seconds=seconds)


def parse_moment(text: str, now: datetime) -> datetime:
    """Return the moment in UTC: a span before `now`, or a time such as `2026-11-20T12:00`; raise ValueError.

    A time without a zone is in UTC; a date alone means its midnight.
    """
    if _SPAN.fullmatch(text):
        return now - parse_span(text)
    try:
        return parse_time(text)
    except _OutOfRange:
        raise
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
    except OverflowError:
        raise _OutOfRange(f"{text[:40]!r} is out of range: it is not in the years 1 to 9999 of UTC") from None
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no time such as 2026-11-20T12:00:00Z") from None
