# SPDX-License-Identifier: Apache-2.0
"""Holds as plain values, a part of several documents, and in lines for people."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from irqaffinity.model.hold import Hold
from irqaffinity.report.times import show_time

Row = Mapping[str, Any]

_UNITS = {"d": 86400, "h": 3600, "min": 60, "s": 1}


def describe_hold(hold: Hold) -> dict[str, Any]:
    """Return a hold as plain values."""
    return {
        "id": hold.id,
        "scope": "guest" if hold.guest is not None else "device" if hold.device is not None else "host",
        "guest": hold.guest,
        "device": None if hold.device is None else str(hold.device),
        "since": show_time(hold.since),
        "until": show_time(hold.until),
        "reason": hold.reason,
        "everything": hold.everything,
    }


def describe_holds(holds: Iterable[Hold]) -> list[dict[str, Any]]:
    """Return holds as plain values, by their number."""
    return [describe_hold(hold) for hold in sorted(holds, key=lambda hold: hold.id)]


def hold_lines(holds: Iterable[Row], time: str, names: Mapping[str, str]) -> Iterator[str]:
    """Give a line for each described hold; `time` is that of the document, and `names` are those of guests by uuid."""
    for hold in holds:
        who = name_scope(hold, names)
        whose = "" if who is None else f"{who} is "
        more = ", new interrupts too," if hold["everything"] else ""
        yield f"{whose}held{more} until {show_until(hold['until'], time)}: {hold['reason']} (hold {hold['id']})"


def tell_hold(hold: Row, name: str | None = None, left: float | None = None) -> str:
    """Return a described hold in a line: its number, scope, end and reason.

    `name` is that of its guest, and `left` are the seconds that are left of it, where they are known.
    """
    who = name_scope(hold, {hold["guest"]: name} if name else {}) or "the whole host"
    more = ", new interrupts too" if hold["everything"] else ""
    span = "" if left is None else f" ({show_span(left)} left)"
    return f"hold {hold['id']}: {who}{more}, until {hold['until']}{span}: {hold['reason']}"


def name_scope(hold: Row, names: Mapping[str, str]) -> str | None:
    """Return the guest or the device that a described hold is about, None for the whole host."""
    if hold["guest"] is not None:
        name = names.get(hold["guest"])
        return f"guest {name} {hold['guest']}" if name else f"guest {hold['guest']}"
    return None if hold["device"] is None else f"device {hold['device']}"


def show_until(until: str, time: str) -> str:
    """Return the end of a hold to the minute, without the day where it is that of `time`, in UTC."""
    return f"{until[11:16]} UTC" if until[:10] == time[:10] else f"{until[:10]} {until[11:16]} UTC"


def show_span(seconds: float) -> str:
    """Return a span in its two largest units: `2 h 10 min`."""
    left, parts = max(0, int(seconds)), list[str]()
    for unit, length in _UNITS.items():
        count, left = divmod(left, length)
        if count or parts or unit == "s":
            parts.append(f"{count} {unit}")
    return " ".join(part for part in parts[:2] if not part.startswith("0 ")) or "0 s"
