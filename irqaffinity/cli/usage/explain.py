# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity explain TARGET`."""

import argparse

from irqaffinity.cli.usage.command import TARGET, Command, Example


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help=f"{TARGET}; what begins with - stands after --")


COMMAND = Command(
    summary="tell why an interrupt, a device or a guest is where it is",
    about="Tells rule by rule why an interrupt, a PCI device or a guest is where it is: for whoever wonders about "
    "one. Looks at the host itself, needs no agent, and writes nothing.",
    examples=(
        Example("explain 142", "why interrupt 142 is on its CPUs"),
        Example("explain 81:00.1", "the same for all interrupts of a device"),
        Example("explain instance-0000002a", "the same for all devices of a guest"),
    ),
    statuses={
        0: "the target was found and explained",
        1: "the target is not there, or means several things; or the host or libvirt cannot be read",
    },
    declare=_declare,
)
