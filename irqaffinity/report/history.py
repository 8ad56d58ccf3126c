# SPDX-License-Identifier: Apache-2.0
"""The history of changes, for people."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from irqaffinity.model.text import clean, counted
from irqaffinity.report.rows import render_plain
from irqaffinity.report.screen import ANY_SCREEN, Screen
from irqaffinity.report.times import show_time

COLUMNS = ("time", "name", "device", "irqs", "from", "to", "cause", "verdict")
"""The columns of the table, with a guest's uuid only where its name is not known: a line has to fit the screen."""

_SPARE = ("irqs", "from", "verdict")
"""The columns that the table leaves out on a narrow screen, in this order."""

_HOST = "(host)"
_WORDS = {
    "since": "since",
    "until": "until",
    "guest": "of guest",
    "device": "of device",
    "irq": "of interrupt",
    "cause": "for the cause",
}


def render_history(
    lines: Sequence[Mapping[str, str | None]], asked: Mapping[str, object], screen: Screen = ANY_SCREEN
) -> str:
    """Return the lines as a table with their number, or a sentence that there are none of those `asked` for."""
    if not lines:
        return f"the history has no change{''.join(_describe(asked))}"
    rows = [{**line, "name": line["name"] or line["guest"] or _HOST} for line in lines]
    guests = {line["guest"] for line in lines}
    whose = [counted(len(guests - {None}), "guest")] if guests - {None} else []
    whose += ["the host"] if None in guests else []
    table = render_plain(rows, COLUMNS, screen, _SPARE)
    return f"{table}\n\n{counted(len(lines), 'change')} of {' and '.join(whose)}"


def _describe(asked: Mapping[str, object]) -> Iterator[str]:
    for what, value in asked.items():
        if value is not None:
            shown = show_time(value) if isinstance(value, datetime) else clean(str(value))
            yield f" {_WORDS[what]} {shown}"
