# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity status`."""

import argparse

from irqaffinity.agent.status_file import NoStatus, age, read_status
from irqaffinity.agent.status_shape import WHOLE
from irqaffinity.cli.form import only_words, render_report
from irqaffinity.cli.main import CommandError
from irqaffinity.cli.output import say
from irqaffinity.cli.screen import look_at_screen
from irqaffinity.cli.session import Session
from irqaffinity.cli.watch import Look, watch
from irqaffinity.model.times import FRESH
from irqaffinity.report.select import select_status
from irqaffinity.report.status_text import render_status


def run(arguments: argparse.Namespace) -> int:
    """Print the last status of the running agent; raise CommandError when none runs, or when it is stuck.

    With --watch, print it again and again, until somebody ends the command.
    """
    path = Session.read(arguments).settings.status_path
    if arguments.watch is not None:
        separator = None if arguments.format == "json" else "---"
        watch(path, arguments.watch, lambda: _watched(path, arguments), separator=separator)
    report, trouble = _look(path, arguments)
    if report is not None:
        say(report)
    if trouble is not None:
        raise CommandError(trouble)
    return 0


def _look(path: str, arguments: argparse.Namespace) -> Look:
    try:
        status = read_status(path, WHOLE)
    except NoStatus as error:
        return Look(None, str(error))
    only = only_words(arguments)
    report = render_report(
        arguments,
        select_status(status, only),
        "placement.devices",
        lambda: render_status(status, only, look_at_screen(arguments)),
        is_line=arguments.watch is not None,
    )
    seconds = age(status)
    if seconds > FRESH:
        return Look(report, f"the agent has not moved for {seconds:.0f} s: it died or is stuck; restart it")
    return Look(report, None)


def _watched(path: str, arguments: argparse.Namespace) -> Look:
    """Return a look; where there is no status, its trouble says that the command waits for one."""
    look = _look(path, arguments)
    return look if look.report is not None else Look(None, f"{look.trouble}; waiting for it")
