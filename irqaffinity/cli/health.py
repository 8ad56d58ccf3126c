# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity check --health`: probes run it on every host again and again, so it imports as little as it can."""

import argparse
from collections.abc import Sequence

from irqaffinity.agent.status_file import NoStatus, age, is_running, read_status
from irqaffinity.cli.output import say
from irqaffinity.conf.status_path import path_without_library
from irqaffinity.model.finding import Finding
from irqaffinity.model.times import FRESH


def run(arguments: argparse.Namespace) -> int:
    """Print one line; return 1 when no agent runs, or when it has been stuck for long, else 0."""
    path = path_without_library(arguments.config_file, arguments.config_dir)
    if path is None:
        from irqaffinity.cli.session import Session  # noqa: PLC0415  it takes longer than all the rest

        path = Session.read(arguments).settings.status_path
    return tell([look_at_health(path)])


def tell(findings: Sequence[Finding]) -> int:
    """Print a line for each finding; return 1 when one is not ok, else 0."""
    lines = [f"{finding.subject:<14} {'ok' if finding.is_ok else 'FAILED':<7} {finding.text}" for finding in findings]
    say("\n".join(lines))
    return 0 if all(finding.is_ok for finding in findings) else 1


def look_at_health(status_path: str) -> Finding:
    """Return from local state alone whether the agent lives and its worker moves."""
    try:
        status = read_status(status_path)
    except NoStatus as error:
        return Finding("agent", False, str(error))
    if not is_running(status):
        return Finding("agent", False, f"the agent, pid {status['pid']}, has died; look at its log, and restart it")
    seconds = age(status)
    if seconds > FRESH:
        return Finding("agent", False, f"the agent has not moved for {seconds:.0f} s: it is stuck; restart it")
    return Finding("agent", True, f"pid {status['pid']}, alive {seconds:.0f} s ago")
