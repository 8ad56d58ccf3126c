# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity top`."""

import argparse
from collections.abc import Sequence
from typing import NamedTuple

from irqaffinity.cli.columns import ARRIVED_CPUS, ARRIVED_DEVICES, ARRIVED_GUESTS, ARRIVED_INTRUDERS
from irqaffinity.cli.form import add_form
from irqaffinity.cli.usage.command import Command, Example

LISTS = {
    "device": ("devices", ARRIVED_DEVICES),
    "guest": ("guests", ARRIVED_GUESTS),
    "cpu": ("cpus", ARRIVED_CPUS),
    "intruder": ("intruders", ARRIVED_INTRUDERS),
}
"""By value of --by: the list of the document that has these lines, and its columns."""

_LEAST, _MOST = 0.1, 3600.0


class _Lists(NamedTuple):
    """The main list of the report: that of --by."""

    def chosen(self, arguments: argparse.Namespace) -> tuple[str, Sequence[str]]:
        """Return the key of the main list, and its columns."""
        return LISTS[arguments.by]


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not _LEAST <= seconds <= _MOST:
        wanted = f"a number of seconds between {_LEAST:g} and {_MOST:g}"
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not {wanted}")
    return seconds


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--by", choices=tuple(LISTS), default="device", help="what a line stands for; default: %(default)s"
    )
    parser.add_argument(
        "--delay", metavar="SECONDS", type=_seconds, default=2.0, help="length of an interval; default: %(default)g"
    )
    parser.add_argument("--once", action="store_true", help="print one interval and leave; -f, -c and --sort do so too")
    columns = dict.fromkeys(column for _key, of_list in LISTS.values() for column in of_list)
    add_form(parser, "devices", tuple(columns))
    parser.set_defaults(lists=_Lists())


COMMAND = Command(
    summary="show live on which CPUs interrupts really arrive, and how many outside their target",
    about="Reads the kernel's counts of the interrupts of passed-through devices, and shows beside each device's "
    "target where they arrive, and which foreign interrupts arrive on the CPUs of guests. It needs no agent and no "
    "root, and writes nothing. h shows help, q leaves.",
    examples=(
        Example("top", "watch the devices of all guests"),
        Example("top --by cpu", "the guest that has each CPU, and the foreign interrupts that arrive there"),
        Example("top --by intruder", "the interrupts that arrive on CPUs of guests and are not these guests' own"),
        Example("top --once --delay 10 -f json", "ten seconds, for a program to read"),
    ),
    statuses={
        0: "one interval was printed, or somebody left the view",
        1: "libvirt or the counts cannot be reached, or the terminal cannot show the view or is gone",
    },
    declare=_declare,
)
