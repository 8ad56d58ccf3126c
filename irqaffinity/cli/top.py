# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity top`."""

import argparse
import logging
import time
from typing import TYPE_CHECKING

from irqaffinity.cli import EXIT_FAILED
from irqaffinity.cli.form import say_report
from irqaffinity.cli.screen import look_at_screen
from irqaffinity.cli.session import Session, explained
from irqaffinity.passes.arrived import sample_arrivals
from irqaffinity.passes.made import Pass
from irqaffinity.report.top import render_top
from irqaffinity.report.top_tables import By

if TYPE_CHECKING:
    from irqaffinity.cli.top_source import Source
    from irqaffinity.cli.top_terminal import Terminal

_FIRST = 0.5
"""Seconds of the first interval, at most, so that the view soon shows something."""


def run(arguments: argparse.Namespace) -> int:
    """Show where interrupts arrive until somebody leaves, or print one interval; needs no agent, and writes nothing."""
    if arguments.once or arguments.format != "table" or arguments.columns or arguments.sort:
        return _print_once(arguments)
    from irqaffinity.cli.top_terminal import require_terminal  # noqa: PLC0415  curses is for the live view alone

    require_terminal()
    return _show(arguments)


def _print_once(arguments: argparse.Namespace) -> int:
    session, by = Session.open(arguments), By(arguments.by)
    with explained():
        made = session.auditor.rehearse(logs=False)
        document = sample_arrivals(session.root, made, session.auditor.policy.dedicated_cpus, arguments.delay)
    say_report(arguments, document, by.key, lambda: render_top(document, by, look_at_screen(arguments)))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from irqaffinity.cli.top_source import Source  # noqa: PLC0415
    from irqaffinity.cli.top_terminal import opened_terminal  # noqa: PLC0415

    session = Session.open(arguments)

    def rehearse() -> Pass:
        return session.auditor.rehearse(logs=False)

    with explained():
        source = Source(session.root, rehearse, rehearse(), session.auditor.policy.dedicated_cpus)
    logging.disable()  # a line of the log would stand in the middle of the screen
    with opened_terminal(is_coloured=look_at_screen(arguments).is_coloured) as terminal:
        _watch(terminal, source, By(arguments.by), arguments.delay)
    return EXIT_FAILED if terminal.has_gone else 0


def _watch(terminal: "Terminal", source: "Source", by: By, delay: float) -> None:
    """Show what arrives until somebody leaves or the terminal goes."""
    from irqaffinity.cli.top_source import Pace  # noqa: PLC0415
    from irqaffinity.cli.top_view import Around, View  # noqa: PLC0415

    view, pace, due = View(by), Pace(delay), time.monotonic() + min(_FIRST, delay)
    while not (view.has_ended or terminal.has_gone or terminal.is_to_end):
        around = Around(pace.seconds, pace.share, pace.is_slowed, source.trouble)
        lines = view.lines(source.document, around, *terminal.size)
        terminal.draw(lines, bars=(4, len(lines) - 1) if source.document else ())
        for key in terminal.wait(due - time.monotonic()):
            view.press(key)
        if view.wants_look:
            view.wants_look = False
            source.look()
        if time.monotonic() >= due:
            if not view.is_paused:
                source.refresh()
            pace.took()
            due = time.monotonic() + pace.seconds
