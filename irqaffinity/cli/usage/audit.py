# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity audit`."""

import argparse

from irqaffinity.cli.columns import DEVICES, IRQS
from irqaffinity.cli.form import add_form, add_only
from irqaffinity.cli.usage.command import TARGET, Command, Example


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="make one pass and leave")
    parser.add_argument("--dry-run", action="store_true", help="write nothing, show what would be written")
    add_form(parser, "devices", DEVICES, other=("irqs", "irqs", IRQS))
    add_only(parser)
    parser.add_argument("--guest", metavar="TARGET", help=f"only the devices of this guest: {TARGET}")
    parser.add_argument("--device", metavar="TARGET", help=f"only this PCI device: {TARGET}")
    parser.add_argument("--irqs", action="store_true", help="in table, csv and value: a line for each interrupt")
    parser.add_argument("--quiet", action="store_true", help="print only the summary, without the table")


COMMAND = Command(
    summary="put every interrupt in its place, again and again or once",
    about="Looks at all guests of this host, puts every interrupt in its place, and shows what it did: for a look by "
    "hand, or in place of the agent.",
    examples=(
        Example("audit --once --dry-run", "what would be moved; needs no root and writes nothing"),
        Example("audit --once --guest instance-0000002a", "place the interrupts of one guest, now"),
        Example("audit --once --dry-run --only error,remote", "only the guests that need a look"),
        Example("audit --once --dry-run --only intruders", "the guests on whose CPUs interrupts of the host arrive"),
        Example(
            "audit --once --dry-run -f csv -c name -c address -c cpus", "where the interrupts are, for a spreadsheet"
        ),
        Example("audit --once --dry-run -f json", "all of it, for a program to read"),
    ),
    statuses={
        0: "all work is done",
        1: "not all work could be done: a guest is in error, an interrupt could not be moved, libvirt is away, ...",
        2: "a dry run found interrupts to move, and nothing for which the status would be 1",
    },
    declare=_declare,
)
