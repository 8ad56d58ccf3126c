# SPDX-License-Identifier: Apache-2.0
"""Fits the columns of a table into the width of a terminal."""

from collections.abc import Sequence
from typing import NamedTuple

from irqaffinity.report.width import display_width, pad

_CUT = "…"


class Column(NamedTuple):
    """A column: its name, the least width that it can be cut to (None: it is never cut), and when it is left out.

    Where the columns do not fit, the one with the highest `rank` is left out first; 0 stays. `keeps_end` cuts the
    middle, for texts that differ at the end.
    """

    head: str
    least: int | None = None
    rank: int = 0
    is_number: bool = False
    keeps_end: bool = False


class Cell(NamedTuple):
    """A text of a line, and whether it shows something wrong."""

    text: str
    is_wrong: bool = False


Line = tuple[Cell, ...]
"""The cells of one line, from left to right."""


def cut(text: str, width: int, *, keeps_end: bool = False) -> str:
    """Return a text of at most `width` columns, with an ellipsis where something was cut."""
    if display_width(text) <= width:
        return text
    if width < 1:
        return ""
    if keeps_end and width >= 5:
        half = (width - 1) // 3
        return _first(text, half) + _CUT + _first(text[::-1], width - 1 - half)[::-1]
    return _first(text, width - 1) + _CUT


def _first(text: str, width: int) -> str:
    while display_width(text) > width:
        text = text[: min(len(text) - 1, width)]
    return text


def cut_line(line: Line, width: int) -> Line:
    """Return a line of at most `width` columns."""
    cells, left = [], width
    for cell in line:
        text = cut(cell.text, left)
        cells.append(Cell(text, cell.is_wrong))
        left -= display_width(text)
    return tuple(cells)


def lay_out(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int | None) -> list[Line]:
    """Return a line of the columns' names and one for each row, none wider than `width`; None means any width."""
    widths = [
        max([display_width(column.head), *(display_width(row[place].text) for row in rows)])
        for place, column in enumerate(columns)
    ]
    shown = _choose(columns, widths, width)
    head = [Cell(column.head) for column in columns]
    return [_line(columns, widths, shown, row) for row in [head, *rows]]


def _choose(columns: Sequence[Column], widths: list[int], width: int | None) -> list[int]:
    """Return the places of the columns that are shown, and write their widths into `widths`."""
    shown = list(range(len(columns)))
    if width is None:
        return shown
    natural = list(widths)
    while True:
        widths[:] = natural
        over = sum(widths[place] for place in shown) + len(shown) - 1 - width
        for place in sorted(shown, key=lambda place: -widths[place]):
            least = columns[place].least
            if over > 0 and least is not None and widths[place] > least:
                less = min(over, widths[place] - least)
                widths[place] -= less
                over -= less
        droppable = [place for place in shown if columns[place].rank]
        if over <= 0 or not droppable:
            return shown
        shown.remove(max(droppable, key=lambda place: columns[place].rank))


def _line(columns: Sequence[Column], widths: Sequence[int], shown: Sequence[int], row: Sequence[Cell]) -> Line:
    cells = []
    for place in shown:
        column, cell = columns[place], row[place]
        text = cut(cell.text, widths[place], keeps_end=column.keeps_end)
        is_last = place == shown[-1]
        padded = " " * (widths[place] - display_width(text)) + text if column.is_number else pad(text, widths[place])
        cells.append(Cell(padded.rstrip() if is_last else f"{padded} ", cell.is_wrong))
    return tuple(cells)
