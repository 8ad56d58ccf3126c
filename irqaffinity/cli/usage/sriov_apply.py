# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity sriov apply`."""

import argparse

from irqaffinity.cli.columns import STEPS
from irqaffinity.cli.form import add_form
from irqaffinity.cli.usage.command import Command, Example


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="write nothing, show what would be written")
    told = "change a number of virtual functions that is not 0: all of them are removed first, and who has one loses it"
    parser.add_argument("--force", action="store_true", help=told)
    told = "only what is declared of this physical function: its netdev or PCI address; can be repeated"
    parser.add_argument("--pf", metavar="PF", action="append", help=told)
    add_form(parser, "steps", STEPS)


COMMAND = Command(
    summary="make SR-IOV devices and their virtual functions what [sriov] pf declares",
    about="Makes SR-IOV devices and their virtual functions what [sriov] pf of the configuration declares: their "
    "number, and the settings of those that are free. Needs root. Functions that somebody uses, has reserved, or may "
    "use keep what they have.",
    examples=(
        Example("sriov apply --dry-run", "what would be changed; needs no root and writes nothing"),
        Example("sriov apply --pf ens1f0", "make one device what is declared of it"),
        Example("sriov apply --dry-run --force", "who would lose a virtual function with another number of them"),
    ),
    statuses={
        0: "all is as declared, but for functions in use, under a hold, and what the driver does not support",
        1: "something failed or was refused: another number than 0, a device in use, an unknown user",
        2: "a dry run found something to set, and nothing for which the status would be 1",
    },
    declare=_declare,
)
