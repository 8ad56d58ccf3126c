# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity history`."""

import argparse
from datetime import datetime, timezone

from irqaffinity.cli.columns import LINES
from irqaffinity.cli.form import add_form, find_misuse
from irqaffinity.cli.usage.command import Command, Example
from irqaffinity.grammar.moment import parse_moment
from irqaffinity.model.irq import parse_irq_number
from irqaffinity.model.verdict import Cause

_MOMENT = "how long ago (a number with s, m, h or d), or a time in ISO 8601, UTC where it names no zone"


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--since", metavar="TIME", type=_moment, help=f"only from this moment on: {_MOMENT}")
    parser.add_argument("--until", metavar="TIME", type=_moment, help="only before this moment, written like --since")
    parser.add_argument("--guest", metavar="TARGET", help="only this guest, which may be gone by now: its uuid or name")
    parser.add_argument("--device", metavar="TARGET", help="only this PCI device: its full or short address")
    parser.add_argument("--irq", metavar="N", type=_irq, help="only this interrupt")
    causes = [cause.value for cause in Cause]
    told = f"only for this cause: {', '.join(causes)}"
    parser.add_argument("--cause", metavar="CAUSE", choices=causes, help=told)
    add_form(parser, "lines", LINES)
    parser.set_defaults(find_misuse=_find_misuse)


def _find_misuse(arguments: argparse.Namespace) -> str | None:
    since, until = arguments.since, arguments.until
    if since is not None and until is not None and until <= since:
        return "argument --until: it has to be later than --since"
    return find_misuse(arguments)


def _moment(text: str) -> datetime:
    try:
        return parse_moment(text, datetime.now(timezone.utc))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _irq(text: str) -> int:
    try:
        return parse_irq_number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


COMMAND = Command(
    summary="list which interrupts were moved on this host, when, from where to where, and why",
    about="Lists which interrupts were moved on this host, when, from where to where, and why, the oldest first: for "
    "whoever asks what happened. Needs the right to read the state folder, and neither an agent nor libvirt.",
    examples=(
        Example("history --since 1h", "what moved in the last hour"),
        Example("history --guest instance-0000002a --since 2026-11-20", "the moves of one guest since that day"),
        Example("history --cause drift -f csv", "what another program had moved, for a spreadsheet"),
    ),
    statuses={
        0: "the lines were shown, or there is none in that time",
        1: "the history cannot be read, or has no such guest, device or interrupt",
    },
    declare=_declare,
)
