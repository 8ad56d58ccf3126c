# SPDX-License-Identifier: Apache-2.0
"""The tables of `top`: what arrives, by device, guest, CPU and intruder, from the document of report/arrivals.py."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from irqaffinity.model.text import counted
from irqaffinity.report.arrivals import MUCH_OUTSIDE
from irqaffinity.report.order import natural_key
from irqaffinity.report.screen import Screen, Tone
from irqaffinity.report.top_tables import AMISS, By, Row, show_rate, show_share, table, whose


class Order(Enum):
    """The order of the lines: its word on the screen, and whether the largest comes first at the beginning."""

    RATE = "rate", True
    OUTSIDE = "outside", True
    NAME = "guest", False
    PLACE = "device or CPU", False
    VERDICT = "verdict", True

    @property
    def word(self) -> str:
        """The word of the order on the screen."""
        return self.value[0]

    @property
    def is_descending(self) -> bool:
        """Whether the largest comes first, unless somebody reverses the order."""
        return self.value[1]


_PRINTED = {By.CPU: Order.PLACE, By.INTRUDER: Order.RATE}
"""The order of the lines that are printed once; by the guests' names elsewhere."""


def render_top(document: Mapping[str, Any], by: By, screen: Screen) -> str:
    """Return one interval as text: the totals, what is wrong, and the table ordered by the guests' names."""
    rows = choose(document, by, (), _PRINTED.get(by, Order.NAME), turned=False)
    heads = [head_line(document), *wrong_lines(document)]
    if by.shows_foreign:
        heads.append(foreign_line(document))
    lines = table(document, by, rows, screen.width)
    painted = (
        "".join(screen.paint(text, Tone.ERROR if is_wrong else None) for text, is_wrong in line) for line in lines
    )
    return "\n".join([*heads, "", *painted])


def head_line(document: Mapping[str, Any]) -> str:
    """Return the totals."""
    summary = document["summary"]
    things = [
        counted(summary["guests"], "guest"),
        counted(summary["devices"], "device"),
        counted(summary["irqs"], "interrupt"),
    ]
    rate, outside = f"{', '.join(things)}: {show_rate(summary['rate'])}/s", summary["outside"]
    return rate if outside is None else f"{rate}, {show_share(outside)} outside their target"


def foreign_line(document: Mapping[str, Any]) -> str:
    """Return how much arrives on CPUs of guests that is not theirs, and of the kernel's own, which has no number."""
    cpus = {row["cpu"] for row in document["cpus"] if row["guest"] is not None}
    rates = [f"{row['row']} {show_rate(row['rate'] / max(1, len(cpus)))}" for row in document["kernel"]]
    foreign = f"foreign on CPUs of guests: {show_rate(document['summary']['foreign'])}/s"
    return f"{foreign}; the kernel's own on each: {', '.join(rates)}/s" if rates else foreign


def wrong_lines(document: Mapping[str, Any]) -> list[str]:
    """Return a line on what is wrong, if anything is, and a line where posted interrupts are not counted."""
    summary = document["summary"]
    outside = sum((row["outside"] or 0.0) >= MUCH_OUTSIDE for row in document["devices"])
    wrong = [
        f"{counted(summary['guests_in_error'], 'guest')} in error" if summary["guests_in_error"] else "",
        f"{counted(summary['failed'], 'interrupt')} cannot be placed" if summary["failed"] else "",
        f"{counted(summary['would_set'], 'interrupt')} not in place" if summary["would_set"] else "",
        f"arrivals outside the target of {counted(outside, 'device')}" if outside else "",
    ]
    lines = [", ".join(filter(None, wrong))] if any(wrong) else []
    if document["host_facts"]["posted_interrupts"]:
        lines.append("posted interrupts go to a running vCPU past the host: they are not counted here")
    return lines


def choose(document: Mapping[str, Any], by: By, words: Sequence[str], order: Order, *, turned: bool) -> list[Row]:
    """Return the rows that have each of `words` somewhere, in this order, reversed where `turned`."""
    rows = [row for row in document[by.key] if all(word in _haystack(row) for word in words)]
    known = [row for row in rows if _sort_key(row, order) is not None]
    known.sort(key=lambda row: _sort_key(row, order), reverse=order.is_descending != turned)
    return known + [row for row in rows if _sort_key(row, order) is None]


def _haystack(row: Row) -> str:
    others = [f"{irq['name']} {irq['guest_name']}" for irq in row.get("foreign_irqs", ())]
    others += [*row.get("guests", ()), *filter(None, row.get("guest_names", ()))]
    return " ".join(str(value) for value in [*row.values(), *others] if not isinstance(value, dict | list)).lower()


def _sort_key(row: Row, order: Order) -> Any:
    match order:
        case Order.RATE:
            return row["rate"]
        case Order.OUTSIDE:
            return row.get("outside", row.get("foreign", row.get("rate")))
        case Order.NAME:
            name = whose(row) if "guests" in row else row.get("name")
            return None if name is None else (*natural_key(name), row.get("address", ""))
        case Order.PLACE:
            return (row.get("cpu", 0), row.get("address", row.get("device") or ""), row.get("guest") or "")
        case Order.VERDICT:
            verdict = row.get("verdict")
            if row.get("movable") is not None:
                return (row["movable"], True, "")
            return None if verdict is None else (verdict in AMISS, verdict != "ok", verdict)
