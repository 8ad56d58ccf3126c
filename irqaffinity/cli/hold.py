# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity hold`."""

import argparse
import logging

from irqaffinity.cli.ask_agent import Reply, Status, ask_agent
from irqaffinity.cli.form import say_report
from irqaffinity.cli.hold_target import Named, find_named
from irqaffinity.cli.session import Session, explained
from irqaffinity.cli.usage.hold import DEFAULT
from irqaffinity.model.hold import Hold
from irqaffinity.observe.moment import read_moment
from irqaffinity.passes.holds import add_hold
from irqaffinity.report.document import SCHEMA
from irqaffinity.report.holds import describe_hold, tell_hold
from irqaffinity.report.times import show_time

LOG = logging.getLogger(__name__)


def run(arguments: argparse.Namespace) -> int:
    """Make a hold, tell the running agent, and print the hold; return 0."""
    session = Session.open(arguments)
    with explained():
        named = find_named(session, arguments.guest, arguments.device)
        hold = _make(session, arguments, named)
    reply = ask_agent(session.folder, session.settings.status_path, lambda status: _shows(status, hold))
    row = describe_hold(hold)
    document = {"schema": SCHEMA, "host": session.settings.host, "time": show_time(hold.since), "holds": [row]}
    is_default = arguments.span is None and arguments.until is None
    note = " (24 h, for neither --for nor --until is given)" if is_default else ""
    line = f"{tell_hold(row, named.name)}{note}"
    say_report(arguments, document, "holds", lambda: line, done=line)
    _tell(reply, session)
    return 0


def _make(session: Session, arguments: argparse.Namespace, named: Named) -> Hold:
    moment = read_moment(session.root)
    until = arguments.until or moment.now + (arguments.span or DEFAULT)
    return add_hold(
        session.store,
        moment,
        until,
        arguments.reason,
        guest=named.guest,
        device=named.device,
        everything=arguments.everything,
    )


def _shows(status: Status, hold: Hold) -> bool:
    """Tell whether a status of the agent has the hold."""
    return any((row["id"], row["since"]) == (hold.id, show_time(hold.since)) for row in status.get("holds", ()))


def _tell(reply: Reply, session: Session) -> None:
    """Say whether the hold counts for an agent already."""
    if reply is Reply.NO_AGENT:
        LOG.warning("no agent runs here: the hold counts for every later pass, also those of audit")
    elif reply is Reply.SILENT:
        when = f"before its next move, after {session.settings.audit_interval:g} s at the latest"
        where = f"if its state folder is {session.folder.path} too"
        LOG.warning("the agent does not show the hold yet: it will see it %s, %s", when, where)
