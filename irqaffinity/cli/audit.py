# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity audit`."""

import argparse
import logging
import signal
import threading
import time
from types import FrameType

from irqaffinity.cli.main import CommandError
from irqaffinity.cli.session import Session, explained
from irqaffinity.model.target import Narrowing
from irqaffinity.report.document import render_json
from irqaffinity.report.outcome import EXIT_FAILED, Outcome
from irqaffinity.report.table import render_table

LOG = logging.getLogger(__name__)


def run(arguments: argparse.Namespace) -> int:
    """Make one pass, or one every `[audit] interval` until SIGINT or SIGTERM; return the status of the last."""
    session = Session.open(arguments)
    if arguments.once:
        return _pass(session, arguments)
    ended = threading.Event()
    _end_on_signal(ended)
    while True:
        start = time.monotonic()
        try:
            status = _pass(session, arguments)
        except CommandError as error:
            LOG.error("%s", error)
            status = EXIT_FAILED
        if ended.wait(max(0.0, start + session.settings.audit_interval - time.monotonic())):
            return status


def _pass(session: Session, arguments: argparse.Namespace) -> int:
    scope = Narrowing(arguments.guest, arguments.device)
    with explained():
        made = session.auditor.rehearse(scope) if arguments.dry_run else session.auditor.audit(scope)
    if made.outcome.unsaved is not None:
        LOG.error("%s", made.outcome.unsaved)
    print(_render(made.outcome, arguments), flush=True)
    return made.outcome.exit_status()


def _render(outcome: Outcome, arguments: argparse.Namespace) -> str:
    if arguments.format == "json":
        return render_json(outcome)
    return render_table(outcome, each_irq=arguments.irqs, quiet=arguments.quiet)


def _end_on_signal(ended: threading.Event) -> None:
    """Let the pass that runs come to its end when the program is told to stop."""

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
