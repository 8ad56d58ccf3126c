# SPDX-License-Identifier: Apache-2.0
"""The tables of `top`: what arrives, by device, by guest and by CPU, made from the document of report/arrivals.py."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from irqaffinity.model.text import counted
from irqaffinity.model.verdict import FAILED, Status, Verdict
from irqaffinity.report.arrivals import MUCH_OUTSIDE
from irqaffinity.report.fit import Cell, Column, Line, lay_out
from irqaffinity.report.order import natural_key
from irqaffinity.report.screen import Screen, Tone

Row = Mapping[str, Any]
_NOTHING = "-"
_AMISS = frozenset(verdict.value for verdict in {*FAILED, Verdict.UNREAD, Verdict.WOULD_SET})
_ERRORS = frozenset(status.value for status in Status if status.is_error)


class By(Enum):
    """The thing that has one line of the table; the value is its word on the command line."""

    DEVICE = "device"
    GUEST = "guest"
    CPU = "cpu"

    @property
    def key(self) -> str:
        """The document's list of these things."""
        return f"{self.value}s"


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


class _Table(NamedTuple):
    columns: Sequence[Column]
    cells: Callable[[Row, float], Sequence[Cell]]


def render_top(document: Mapping[str, Any], by: By, screen: Screen) -> str:
    """Return one interval as text: the totals, what is wrong, and the table ordered by the guests' names."""
    rows = choose(document, by, (), Order.PLACE if by is By.CPU else Order.NAME, turned=False)
    heads = [head_line(document), *wrong_lines(document)]
    lines = table(document, by, rows, screen.width)
    painted = (
        "".join(screen.paint(text, Tone.ERROR if is_wrong else None) for text, is_wrong in line) for line in lines
    )
    return "\n".join([*heads, "", *painted])


def table(document: Mapping[str, Any], by: By, rows: Sequence[Row], width: int | None) -> list[Line]:
    """Return the names of the columns and a line for each of `rows`."""
    kind = _TABLES[by]
    return lay_out(kind.columns, [kind.cells(row, document["seconds"]) for row in rows], width)


def head_line(document: Mapping[str, Any]) -> str:
    """Return the totals."""
    summary = document["summary"]
    things = [
        counted(summary["guests"], "guest"),
        counted(summary["devices"], "device"),
        counted(summary["irqs"], "interrupt"),
    ]
    rate, outside = f"{', '.join(things)}: {_rate(summary['rate'])}/s", summary["outside"]
    return rate if outside is None else f"{rate}, {_share(outside)} outside their target"


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
    return " ".join(str(value) for value in [*row.values(), *others] if not isinstance(value, dict | list)).lower()


def _sort_key(row: Row, order: Order) -> Any:
    match order:
        case Order.RATE:
            return row["rate"]
        case Order.OUTSIDE:
            return row.get("outside", row.get("foreign"))
        case Order.NAME:
            return None if row.get("name") is None else (*natural_key(row["name"]), row.get("address", ""))
        case Order.PLACE:
            return (row.get("cpu", 0), row.get("address", ""), row.get("guest") or "")
        case Order.VERDICT:
            verdict = row.get("verdict")
            return None if verdict is None else (verdict in _AMISS, verdict != "ok", verdict)


def _device(row: Row, seconds: float) -> list[Cell]:
    return [
        Cell(row["address"]),
        Cell(row["name"] or row["guest"] or _NOTHING),
        Cell(row["target"] or _NOTHING),
        Cell(_rate(row["rate"])),
        _outside(row),
        Cell(row["verdict"] or row["reason"] or _NOTHING, row["verdict"] in _AMISS),
        Cell(_arrived(row["arrived"], seconds)),
    ]


def _guest(row: Row, seconds: float) -> list[Cell]:
    is_error = row["status"] in _ERRORS
    return [
        Cell(row["name"] or row["guest"]),
        Cell(str(row["devices"])),
        Cell(row["cpus"] or _NOTHING),
        Cell(_rate(row["rate"])),
        _outside(row),
        Cell((row["status"] if is_error else row["verdict"]) or row["status"], is_error or row["verdict"] in _AMISS),
        Cell(_arrived(row["arrived"], seconds)),
    ]


def _cpu(row: Row, _seconds: float) -> list[Cell]:
    rates: dict[str, float] = defaultdict(float)
    for irq in row["foreign_irqs"]:
        rates[str(irq["guest_name"] or irq["guest"] or irq["name"] or irq["irq"])] += irq["rate"]
    foreign = (f"{name} {_rate(rate)}" for name, rate in sorted(rates.items(), key=lambda pair: -pair[1]))
    return [
        Cell(str(row["cpu"])),
        Cell(row["name"] or row["guest"] or _NOTHING),
        Cell(_NOTHING if row["vcpu"] is None else str(row["vcpu"])),
        Cell(_rate(row["rate"])),
        Cell(_rate(row["foreign"]), bool(row["foreign"])),
        Cell(", ".join(foreign) or _NOTHING),
    ]


def _outside(row: Row) -> Cell:
    return Cell(_share(row["outside"]), bool(row["outside"]))


def _arrived(arrived: Mapping[str, int], seconds: float) -> str:
    """Return the rates by CPU, the most first."""
    return " ".join(f"{cpu}:{_rate(count / seconds)}" for cpu, count in arrived.items() if seconds) or _NOTHING


def _rate(rate: float | None) -> str:
    if rate is None:
        return _NOTHING
    if rate >= 10_000_000:
        return f"{rate / 1_000_000:.0f}M"
    if rate >= 100_000:
        return f"{rate / 1000:.0f}k"
    return f"{rate:.0f}" if rate >= 100 or rate == 0 else f"{rate:.1f}"


def _share(share: float | None) -> str:
    if share is None:
        return _NOTHING
    if 0 < share < 0.001:
        return "<0.1%"
    return f"{100 * share:.0f}%" if share in (0, 1) else f"{min(100 * share, 99.9):.1f}%"


_NAME = Column("GUEST", least=8, keeps_end=True)
_RATE = Column("RATE/S", is_number=True)
_OUTSIDE = Column("OUTSIDE", is_number=True)
_VERDICT = Column("VERDICT", least=5, rank=2)
_ARRIVES = Column("ARRIVES ON", least=10, rank=3)

_TABLES = {
    By.DEVICE: _Table(
        (Column("DEVICE"), _NAME, Column("TARGET", least=5, rank=4), _RATE, _OUTSIDE, _VERDICT, _ARRIVES), _device
    ),
    By.GUEST: _Table(
        (
            _NAME,
            Column("DEVICES", rank=4, is_number=True),
            Column("CPUS", least=5, rank=3),
            _RATE,
            _OUTSIDE,
            _VERDICT,
            _ARRIVES,
        ),
        _guest,
    ),
    By.CPU: _Table(
        (
            Column("CPU", is_number=True),
            _NAME,
            Column("VCPU", rank=2, is_number=True),
            _RATE,
            Column("FOREIGN/S", is_number=True),
            Column("FOREIGN ARE", least=10, rank=1),
        ),
        _cpu,
    ),
}
