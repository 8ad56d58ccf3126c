# SPDX-License-Identifier: Apache-2.0
"""Shows the report of a file again whenever the file changes: in place on a terminal, else one below the other."""

import os
import re
import select
import sys
import time
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from irqaffinity.cli.output import OutputLost, complain, say
from irqaffinity.cli.usage.command import PROGRAM
from irqaffinity.report.width import display_width

_LOOK = 0.2
"""Seconds between two looks at whether the file has changed."""

_HOME_AND_CLEAR = "\x1b[H\x1b[J"
"""These change no mode of the terminal, so there is nothing to restore, even where somebody kills the program."""

_COLOUR = re.compile("\x1b\\[[0-9;]*m")
_HUNG_UP = "nobody reads it"


class Look(NamedTuple):
    """A report, None where there is none; and a trouble, None where nothing is wrong."""

    report: str | None
    trouble: str | None

    @property
    def kind(self) -> tuple[bool, bool]:
        """Whether there is a report and whether there is a trouble: only a change of these is news."""
        return self.report is None, self.trouble is None


def watch(path: str, seconds: float, look: Callable[[], Look], *, separator: str | None) -> NoReturn:
    """Show a look whenever the file at `path` changes, and every `seconds`; raise OutputLost when nobody reads it.

    A trouble is shown, and the watch goes on. With `separator` the reports are drawn in place on a terminal; elsewhere
    that line stands between them.
    """
    is_drawn = separator is not None and _can_draw()
    last: Look | None = None
    shown = 0
    while True:
        mark, due = _mark(path), time.monotonic() + seconds
        now = look()
        if is_drawn:
            say(_HOME_AND_CLEAR + "\n".join(_fit([*(now.report or "").splitlines(), *_complaint(now)])))
        else:
            if now.report is not None:
                say(now.report if separator is None or not shown else f"{separator}\n{now.report}")
                shown += 1
            if last is None or now.kind != last.kind:
                for line in _complaint(now):
                    complain(line)
        last = now
        _wait(lambda mark=mark: _mark(path) != mark, due)  # type: ignore[misc]


def _complaint(look: Look) -> list[str]:
    return [] if look.trouble is None else [f"{PROGRAM}: {look.trouble}"]


def _mark(path: str) -> tuple[object, ...]:
    """Return a mark that changes when the file, or the size of the terminal, changes."""
    try:
        terminal: object = os.get_terminal_size(sys.stdout.fileno())
    except (AttributeError, OSError, ValueError):
        terminal = None
    try:
        found = os.stat(path)
    except OSError as error:
        return terminal, error.errno
    return terminal, found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _wait(is_over: Callable[[], bool], due: float) -> None:
    """Wait for `is_over`, at most until `due` of time.monotonic; raise OutputLost when the reader has left."""
    poll = select.poll()
    poll.register(sys.stdout, 0)
    while True:
        if poll.poll(_LOOK * 1000):
            raise OutputLost(_HUNG_UP, None, is_quiet=True)
        if is_over() or time.monotonic() >= due:
            return


def _can_draw() -> bool:
    return sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb")


def _fit(lines: list[str]) -> list[str]:
    """Return the lines that fit on the terminal, and in place of the others one line with their number."""
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    left = rows - 2 if rows else len(lines)  # one row for the cursor, one for the number of lines left out
    for place, line in enumerate(lines):
        left -= max(1, -(-display_width(_COLOUR.sub("", line)) // max(columns, 1)))
        if left < 0:
            return [*lines[:place], f"... {len(lines) - place} more lines: make the terminal higher, or use --only"]
    return lines
