# SPDX-License-Identifier: Apache-2.0
"""What a command declares: its arguments, and the words of its help."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

PROGRAM = "irqaffinity"
TARGET = "an interrupt number, a PCI address, the name or MAC of a netdev, or the uuid, name or MAC of a guest"
"""What a TARGET can be, for the help of each argument that takes one."""

_OF_ALL = {64: "wrong usage", 130: "ended by Ctrl-C (SIGINT)"}
"""The exit statuses that every command has."""


class Example(NamedTuple):
    """A command line without the name of the program, and the purpose for which a user types it."""

    line: str
    purpose: str


def nothing(_parser: argparse.ArgumentParser) -> None:
    """Declare no argument: the command has none of its own."""


class Command(NamedTuple):
    """A command of the program: `declare` adds its arguments to a parser, the rest are the words of its help.

    `summary` is its line in the list of commands. `about` says in one or two sentences what it does and who needs it.
    `statuses` are its exit statuses without those that every command has.
    """

    summary: str
    about: str
    examples: Sequence[Example]
    statuses: Mapping[int, str]
    declare: Callable[[argparse.ArgumentParser], None] = nothing
    usage: str | None = None

    def epilog(self) -> str:
        """Return the end of the help: the examples and the exit statuses."""
        lines = ["examples:"]
        for example in self.examples:
            lines += [f"  {PROGRAM} {example.line}", f"      {example.purpose}"]
        lines += ["", "exit status:"]
        lines += [f"  {status:<5}{meaning}" for status, meaning in sorted({**self.statuses, **_OF_ALL}.items())]
        return "\n".join(lines)
