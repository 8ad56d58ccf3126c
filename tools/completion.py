# SPDX-License-Identifier: Apache-2.0
"""Prints the completion for bash, made from the parser of the command line: python tools/completion.py."""

import shtab

from irqaffinity.cli.arguments import make_parser

PATHS = {"F": shtab.FILE, "D": shtab.DIRECTORY, "DIR": shtab.DIRECTORY, "PATH": shtab.DIRECTORY}
"""What the shell offers for a value, by the name that the help gives it."""

parser = make_parser()
for action in parser._actions:
    if action.metavar in PATHS:
        action.complete = PATHS[action.metavar]
print(shtab.complete(parser, "bash"))
