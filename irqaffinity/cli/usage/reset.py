# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity reset`."""

import argparse

from irqaffinity.cli.usage.command import Command, Example


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="also while an agent runs, and under a hold")


COMMAND = Command(
    summary="give back every interrupt that was moved",
    about="Gives each moved interrupt back to the CPUs that it had before, also those of guests that still "
    "run: for whoever removes the program from a host. Stop the agent first.",
    examples=(
        Example("reset", "give everything back; refuses while an agent runs or a hold is in force"),
        Example("reset --force", "also while an agent runs, which will move them again"),
    ),
    statuses={
        0: "everything was given back, or nothing had been moved",
        1: "an agent runs or a hold is in force, an interrupt could not be given back, or the state cannot be read or "
        "stored",
    },
    declare=_declare,
)
