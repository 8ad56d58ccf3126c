# SPDX-License-Identifier: Apache-2.0
"""Lays the lines of a table out, so that they fit the screen.

Where the columns of a device do not fit beside a readable WHY, the table has fewer of them: the node, which WHY names,
is left out, the CPUs before and after are one column, and WHY is short, or stands below where it has more to say.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from irqaffinity.report.screen import Screen, Tone
from irqaffinity.report.width import display_width, hang, wrap

_GAP = "  "
_BELOW = 6
"""The columns by which a WHY that stands below is indented."""

_LARGEST_SHARE = 4
"""The largest part of the screen for the list in one cell, as its divisor: a longer list goes on below itself."""

_LEAST_CELL = 14
"""The columns of a PCI address, indented: it is never broken."""

_LEAST_WHY = 36
"""The columns that WHY has at least beside all others."""


class Row(NamedTuple):
    """A device, or one of its interrupts; the tones are those of its verdict and of its why.

    `brief` is the why of a narrow table, where that has another one.
    """

    device: str
    node: str
    irqs: str
    before: str
    after: str
    verdict: str
    why: str
    tone: Tone | None = None
    why_tone: Tone | None = None
    brief: str | None = None


class Line(NamedTuple):
    """A text across the whole screen.

    Where it is broken, its further lines are indented by `more` columns more; `painted` is how many of its characters
    have the tone, None for all.
    """

    text: str
    indent: int = 0
    tone: Tone | None = None
    painted: int | None = None
    more: int = 2


class _Grid(NamedTuple):
    cells: Callable[[Row], Sequence[str]]
    """The cells before WHY, the verdict last."""
    widths: Sequence[int]
    left: int | None
    """The columns for WHY, None where it may have any number."""


def _full(row: Row) -> Sequence[str]:
    return row.device, row.node, row.irqs, row.before, row.after, row.verdict


def _narrow(row: Row) -> Sequence[str]:
    if row is HEAD:
        return row.device, row.irqs, "CPUS", row.verdict
    cpus = row.after if row.before == row.after else f"{row.before} -> {row.after}"
    return row.device, row.irqs, cpus, row.verdict


HEAD = Row("DEVICE", "NODE", "IRQS", "CPUS BEFORE", "CPUS AFTER", "VERDICT", "WHY", Tone.HEAD, Tone.HEAD)


def arrange(blocks: Sequence[Row | Line], screen: Screen) -> Iterator[str]:
    """Give the lines of a table: its rows in common columns, the lines between them as they are or broken."""
    grid = _fit([HEAD, *(block for block in blocks if isinstance(block, Row))], screen)
    yield from _show_row(HEAD, grid, screen)
    for block in blocks:
        yield from _show_row(block, grid, screen) if isinstance(block, Row) else show_line(block, screen)


def show_line(line: Line, screen: Screen) -> Iterator[str]:
    """Give a line that stands across the table, broken where the screen ends."""
    for place, text in enumerate(hang(line.text, screen.width, line.indent, line.more)):
        if line.painted is None:
            yield screen.paint(text, line.tone)
        else:
            end = 0 if place else line.indent + line.painted
            yield screen.paint(text[:end], line.tone) + text[end:]


def _fit(rows: Sequence[Row], screen: Screen) -> _Grid:
    """Return all columns where they fit, else fewer."""
    longest = max(display_width(row.why) for row in rows)
    full = _measure(_full, rows, screen)
    is_wide = full.left is None or full.left >= min(longest, _LEAST_WHY)
    return full if is_wide else _measure(_narrow, rows, screen)


def _measure(cells: Callable[[Row], Sequence[str]], rows: Sequence[Row], screen: Screen) -> _Grid:
    widths = [max(map(display_width, column)) for column in zip(*map(cells, rows), strict=True)]
    if screen.width is None:
        return _Grid(cells, widths, None)
    room = screen.width - len(_GAP) * (len(widths) - 1)
    largest = max(16, screen.width // _LARGEST_SHARE)
    while largest > _LEAST_CELL and sum(min(width, largest) for width in widths) > room:
        largest -= 1
    widths = [min(width, largest) for width in widths]
    return _Grid(cells, widths, room - len(_GAP) - sum(widths))


def _show_row(row: Row, grid: _Grid, screen: Screen) -> Iterator[str]:
    cells = [wrap(cell, width) for cell, width in zip(grid.cells(row), grid.widths, strict=True)]
    is_narrow = grid.cells is _narrow
    why = row.brief if is_narrow and row.brief is not None else row.why
    is_below = is_narrow and grid.left is not None and display_width(why) > grid.left
    cells.append([] if is_below else wrap(why, grid.left))
    plain = Tone.HEAD if row is HEAD else None
    tones = [*[plain] * (len(cells) - 2), row.tone, row.why_tone]
    for texts in zip_longest(*cells, fillvalue=""):
        shown = [
            screen.paint(text, tone) + " " * (width - display_width(text))
            for text, tone, width in zip(texts, tones, [*grid.widths, 0], strict=True)
        ]
        yield _GAP.join(shown).rstrip()
    if is_below and row is not HEAD and row.why:
        yield from (screen.paint(line, row.why_tone) for line in hang(row.why, screen.width, _BELOW, 2))
