# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity unhold`."""

import argparse

from irqaffinity.cli.columns import LIFTED
from irqaffinity.cli.form import add_form
from irqaffinity.cli.usage.command import TARGET, Command, Example


def _declare(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--guest", metavar="TARGET", help=f"only the holds on this guest: {TARGET}")
    which.add_argument("--device", metavar="TARGET", help=f"only the holds on this PCI device: {TARGET}")
    which.add_argument("--id", metavar="N", type=_number, help="only the hold with this number")
    add_form(parser, "moved", LIFTED)


def _number(text: str) -> int:
    if not (text.isdecimal() and text.isascii() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not the number of a hold; irqaffinity deferred shows them")
    return int(text)


COMMAND = Command(
    summary="lift holds, and move at once what waited for that",
    about="Lifts holds, all of them unless one is named, and has what they had deferred moved at once: by the running "
    "agent, or without one in a pass of its own. What another hold covers goes on waiting.",
    examples=(
        Example("unhold", "lift all holds: the change window is over"),
        Example("unhold --guest instance-0000002a", "lift the holds on one guest"),
        Example("unhold --id 3", "lift one hold; irqaffinity deferred shows the numbers"),
    ),
    statuses={
        0: "the holds are lifted, and what waited for them is done, or the agent does it at its next pass",
        1: "there is no such hold; or it is lifted, and what waited could not all be moved",
    },
    declare=_declare,
)
