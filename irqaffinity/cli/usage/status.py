# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity status`."""

import argparse

from irqaffinity.cli.columns import PLACED_DEVICES
from irqaffinity.cli.form import add_form, add_only, find_misuse
from irqaffinity.cli.usage.command import Command, Example

_SECONDS = 2.0
_LEAST, _MOST = 0.5, 86_400.0


def _declare(parser: argparse.ArgumentParser) -> None:
    add_form(parser, "placement.devices", PLACED_DEVICES)
    add_only(parser)
    parser.add_argument(
        "--watch",
        metavar="SECONDS",
        nargs="?",
        type=_seconds,
        const=_SECONDS,
        help=f"show it again at each change, and at least every SECONDS ({_SECONDS:g} if left out), until Ctrl-C; "
        "with -f json one document a line",
    )
    parser.set_defaults(find_misuse=_find_misuse)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not _LEAST <= seconds <= _MOST:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a number of seconds from {_LEAST:g} to {_MOST:.0f}")
    return seconds


def _find_misuse(arguments: argparse.Namespace) -> str | None:
    if arguments.watch is not None and arguments.format not in ("table", "json"):
        return f"argument --watch: it works with -f table and json, not with {arguments.format}"
    return find_misuse(arguments)


COMMAND = Command(
    summary="show what the running agent is connected to, and what it did last",
    about="Shows what the running agent of this host is connected to, and what it did last: for whoever looks after "
    "the host. Needs neither root nor libvirt.",
    examples=(
        Example("status", "the agent, its connections and its guests"),
        Example("status --only error,pending", "only the guests that somebody has to look at"),
        Example("status --watch", "the same again and again, in place, until Ctrl-C"),
        Example("status -f json", "the same, for a program to read"),
    ),
    statuses={0: "an agent runs, and works", 1: "no agent runs, or it is stuck"},
    declare=_declare,
)
