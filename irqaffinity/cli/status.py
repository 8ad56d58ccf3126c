# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity status`."""

import argparse
import json

from irqaffinity.agent.status_file import NoStatus, age, read_status
from irqaffinity.agent.status_shape import WHOLE
from irqaffinity.cli.main import CommandError
from irqaffinity.cli.output import say
from irqaffinity.cli.session import Session
from irqaffinity.model.times import FRESH
from irqaffinity.report.status_report import render_status


def run(arguments: argparse.Namespace) -> int:
    """Print what the running agent published last; return 1 when none runs, or when it has not moved for long."""
    session = Session.read(arguments)
    try:
        status = read_status(session.settings.status_path, WHOLE)
    except NoStatus as error:
        raise CommandError(str(error)) from error
    say(json.dumps(status, indent=1) if arguments.format == "json" else render_status(status))
    seconds = age(status)
    if seconds > FRESH:
        raise CommandError(f"the agent has not moved for {seconds:.0f} s: it died or is stuck; restart it")
    return 0
