# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity explain TARGET`."""

import argparse

from irqaffinity.cli.usage.command import TARGET, Command, Example


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help=f"{TARGET}; write -- before one that begins with -")


COMMAND = Command(
    summary="explain why interrupts are where they are: one, or all of a device or a guest",
    about="Shows rule by rule why an interrupt, or each interrupt of a PCI device or a guest, is on its CPUs: for "
    "whoever did not expect it there. Looks at the host itself, needs no agent, and writes nothing.",
    examples=(
        Example("explain 142", "why interrupt 142 is on its CPUs"),
        Example("explain 81:00.1", "the same for all interrupts of a device"),
        Example("explain instance-0000002a", "the same for all devices of a guest"),
    ),
    statuses={
        0: "the target was found and explained",
        1: "there is no such target, or several have this name; or the host or libvirt cannot be read",
    },
    declare=_declare,
)
