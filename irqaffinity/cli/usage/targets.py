# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity targets`, which the completion of a shell runs; no help and no page of the guide names it."""

import argparse

from irqaffinity.cli.usage.command import Command, Example


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kind", choices=("guest", "device", "target", "cpu", "pf"), default="target", help="what to list"
    )
    parser.add_argument("--begun", action="store_true", help="list uuids and interrupts too: the user has begun a word")
    parser.add_argument("--line", metavar="TEXT", help="the text in bash up to the cursor: complete its last word")
    parser.add_argument("--breaks", metavar="CHARACTERS", default="", help="COMP_WORDBREAKS of bash")


COMMAND = Command(
    summary="list what a TARGET may be",
    about="Lists what a TARGET may be, from the status of the running agent, for the completion of a shell.",
    examples=(Example("targets --kind guest", "the guests of the running agent"),),
    statuses={0: "in all other cases: a shell would not show an error", 1: "the output cannot be written"},
    declare=_declare,
)
