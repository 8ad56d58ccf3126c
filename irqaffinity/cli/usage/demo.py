# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity demo`."""

from irqaffinity.cli.usage.command import Command, Example

COMMAND = Command(
    summary="audit a made-up host; needs no root and no libvirt daemon",
    about="Makes up a host with two guests in a temporary folder, audits it, and shows the report: for whoever wants "
    "to see what the program does before it touches anything.",
    examples=(Example("demo", "see two audits of a made-up host"),),
    statuses={0: "the report was shown", 1: "the temporary folder cannot be made or filled"},
)
