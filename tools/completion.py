# SPDX-License-Identifier: Apache-2.0
"""Prints the completion for a shell, made from the parser of the command line: python tools/completion.py [bash|zsh].

For a TARGET it asks the program itself, which knows the guests and devices from the running agent.
"""

import argparse
import re
import sys

import shtab

from irqaffinity.cli.arguments import make_parser

PATHS = {
    **dict.fromkeys(("F", "FILE", "AUDIT.json"), shtab.FILE),
    **dict.fromkeys(("D", "DIR", "PATH"), shtab.DIRECTORY),
}
"""What the shell offers for a value, by the value's name in the help."""

TARGETS = {"guest": "_irqaffinity_guest", "device": "_irqaffinity_device"}
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
_irqaffinity_target() { if [[ ${words[CURRENT-1]} = cpu ]]; then _irqaffinity_of cpu; else _irqaffinity_of target; fi }
"""


def main(shell: str) -> None:
    """Print the completion for a shell."""
    parser, patterns = make_parser(), []
    for name, command in parser.commands().items():
        for action in command._actions:
            if action.metavar == "TARGET":
                patterns += (f'*" {option}"[\\ =]*' for option in action.option_strings or [name])
    for action in actions(parser):
        if action.metavar in PATHS:
            action.complete = PATHS[action.metavar]
        elif action.metavar == "TARGET":
            action.complete = {"zsh": TARGETS.get(action.dest, "_irqaffinity_target")}
    made = shtab.complete(parser, shell, preamble={"zsh": ZSH})
    if shell == "zsh":  # shtab completes only the first word of an argument that takes several
        made = made.replace('"(*):', '"*:')
    print(made)
    if shell == "bash":
        function = re.findall(r"(?m)^complete .*-F (\S+) irqaffinity$", made)[0]
        print(BASH.replace("PATTERNS", " | ".join(dict.fromkeys(patterns))).replace("FUNCTION", function))


def actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the arguments of the program and of its commands; these share those of all."""
    return [action for each in (parser, *parser.commands().values()) for action in each._actions]


main(*(sys.argv[1:] or ["bash"]))
