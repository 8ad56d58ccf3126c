# SPDX-License-Identifier: Apache-2.0
"""The lines of the tables of `top`: what stands in which column, by device, by guest, by CPU and by intruder."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from irqaffinity.model.verdict import FAILED, Status, Verdict
from irqaffinity.report.fit import Cell, Column, Line, lay_out

Row = Mapping[str, Any]
AMISS = frozenset(verdict.value for verdict in {*FAILED, Verdict.UNREAD, Verdict.WOULD_SET})
"""The verdicts on which somebody should look at an interrupt."""

_NOTHING = "-"
_ERRORS = frozenset(status.value for status in Status if status.is_error)


class By(Enum):
    """The thing that has one line of the table; the value is its word on the command line."""

    DEVICE = "device"
    GUEST = "guest"
    CPU = "cpu"
    INTRUDER = "intruder"

    @property
    def key(self) -> str:
        """The document's list of these things."""
        return f"{self.value}s"

    @property
    def shows_foreign(self) -> bool:
        """Whether the table is about what arrives on CPUs of guests and is not theirs."""
        return self in (By.CPU, By.INTRUDER)


class _Table(NamedTuple):
    columns: Sequence[Column]
    cells: Callable[[Row, float], Sequence[Cell]]


def table(document: Mapping[str, Any], by: By, rows: Sequence[Row], width: int | None) -> list[Line]:
    """Return the names of the columns and a line for each of `rows`."""
    kind = _TABLES[by]
    return lay_out(kind.columns, [kind.cells(row, document["seconds"]) for row in rows], width)


def whose(row: Row) -> str:
    """Return the guests on whose CPUs an intruder arrived."""
    return " ".join(name or uuid for name, uuid in zip(row["guest_names"], row["guests"], strict=True))


def show_rate(rate: float | None) -> str:
    """Return a number of interrupts a second."""
    if rate is None:
        return _NOTHING
    if rate >= 10_000_000:
        return f"{rate / 1_000_000:.0f}M"
    if rate >= 100_000:
        return f"{rate / 1000:.0f}k"
    return f"{rate:.0f}" if rate >= 100 or rate == 0 else f"{rate:.1f}"


def show_share(share: float | None) -> str:
    """Return a share in per cent."""
    if share is None:
        return _NOTHING
    if 0 < share < 0.001:
        return "<0.1%"
    return f"{100 * share:.0f}%" if share in (0, 1) else f"{min(100 * share, 99.9):.1f}%"


def _device(row: Row, seconds: float) -> list[Cell]:
    return [
        Cell(row["address"]),
        Cell(row["name"] or row["guest"] or _NOTHING),
        Cell(row["target"] or _NOTHING),
        Cell(show_rate(row["rate"])),
        _outside(row),
        Cell(row["verdict"] or row["reason"] or _NOTHING, row["verdict"] in AMISS),
        Cell(_arrived(row["arrived"], seconds)),
    ]


def _guest(row: Row, seconds: float) -> list[Cell]:
    is_error = row["status"] in _ERRORS
    return [
        Cell(row["name"] or row["guest"]),
        Cell(str(row["devices"])),
        Cell(row["cpus"] or _NOTHING),
        Cell(show_rate(row["rate"])),
        _outside(row),
        Cell((row["status"] if is_error else row["verdict"]) or row["status"], is_error or row["verdict"] in AMISS),
        Cell(_arrived(row["arrived"], seconds)),
    ]


def _cpu(row: Row, _seconds: float) -> list[Cell]:
    rates: dict[str, float] = defaultdict(float)
    for irq in row["foreign_irqs"]:
        rates[str(irq["guest_name"] or irq["guest"] or irq["name"] or irq["irq"])] += irq["rate"]
    foreign = (f"{name} {show_rate(rate)}" for name, rate in sorted(rates.items(), key=lambda pair: -pair[1]))
    return [
        Cell(str(row["cpu"])),
        Cell(row["name"] or row["guest"] or _NOTHING),
        Cell(_NOTHING if row["vcpu"] is None else str(row["vcpu"])),
        Cell(show_rate(row["rate"])),
        Cell(show_rate(row["foreign"]), bool(row["foreign"])),
        Cell(", ".join(foreign) or _NOTHING),
    ]


def _intruder(row: Row, seconds: float) -> list[Cell]:
    movable = row["movable"]
    return [
        Cell(str(row["irq"])),
        Cell(row["name"] or _NOTHING),
        Cell(row["device"] or _NOTHING),
        Cell(_NOTHING if movable is None else "yes" if movable else "no"),
        Cell(whose(row)),
        Cell(show_rate(row["rate"])),
        Cell(_arrived(row["arrived"], seconds)),
    ]


def _outside(row: Row) -> Cell:
    return Cell(show_share(row["outside"]), bool(row["outside"]))


def _arrived(arrived: Mapping[str, int], seconds: float) -> str:
    """Return the rates by CPU, the most first."""
    return " ".join(f"{cpu}:{show_rate(count / seconds)}" for cpu, count in arrived.items() if seconds) or _NOTHING


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
    By.INTRUDER: _Table(
        (
            Column("IRQ", is_number=True),
            Column("NAME", least=8),
            Column("DEVICE", rank=4),
            Column("MOVABLE", rank=3),
            Column("GUESTS", least=8, keeps_end=True),
            _RATE,
            Column("ARRIVES ON", least=10, rank=2),
        ),
        _intruder,
    ),
}
