# SPDX-License-Identifier: Apache-2.0
"""Rows of a report, each a mapping of columns to plain values: their order, and their forms for other programs."""

import csv
import io
import itertools
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from irqaffinity.report.indent import indented
from irqaffinity.report.order import natural_key, show_value
from irqaffinity.report.screen import ANY_SCREEN, Screen, Tone
from irqaffinity.report.width import display_width, pad, wrap

Row = Mapping[str, Any]

_GAP = "  "

_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20'")
"""Characters that begin a formula in a spreadsheet, also in full width, and the sign that marks a text."""


def sort_rows(rows: Iterable[Row], orders: Sequence[tuple[str, bool]]) -> list[Row]:
    """Return the rows sorted by several columns, each rising or falling (true); null always comes last."""
    ordered = list(rows)
    for column, is_descending in reversed(orders):
        known = [row for row in ordered if row.get(column) is not None]
        known.sort(key=lambda row: natural_key(row[column]), reverse=is_descending)
        ordered = known + [row for row in ordered if row.get(column) is None]
    return ordered


def pick(rows: Iterable[Row], columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows with these columns alone, in this order, and None for a column that a row does not have."""
    return [{column: row.get(column) for column in columns} for row in rows]


def render_plain(
    rows: Iterable[Row], columns: Sequence[str], screen: Screen = ANY_SCREEN, spare: Iterable[str] = ()
) -> str:
    """Return a table of these columns alone: rows under a line of names, `-` where there is nothing.

    Where the screen is too narrow, sentences and lists go on below themselves; no name or address is ever broken. Where
    that is not enough, the `spare` columns are left out, the first one first, until the others fit.
    """
    head = {column: column.upper().replace("_", " ") for column in columns}
    picked = pick(rows, columns)
    cells = {name: [head[name], *(show_value(row[name]) or "-" for row in picked)] for name in columns}
    if screen.width is None:
        widths = [max(map(display_width, column)) for column in cells.values()]
    else:
        _leave_out(cells, spare, screen.width)
        widths = _shrink(cells.values(), screen.width)
    lines = list(zip(*cells.values(), strict=True))
    shown = [_show(line, widths, screen, None if place else Tone.HEAD) for place, line in enumerate(lines)]
    return "\n".join(itertools.chain.from_iterable(shown))


def _leave_out(cells: dict[str, list[str]], spare: Iterable[str], width: int) -> None:
    """Take the spare columns away, the first one first, until the others can be made to fit."""
    least = {name: _least_width(column) for name, column in cells.items()}
    for name in spare:
        if sum(least.values()) <= _room(len(least), width):
            return
        if name in least:
            del least[name], cells[name]


def _shrink(columns: Collection[Sequence[str]], width: int) -> list[int]:
    """Return the widths, those that can be smaller shrunk until all fit, the largest first; or as they are."""
    found = [max(map(display_width, column)) for column in columns]
    least, room = list(map(_least_width, columns)), _room(len(columns), width)
    while sum(least) <= room < sum(found):
        largest = max(range(len(found)), key=lambda place: (found[place] > least[place]) * found[place])
        found[largest] -= 1
    return found


def _least_width(column: Iterable[str]) -> int:
    return max(display_width(part) for text in column for part in re.split(r" |(?<=,)", text))


def _room(columns: int, width: int) -> int:
    return width - len(_GAP) * (columns - 1)


def _show(cells: Sequence[str], widths: Sequence[int], screen: Screen, tone: Tone | None) -> Iterator[str]:
    broken = map(wrap, cells, widths)
    for parts in itertools.zip_longest(*broken, fillvalue=""):
        yield screen.paint(_GAP.join(map(pad, parts, widths)).rstrip(), tone)


def render_csv(rows: Iterable[Row], columns: Sequence[str]) -> str:
    """Return a line of names and one for each row as in RFC 4180, but with Unix line ends; null is empty.

    A text that begins with a sign of a formula, or with `'`, has a `'` before it, but for a mere `-`: whoever names a
    guest shall not have a formula computed by the spreadsheet of whoever opens the report.
    """
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(map(_cell, row.values()) for row in pick(rows, columns))
    return made.getvalue().removesuffix("\n")


def _cell(value: Any) -> str:
    text = show_value(value)
    return f"'{text}" if isinstance(value, str) and text != "-" and text.startswith(_FORMULA) else text


def render_values(rows: Iterable[Row], columns: Sequence[str]) -> str:
    """Return one line for each row, its values with a space between them; null and empty values are `None`."""
    return "\n".join(" ".join(show_value(value) or "None" for value in row.values()) for row in pick(rows, columns))


def render_json(document: Any, *, is_line: bool = False) -> str:
    """Return a document as JSON, its keys in their order, each on a line of its own unless all of it `is_line`."""
    return json.dumps(document, separators=(",", ":")) if is_line else indented(document)


def render_yaml(document: Any) -> str:
    """Return a document as YAML, its keys in their order."""
    import yaml  # noqa: PLC0415  few ask for it

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the one in C is much faster, but not everywhere
    options = {"sort_keys": False, "width": 1000}
    try:
        text: str = yaml.dump(document, Dumper=dumper, allow_unicode=True, **options)
    except UnicodeEncodeError:  # half a character, as JSON can have it: only the slow one can write that, as its number
        text = yaml.dump(document, Dumper=yaml.SafeDumper, **options)
    return text.removesuffix("\n")
