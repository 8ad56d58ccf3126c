# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity audit`."""

import argparse
import logging
import signal
import time
from collections.abc import Sequence

from irqaffinity.cli import EXIT_INTERRUPTED
from irqaffinity.cli.form import needs_document, only_words, say_report
from irqaffinity.cli.main import CommandError
from irqaffinity.cli.screen import look_at_screen
from irqaffinity.cli.session import Session, explained
from irqaffinity.cli.settings import warn_of
from irqaffinity.model.layout import NodeLayout
from irqaffinity.model.target import Narrowing
from irqaffinity.observe.layout import read_layout
from irqaffinity.observe.rivals import find_processes
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.passes.turns import collector_paused
from irqaffinity.report.document import to_document
from irqaffinity.report.outcome import EXIT_FAILED, Outcome
from irqaffinity.report.summary import render_summary
from irqaffinity.report.table import render_table
from irqaffinity.state.folder import StateError

LOG = logging.getLogger(__name__)

_ENDS = frozenset({signal.SIGINT, signal.SIGTERM})


def run(arguments: argparse.Namespace) -> int:
    """Make one pass, or one every `[audit] interval` until SIGTERM or SIGINT; return the exit status of the last pass.

    After SIGINT, which is Ctrl-C, return 130, as every command does.
    """
    if not arguments.once:
        return _repeat(arguments)
    session = Session.open(arguments)
    with collector_paused():
        return _pass(session, arguments)


def _repeat(arguments: argparse.Namespace) -> int:
    from irqaffinity.cli.logs import start_log  # noqa: PLC0415  one pass has no use for them
    from irqaffinity.daemon.farewell import Farewell  # noqa: PLC0415

    session = Session.read(arguments)
    start_log(session.settings, arguments)
    warn_of(session.settings)
    session.auditor.counting.is_on = True
    farewell = Farewell("audit")
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)  # they wait until the pass that runs has ended
    while True:
        start = time.monotonic()
        try:
            status = _pass(session, arguments)
        except CommandError as error:
            LOG.error("%s", error)
            status = EXIT_FAILED
        received = signal.sigtimedwait(_ENDS, max(0.0, start + session.settings.audit_interval - time.monotonic()))
        if received is not None:
            farewell.tell(received.si_signo, None)
            return EXIT_INTERRUPTED if received.si_signo == signal.SIGINT else status


def _pass(session: Session, arguments: argparse.Namespace) -> int:
    scope = Narrowing(arguments.guest, arguments.device)
    with explained():
        nodes = read_layout(session.root) if arguments.format in ("json", "yaml") else ()
        made = session.auditor.rehearse(scope) if arguments.dry_run else session.auditor.audit(scope)
        if not arguments.dry_run and scope == Narrowing():
            tell_irqbalance(session)
    if made.outcome.unsaved is not None:
        LOG.error("%s", made.outcome.unsaved)
    _say(made.outcome, nodes, arguments)
    return made.outcome.exit_status()


def tell_irqbalance(session: Session) -> None:
    """Tell irqbalance what to leave alone, as an agent does, or give back what an earlier pass told it.

    Where it cannot be told, that is said only if one runs, as far as this /proc shows it.
    """
    tells, trouble = session.settings.policy.isolation.tells_irqbalance, None
    try:
        if tells or session.balance.owes:
            trouble = session.balance.follow(session.auditor.bans() if tells else None).trouble
    except (HostUnreadable, StateError, OSError) as error:
        trouble = str(error)
    if trouble is not None and (session.balance.why_none() is None or find_processes(session.root, "irqbalance")):
        LOG.warning("irqbalance: %s", trouble)


def _say(outcome: Outcome, nodes: Sequence[NodeLayout], arguments: argparse.Namespace) -> None:
    only = only_words(arguments)

    def table() -> str:
        screen = look_at_screen(arguments)
        return render_table(outcome, each_irq=arguments.irqs, quiet=arguments.quiet, only=only, screen=screen)

    done = None if arguments.dry_run else render_summary(outcome)
    document = to_document(outcome, only, nodes) if needs_document(arguments) else {}
    say_report(arguments, document, "irqs" if arguments.irqs else "devices", table, done)
