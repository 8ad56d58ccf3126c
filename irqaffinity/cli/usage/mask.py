# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity mask SPEC --vcpus N`."""

import argparse

from irqaffinity.cli.usage.command import PROGRAM, Command, Example
from irqaffinity.model.cpuset import LIMIT


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", help="the mask, as 1-4,^3,6; write -- before one that begins with -")
    parser.add_argument("--vcpus", metavar="N", type=_vcpu_count, required=True, help="vCPUs of the guest")


def _vcpu_count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= LIMIT):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a number of vCPUs between 1 and {LIMIT}")
    return int(text)


COMMAND = Command(
    summary="parse a value of hw:pci_irq_affinity_mask",
    about="Parses a value of the extra spec hw:pci_irq_affinity_mask and prints the vCPUs that it chooses, or points "
    "at the mistake: for whoever writes a flavor.",
    examples=(Example("mask '1-4,^3,6' --vcpus 8", "the vCPUs that the mask chooses in a guest of 8"),),
    statuses={0: "the mask is good", 1: "the mask is refused, and standard error says where and why"},
    declare=_declare,
    usage=f"{PROGRAM} mask [-h] --vcpus N [--] SPEC",
)
