# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity reset`."""

import argparse
import contextlib
import logging

from irqaffinity.cli.main import CommandError
from irqaffinity.cli.output import say
from irqaffinity.cli.screen import look_at_screen
from irqaffinity.cli.session import Session, explained
from irqaffinity.passes.made import Pass
from irqaffinity.report.outcome import EXIT_FAILED
from irqaffinity.report.screen import Screen
from irqaffinity.report.summary import render_summary
from irqaffinity.report.table import render_table
from irqaffinity.state.lock import LockTaken
from irqaffinity.state.one_agent import hold_agent_locks, run_folder

LOG = logging.getLogger(__name__)


def run(arguments: argparse.Namespace) -> int:
    """Give back every interrupt that was moved, as the state says; return the exit status.

    Refuse while an agent runs, which would move them again, and under a hold, unless with --force.
    """
    session = Session.open(arguments)
    with explained(), contextlib.ExitStack() as stack:
        if not arguments.force:
            try:
                troubles = stack.enter_context(hold_agent_locks(session.folder, run_folder(), session.settings.proc))
            except LockTaken as error:
                raise CommandError("an agent runs and would move them again: stop it first, or use --force") from error
            if session.folder in troubles:
                raise troubles[session.folder]
        was_moved = any(session.store.peek(logs=False).records.values())
        made = session.auditor.reset(is_forced=arguments.force)
        owes, owed = session.balance.owes, session.balance.give_back(is_forced=arguments.force)
    if made.outcome.unsaved is not None:
        LOG.error("%s", made.outcome.unsaved)
    for trouble in owed:
        LOG.error("irqbalance was not given back what it had: %s", trouble)
    _tell(made, look_at_screen(arguments), was_moved=was_moved)
    if owes and not owed:
        say("irqbalance was given back what it had")
    return EXIT_FAILED if owed else made.outcome.exit_status()


def _tell(made: Pass, screen: Screen, *, was_moved: bool) -> None:
    """Print what was given back, or that there was nothing to give back; raise OutputLost."""
    isolated = made.outcome.isolated
    if made.outcome.devices or (isolated is not None and isolated.results):
        say(render_table(made.outcome, screen=screen), done=render_summary(made.outcome))
    elif was_moved:
        say("nothing was given back: the moved interrupts are gone, or another program has moved them since")
    else:
        say("nothing was moved, so nothing was given back")
