# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity check`."""

import argparse

from irqaffinity.cli.usage.command import Command, Example


def _declare(parser: argparse.ArgumentParser) -> None:
    # --health is a command of its own, which imports less: a probe runs it again and again.
    parser.add_argument(
        "--health",
        dest="command",
        action="store_const",
        const="health",
        default=argparse.SUPPRESS,
        help="test only whether the running agent works; for probes",
    )


COMMAND = Command(
    summary="test the configuration, libvirt, the broker and the rights to write",
    about="Tests all that the agent needs on this host, prints a line for each thing, and writes nothing: for whoever "
    "installs the agent or looks for a fault.",
    examples=(
        Example("check", "test the configuration, the host, libvirt, the rights, the broker"),
        Example("check --health", "test only whether the agent works; quick, for probes"),
    ),
    statuses={0: "everything is as it has to be", 1: "at least one line says FAILED"},
    declare=_declare,
)
