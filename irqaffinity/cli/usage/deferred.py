# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity deferred`."""

import argparse

from irqaffinity.cli.columns import DEFERRED
from irqaffinity.cli.form import add_form
from irqaffinity.cli.usage.command import Command, Example


def _declare(parser: argparse.ArgumentParser) -> None:
    add_form(parser, "deferred", DEFERRED)


COMMAND = Command(
    summary="show the holds that are in force, and what would have been moved but for them",
    about="Shows which holds are in force, how long they still last and why, and which interrupts would have been "
    "moved meanwhile: from where to where, why, since when, and how often that was asked for. Needs the right to read "
    "the state folder, and no agent. If libvirt answers, it tells the names of guests.",
    examples=(
        Example("deferred", "what a hold keeps from being moved"),
        Example("deferred -f json", "the same, for a program to read"),
        Example("deferred -f value -c irq -c to", "where each interrupt will go when the hold ends"),
    ),
    statuses={0: "it was shown, or nothing is held", 1: "the state cannot be read"},
    declare=_declare,
)
