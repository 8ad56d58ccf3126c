# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity targets`, which the completion of a shell asks; no help and no page tells of it."""

import argparse

from irqaffinity.cli.usage.command import Command, Example


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", choices=("guest", "device", "target"), default="target", help="what is looked for")
    parser.add_argument("--begun", action="store_true", help="also what nobody wants listed who has typed nothing yet")
    parser.add_argument("--line", metavar="TEXT", help="what is typed in bash up to the cursor: complete its last word")
    parser.add_argument("--breaks", metavar="CHARACTERS", default="", help="COMP_WORDBREAKS of bash")


COMMAND = Command(
    summary="list what a TARGET may be",
    about="Lists what a TARGET may be, as the running agent tells it, for the completion of a shell.",
    examples=(Example("targets --kind guest", "the guests of the running agent"),),
    statuses={0: "in any case: a shell shows no trouble", 1: "the output cannot be written"},
    declare=_declare,
)
