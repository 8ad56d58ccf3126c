# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity sriov`."""

import argparse

from irqaffinity.cli.columns import FUNCTIONS
from irqaffinity.cli.form import add_form, find_misuse
from irqaffinity.cli.usage.command import TARGET, Command, Example
from irqaffinity.model.sriov import UseKind

_KINDS = [kind.value for kind in UseKind]


def _declare(parser: argparse.ArgumentParser) -> None:
    vars(parser)["word_option"] = "--pf"
    told = "only this physical function: its netdev or PCI address; can be repeated"
    parser.add_argument("--pf", metavar="PF", action="append", help=told)
    parser.add_argument("--free", action="store_true", help="only virtual functions that nobody uses")
    told = f"only those that this guest uses ({TARGET}), or that are used in this way: {', '.join(_KINDS)}"
    parser.add_argument("--used-by", metavar="TARGET", help=told)
    add_form(parser, "vfs", FUNCTIONS)
    parser.set_defaults(find_misuse=_find_misuse)


def _find_misuse(arguments: argparse.Namespace) -> str | None:
    if arguments.free and arguments.used_by is not None:
        return "argument --free: nobody uses a free function; leave --used-by out"
    return find_misuse(arguments)


COMMAND = Command(
    summary="list the virtual functions of each SR-IOV device, what they are set to, and who uses them",
    about="Lists each PCI device that can have virtual functions (SR-IOV), and its virtual functions: their driver, "
    "MAC, VLAN and other settings, and which guest, process or netdev uses them. For whoever asks which function is "
    "whose, and which are free. It needs no agent and writes nothing; root sees more than others. "
    "sriov pools, sriov device-spec and sriov apply have a --help of their own.",
    examples=(
        Example("sriov", "which virtual function is whose"),
        Example("sriov --pf ens1f0 --free", "what is free on one device"),
        Example("sriov --used-by instance-0000002a", "the virtual functions of one guest"),
        Example("sriov --used-by process -f csv", "those that a program of the host drives, for a spreadsheet"),
    ),
    statuses={
        0: "the list was shown, also where a line below it says what could not be told",
        1: "there is no such device or guest, or the devices of the host cannot be read",
    },
    declare=_declare,
)
