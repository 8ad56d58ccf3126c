# SPDX-License-Identifier: Apache-2.0
"""Prints the completion for a shell, made from the parser of the command line: python tools/completion.py [bash|zsh].

For a TARGET it asks the program itself, which knows the guests and devices from the running agent.
"""

import argparse
import re
import sys
from typing import Any

import shtab

from irqaffinity.cli.arguments import COMMANDS, declared, make_parser
from irqaffinity.cli.parser import Parser

PATHS = {
    **dict.fromkeys(("F", "FILE", "AUDIT.json"), shtab.FILE),
    **dict.fromkeys(("D", "DIR", "PATH"), shtab.DIRECTORY),
}
"""What the shell offers for a value, by the value's name in the help."""

NAMED = ("TARGET", "PF")
"""The names of the values that the program itself completes."""

TARGETS = {"guest": "_irqaffinity_guest", "device": "_irqaffinity_device", "pf": "_irqaffinity_pf"}
"""The function of zsh that completes a TARGET, by the name of the argument; any other takes anything."""

# Bash must not run the name of a guest as a command: it takes the lines as they are, and the program has quoted them.
BASH = r"""
_irqaffinity() {
  COMPREPLY=()
  case ${COMP_LINE:0:COMP_POINT} in
    PATTERNS)
      mapfile -t COMPREPLY < <(command irqaffinity targets --line="${COMP_LINE:0:COMP_POINT}" \
        --breaks="$COMP_WORDBREAKS" 2>/dev/null </dev/null) ;;
  esac
  [ "${#COMPREPLY[@]}" != 0 ] || FUNCTION "$@"
}

complete -o bashdefault -F _irqaffinity irqaffinity
"""

# compadd quotes what it inserts.
ZSH = """
_irqaffinity_of() {
  local -a found
  found=(${(f)"$(command irqaffinity targets --kind=$1 ${PREFIX:+--begun} 2>/dev/null </dev/null)"})
  compadd -a found
}
_irqaffinity_guest() { _irqaffinity_of guest }
_irqaffinity_device() { _irqaffinity_of device }
_irqaffinity_pf() { _irqaffinity_of pf }
_irqaffinity_target() { if [[ ${words[CURRENT-1]} = cpu ]]; then _irqaffinity_of cpu; else _irqaffinity_of target; fi }
"""


def main(shell: str) -> None:
    """Print the completion for a shell."""
    parser, patterns = make_parser([name for name in COMMANDS if " " not in name]), []
    further = make_parser([name for name in COMMANDS if " " in name])
    for name, command in {**parser.commands(), **further.commands()}.items():
        for action in command._actions:
            if action.metavar in NAMED:
                patterns += (f'*" {option}"[\\ =]*' for option in action.option_strings or [name])
    for action in (*actions(parser), *actions(further)):
        if action.metavar in PATHS:
            action.complete = PATHS[action.metavar]
        elif action.metavar in NAMED:
            action.complete = {"zsh": TARGETS.get(action.dest, "_irqaffinity_target")}
    nest(parser, further)
    made = shtab.complete(parser, shell, preamble={"zsh": ZSH})
    if shell == "zsh":  # shtab completes only the first word of an argument that takes several
        made = made.replace('"(*):', '"*:')
    print(made)
    if shell == "bash":
        function = re.findall(r"(?m)^complete .*-F (\S+) irqaffinity$", made)[0]
        print(BASH.replace("PATTERNS", " | ".join(dict.fromkeys(patterns))).replace("FUNCTION", function))


def nest(parser: Parser, further: Parser) -> None:
    """Put the commands of two words below the command that their first word is."""
    places: dict[str, Any] = {}
    for name, command in further.commands().items():
        first, _, second = name.partition(" ")
        if first not in places:
            above = parser.commands()[first]
            above.description = declared(first).summary  # shtab shows it in the list of commands
            places[first] = above.add_subparsers(dest="further", metavar="COMMAND")
        places[first].add_parser(second, parents=[command], add_help=False, help=declared(name).summary)


def actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the arguments of the program and of its commands; these share those of all."""
    return [action for each in (parser, *parser.commands().values()) for action in each._actions]


main(*(sys.argv[1:] or ["bash"]))
