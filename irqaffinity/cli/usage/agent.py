# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity agent`."""

from irqaffinity.cli.usage.command import Command, Example

COMMAND = Command(
    summary="put every interrupt in its place as soon as it appears, and stay",
    about="Runs the daemon in the foreground, for systemd or a container on a compute node: it puts every interrupt "
    "of a passed-through device in its place as soon as it appears, and keeps it there.",
    examples=(
        Example("agent", "run with the usual configuration"),
        Example("agent --config-file ./try.conf --debug", "try a configuration, and see each step"),
    ),
    statuses={
        0: "a signal ended it (SIGTERM)",
        1: "it could not start (the configuration has a mistake, another agent runs), or a part of it failed",
    },
)
