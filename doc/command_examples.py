# SPDX-License-Identifier: Apache-2.0
"""The directive `command-examples`, which lists the examples that each command's --help has."""

from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive

from irqaffinity.cli.arguments import COMMANDS, declared
from irqaffinity.cli.usage.command import PROGRAM


class CommandExamples(Directive):
    """Each example, and below it what it is good for."""

    def run(self) -> list[nodes.Node]:
        """Return them as a list of definitions, by command."""
        listed = nodes.definition_list()
        for example in (example for name in COMMANDS for example in declared(name).examples):
            purpose = f"{example.purpose[0].upper()}{example.purpose[1:]}."
            line = nodes.term("", "", nodes.literal(text=f"{PROGRAM} {example.line}"))
            listed += nodes.definition_list_item("", line, nodes.definition("", nodes.paragraph(text=purpose)))
        return [listed]


def setup(app: Any) -> None:
    """Tell Sphinx of the directive."""
    app.add_directive("command-examples", CommandExamples)
