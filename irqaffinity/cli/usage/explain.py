# SPDX-License-Identifier: Apache-2.0
"""Declares `irqaffinity explain TARGET`."""

import argparse
from collections.abc import Sequence
from typing import Any

from irqaffinity.cli.usage.command import PROGRAM, TARGET, Command, Example
from irqaffinity.model.text import clean

_KINDS = ("cpu", "irq")
"""Words that may stand before a number, in an argument of their own."""


class _Words(argparse.Action):
    """Takes `cpu 14` in two arguments as well as in one."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, _option: str | None = None
    ) -> None:
        words: Sequence[str] = values
        most = 2 if words[0] in _KINDS else 1
        if len(words) > most:
            parser.error(f"'{clean(words[most])}' is one argument too many")
        setattr(namespace, self.dest, " ".join(words))


def _declare(parser: argparse.ArgumentParser) -> None:
    told = f"{TARGET}, or cpu N; write -- before one that begins with -"
    parser.add_argument("target", metavar="TARGET", nargs="+", action=_Words, help=told)


COMMAND = Command(
    summary="explain why interrupts are where they are: one, all of a device or a guest, or those of a CPU",
    about="Shows rule by rule why an interrupt, or each interrupt of a PCI device or a guest, is on its CPUs: for "
    "whoever did not expect it there. Of a CPU it shows whose it is, what comes there, and how to keep that away. "
    "Looks at the host itself, needs no agent, and writes nothing.",
    examples=(
        Example("explain 142", "why interrupt 142 is on its CPUs"),
        Example("explain 81:00.1", "the same for all interrupts of a device"),
        Example("explain instance-0000002a", "the same for all devices of a guest"),
        Example("explain cpu 14", "whose CPU it is, which interrupts come there, and how to keep them away"),
    ),
    statuses={
        0: "the target was found and explained",
        1: "there is no such target, or several have this name; or the host or libvirt cannot be read",
    },
    declare=_declare,
    usage=f"{PROGRAM} explain [-h] [--] TARGET",
)
