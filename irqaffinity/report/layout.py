# SPDX-License-Identifier: Apache-2.0
"""Lays the lines of a table out, so that they fit the screen.

Where the columns of a device do not fit beside a readable WHY, the table has fewer of them: the node, which WHY names,
is left out, and the CPUs before and after are one column. Where that is still too wide, WHY stands below.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from irqaffinity.report.screen import Screen, Tone
from irqaffinity.report.width import display_width, hang, wrap

_GAP = "  "
_BELOW = 6
"""The columns by which a WHY that stands below is indented."""

_LARGEST_SHARE = 5
"""The part of the screen that the list in one cell may take at most: a longer one goes on below itself."""


class Row(NamedTuple):
    """A device, or one of its interrupts; the tones are those of its verdict and of its why."""

    device: str
    node: str
    irqs: str
    before: str
    after: str
    verdict: str
    why: str
    tone: Tone | None = None
    why_tone: Tone | None = None


class Line(NamedTuple):
    """A text across the whole screen.

    `more` is by how many columns the lines that it goes on in are indented further; `painted` how many of its
    characters have the tone, None where all have.
    """

    text: str
    indent: int = 0
    tone: Tone | None = None
    painted: int | None = None
    more: int = 2


class _Layout(NamedTuple):
    cells: Callable[[Row], Sequence[str]]
    """What stands before WHY, the verdict last."""
    least: int
    """The columns that WHY needs beside that."""


class _Grid(NamedTuple):
    cells: Callable[[Row], Sequence[str]]
    widths: Sequence[int]
    left: int | None
    """The columns for WHY, None where it may have any number, 0 where it stands below."""


def _full(row: Row) -> Sequence[str]:
    return row.device, row.node, row.irqs, row.before, row.after, row.verdict


def _narrow(row: Row) -> Sequence[str]:
    if row is HEAD:
        return row.device, row.irqs, "CPUS", row.verdict
    cpus = row.after if row.before == row.after else f"{row.before} -> {row.after}"
    return row.device, row.irqs, cpus, row.verdict


HEAD = Row("DEVICE", "NODE", "IRQS", "CPUS BEFORE", "CPUS AFTER", "VERDICT", "WHY", Tone.HEAD, Tone.HEAD)
_LAYOUTS = (_Layout(_full, 36), _Layout(_narrow, 24))


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
    """Return the first layout that fits."""
    longest = max(display_width(row.why) for row in rows)
    for layout in _LAYOUTS:
        widths = [max(map(display_width, column)) for column in zip(*map(layout.cells, rows), strict=True)]
        if screen.width is None:
            return _Grid(layout.cells, widths, None)
        largest = max(16, screen.width // _LARGEST_SHARE)
        widths = [min(width, largest) for width in widths]
        left = screen.width - sum(widths) - len(_GAP) * len(widths)
        if left >= min(longest, layout.least):
            return _Grid(layout.cells, widths, left)
    return _Grid(_narrow, widths, 0)


def _show_row(row: Row, grid: _Grid, screen: Screen) -> Iterator[str]:
    cells = [wrap(cell, width) for cell, width in zip(grid.cells(row), grid.widths, strict=True)]
    plain = Tone.HEAD if row is HEAD else None
    tones = [*[plain] * (len(cells) - 1), row.tone, row.why_tone]
    if grid.left != 0:
        cells.append(wrap(row.why, grid.left))
    widths = [*grid.widths, 0]
    for texts in zip_longest(*cells, fillvalue=""):
        shown = [
            screen.paint(text, tone) + " " * (width - display_width(text))
            for text, tone, width in zip(texts, tones, widths, strict=False)
        ]
        yield _GAP.join(shown).rstrip()
    if grid.left == 0 and row is not HEAD and row.why:
        yield from (screen.paint(line, row.why_tone) for line in hang(row.why, screen.width, _BELOW, 2))
