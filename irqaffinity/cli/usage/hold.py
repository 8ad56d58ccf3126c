# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity hold`."""

import argparse
from datetime import datetime, timedelta, timezone

from irqaffinity.cli.columns import HOLDS
from irqaffinity.cli.form import add_form
from irqaffinity.cli.usage.command import TARGET, Command, Example
from irqaffinity.grammar.moment import parse_span, parse_time
from irqaffinity.model.text import clean

DEFAULT = timedelta(hours=24)
"""How long a hold lasts where nobody says it."""


def _declare(parser: argparse.ArgumentParser) -> None:
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("--guest", metavar="TARGET", help=f"only the interrupts of this guest: {TARGET}")
    scope.add_argument("--device", metavar="TARGET", help=f"only the interrupts of this PCI device: {TARGET}")
    end = parser.add_mutually_exclusive_group()
    told = "how long: a number with s, m, h or d (24h where neither this nor --until is given)"
    end.add_argument("--for", dest="span", metavar="TIME", type=_span, help=told)
    told = "when it ends: a time in ISO 8601, UTC where it names no zone"
    end.add_argument("--until", metavar="TIME", type=_moment, help=told)
    told = "why, for whoever meets the hold later"
    parser.add_argument("--reason", metavar="TEXT", required=True, type=_reason, help=told)
    told = "hold new interrupts too: without this, each one is still placed for the first time"
    parser.add_argument("--everything", action="store_true", help=told)
    add_form(parser, "holds", HOLDS)


def _span(text: str) -> timedelta:
    try:
        span = parse_span(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not span:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no time at all")
    return span


def _moment(text: str) -> datetime:
    try:
        moment = parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; write how long it lasts with --for") from error
    if moment <= datetime.now(timezone.utc):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is over already")
    return moment


def _reason(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty: say why, for whoever meets the hold later")
    return clean(text.strip())


COMMAND = Command(
    summary="move no interrupt for a while: of the host, of a guest or of a device",
    about="From now on, no interrupt that has been placed is moved: for a change window, a benchmark or an upgrade. "
    "What would have been moved waits, and irqaffinity deferred lists it. A new interrupt still gets its first place, "
    "unless with --everything. The hold ends by itself at its time, or with irqaffinity unhold, whatever is restarted "
    "meanwhile.",
    examples=(
        Example("hold --for 2h --reason 'change 4711'", "keep the whole host still for two hours"),
        Example(
            "hold --guest instance-0000002a --until 2030-01-31T06:00Z --reason benchmark",
            "keep the interrupts of one guest where they are, also when it is stopped and started",
        ),
        Example("hold --device 81:00.1 --everything --reason 'firmware update'", "place not even new interrupts"),
    ),
    statuses={
        0: "the hold is in force",
        1: "there is no such guest or device, or the state cannot be written",
    },
    declare=_declare,
)
