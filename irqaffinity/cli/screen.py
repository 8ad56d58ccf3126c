# SPDX-License-Identifier: Apache-2.0
"""Finds out how wide a report on standard output may be, and whether it may have colours."""

import argparse
import os
import sys

from irqaffinity.report.screen import Screen

_LEAST_WIDTH = 40


def look_at_screen(arguments: argparse.Namespace) -> Screen:
    """Return the screen; standard output that is no terminal has no width.

    COLUMNS does not count: GNU readline, for example, puts it into the environment of each program that Python starts.
    --color decides on colours first, then NO_COLOR (https://no-color.org), then TERM.
    """
    return Screen(_width(), _is_coloured(arguments.color or "auto"))


def _width() -> int | None:
    """Return the columns of the terminal; None where a line may be of any length."""
    try:
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
    except (AttributeError, OSError, ValueError):
        return None  # it is no terminal, or closed
    return max(columns, _LEAST_WIDTH) if columns else None  # a serial line may not know its width


def _is_coloured(when: str) -> bool:
    if when != "auto":
        return when == "always"
    return _is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") not in ("", "dumb")


def _is_terminal() -> bool:
    try:
        return sys.stdout is not None and sys.stdout.isatty()
    except ValueError:
        return False  # it is closed
