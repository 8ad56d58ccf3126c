# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity sriov device-spec`."""

import argparse
from typing import Any

from irqaffinity.cli.usage.command import Command, Example


class _Once(argparse.Action):
    """Keeps the value of an option, and refuses the option where it is given again: only the last one would count."""

    def __call__(
        self, _parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, _option: str | None = None
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            raise argparse.ArgumentError(self, "the lines are those of one device: ask for each by itself")
        setattr(namespace, self.dest, values)


def _declare(parser: argparse.ArgumentParser) -> None:
    told = "the physical function: its netdev or PCI address"
    parser.add_argument("--pf", metavar="PF", required=True, action=_Once, help=told)
    told = (
        "the physical network of Neutron that it is connected to; by default the one that [sriov] pf declares for it. "
        "A device that is no NIC needs none"
    )
    parser.add_argument("--physical-network", metavar="NET", type=_network, help=told)
    told = "add the tag with which ports that Neutron marks as trusted get these functions"
    parser.add_argument("--trusted", action="store_true", help=told)
    told = "one line for all virtual functions of the device, also those that it gets later"
    parser.add_argument("--by-pf", action="store_true", help=told)


def _network(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError("it is not the name of a network, such as sriov-a")
    return text


COMMAND = Command(
    summary="write the lines of nova.conf that make the virtual functions of a device known to Nova",
    about="Writes the lines for [pci] in nova.conf that name the virtual functions of one device: one device_spec for "
    "each, or one for all. For whoever sets a host up; the same lines can stand in irqaffinity.conf. It writes nothing "
    "on the host.",
    examples=(
        Example("sriov device-spec --pf ens1f0 --physical-network sriov-a", "a line for each virtual function"),
        Example("sriov device-spec --pf ens1f0 --physical-network sriov-a --by-pf", "one line for all of them"),
        Example("sriov device-spec --pf 0000:c1:00.0", "those of a device without a netdev, such as an NVMe drive"),
    ),
    statuses={
        0: "the lines were shown",
        1: "there is no such device, it has no virtual functions, or Nova can take none of them",
    },
    declare=_declare,
)
