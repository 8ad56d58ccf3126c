# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity sriov pools`."""

import argparse

from irqaffinity.cli.columns import POOLS
from irqaffinity.cli.form import add_form
from irqaffinity.cli.usage.command import Command, Example


def _declare(parser: argparse.ArgumentParser) -> None:
    add_form(parser, "pools", POOLS)


COMMAND = Command(
    summary="count the PCI devices of each pool of Nova's: how many there are, are used and are free here",
    about="Counts the devices that [pci] device_spec names, in pools as Nova does: by physical network, vendor, "
    "product, NUMA node, type and tags. A device is free where a new guest could really get it. For whoever asks why "
    "a guest does not fit on this host. It needs no agent and writes nothing; root sees more than others.",
    examples=(
        Example("sriov pools", "what is free on this host"),
        Example("sriov pools --nova-config /etc/nova/nova.conf", "the same, with the device_spec of nova.conf"),
        Example("sriov pools -f json", "the same, for a program to read"),
        Example("sriov pools --sort free -c physical_network -c free", "the networks with the least left first"),
    ),
    statuses={
        0: "the pools were shown, also where a line below them says what could not be told",
        1: "the devices of the host cannot be read",
    },
    declare=_declare,
)
