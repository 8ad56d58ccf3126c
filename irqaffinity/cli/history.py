# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity history`."""

import argparse
import logging
from datetime import datetime, timezone

from irqaffinity.cli.form import say_report
from irqaffinity.cli.main import CommandError
from irqaffinity.cli.place import find_place
from irqaffinity.cli.screen import look_at_screen
from irqaffinity.model.target import UnknownTarget
from irqaffinity.report.history import render_history
from irqaffinity.report.times import show_time
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.past import HistoryMissing, Line, Wanted, read_history

LOG = logging.getLogger(__name__)

SCHEMA = 1
_REMEDY = "run it as the agent's user, or name the folder with --state"


def run(arguments: argparse.Namespace) -> int:
    """Print which interrupts were moved, the oldest first; it needs no agent, and delays none. Return 0."""
    place = find_place(arguments)
    named = arguments.guest, arguments.device, arguments.irq, arguments.cause
    wanted = Wanted(arguments.since, arguments.until, *named)
    lines: list[Line] = []
    try:
        lines = read_history(StateFolder(place.state_path, remedy=_REMEDY), wanted)
    except HistoryMissing as reason:
        LOG.warning("%s", reason)
    except (StateError, UnknownTarget) as error:
        raise CommandError(str(error)) from error
    document = {"schema": SCHEMA, "host": place.host, "time": show_time(datetime.now(timezone.utc)), "lines": lines}
    say_report(arguments, document, "lines", lambda: render_history(lines, wanted._asdict(), look_at_screen(arguments)))
    return 0
