# SPDX-License-Identifier: Apache-2.0
"""The command line: its commands, and the options of all commands."""

import argparse
import importlib
import itertools
from collections.abc import Sequence
from typing import Any

from irqaffinity.cli.guess import guess
from irqaffinity.cli.output import say
from irqaffinity.cli.parser import CommandParser, Parser, mark_common
from irqaffinity.cli.usage.command import PROGRAM, Command
from irqaffinity.model.text import clean

COMMANDS = (
    "agent",
    "audit",
    "status",
    "explain",
    "top",
    "history",
    "report",
    "sriov",
    "sriov pools",
    "sriov device-spec",
    "sriov apply",
    "hold",
    "deferred",
    "unhold",
    "mask",
    "reset",
    "check",
    "relay",
    "demo",
)
"""The commands, in the order of the help. The module `module_of` of the name in `usage` declares each as its COMMAND.

Some have a name of two words.
"""

_HIDDEN = ("targets",)
"""Commands that are declared in the same way, but that no help, guess or completion names."""

_USAGE = f"{PROGRAM} [OPTION]... COMMAND [ARGUMENT]..."

OVERRIDES = {
    "proc": ("host", "proc"),
    "sys": ("host", "sys"),
    "libvirt_uri": ("libvirt", "uri"),
    "state": ("state", "path"),
}
"""The configuration option, as (group, name), that each argument overrides."""


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the arguments; leave the process on wrong usage. Common options may stand before and after the command."""
    given, rest = _common_options().parse_known_args(arguments)
    if rest[:1] == ["help"]:
        rest = join_name(rest[1:])
        rest = rest if rest[1:] and further_commands(rest[0]) else [*rest[:1], "--help"]
    rest = join_name(rest)
    # It declares the arguments of this command alone: to declare all would take longer than all the rest.
    named = [name for name in (*COMMANDS, *_HIDDEN) if rest[:1] == [name]]
    parser = make_parser(named if named or rest == ["--version"] else COMMANDS)
    if not named:
        _refuse_before_command(parser, rest)
    parsed = parser.parse_args(rest, namespace=given)
    find_misuse = getattr(parsed, "find_misuse", None)  # of a command whose columns depend on its other arguments
    misuse = find_misuse(parsed) if find_misuse is not None else None
    if misuse is not None:
        parser.commands()[parsed.command].error(misuse)
    return parsed


def make_parser(names: Sequence[str] = COMMANDS) -> Parser:
    """Return the parser for these commands; the completion of the shell is made from it too.

    It has no default values for the options of all commands, so that a value before the command is not overwritten.
    """
    common = _common_options(argument_default=argparse.SUPPRESS)
    parser = Parser(
        prog=PROGRAM,
        usage=_USAGE,
        parents=[common],
        description="Keeps the interrupts of passed-through PCI devices on the CPUs of the guest that owns the device.",
        epilog=f"{PROGRAM} COMMAND --help explains a command, with examples.",
    )
    parser.add_argument("--version", action=_Version)
    commands: Any = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, prog=PROGRAM, parser_class=CommandParser
    )
    for name in names:
        command = declared(name)
        words = {"help": command.summary, "description": command.about, "epilog": command.epilog()}
        made = commands.add_parser(name, parents=[common], usage=command.usage, **words)
        made.further = further_commands(name)
        command.declare(made)
    return parser


def declared(name: str) -> Command:
    """Return the declaration of a command."""
    command: Command = importlib.import_module(f"irqaffinity.cli.usage.{module_of(name)}").COMMAND
    return command


def module_of(command: str) -> str:
    """Return the name of the modules that declare a command and run it."""
    return command.replace(" ", "_").replace("-", "_")


def join_name(words: list[str]) -> list[str]:
    """Return the words with those of a command's name, which they begin with, as one."""
    name = " ".join(words[:2])
    return [name, *words[2:]] if name in COMMANDS else words


def further_commands(command: str) -> list[str]:
    """Return the second words of the commands whose first word is `command`."""
    return [name.removeprefix(f"{command} ") for name in COMMANDS if name.startswith(f"{command} ")]


def _refuse_before_command(parser: Parser, rest: Sequence[str]) -> None:
    """Refuse a missing command, and an option before the command that is not one of all commands."""
    if not rest:
        parser.error(f"a command is missing ({', '.join(COMMANDS)})")
    unknown = parser.find_unknown(itertools.takewhile(lambda argument: argument.startswith("-"), rest))
    if unknown is None:
        return
    place = next((place for place, word in enumerate(rest) if word in COMMANDS), None)
    named = None if place is None else join_name(list(rest[place:]))[0]
    known = parser.options() if named is None else parser.commands()[named].options()
    if unknown in known:
        parser.error(f"write {unknown} after the command: {PROGRAM} {named} {unknown}")
    if named is None and any(unknown in command.options() for command in parser.commands().values()):
        parser.error(f"a command is missing before {unknown} ({', '.join(COMMANDS)})")
    parser.error(f"there is no option {clean(unknown)}{guess(unknown, known)}")


def _common_options(**options: object) -> Parser:
    parser = Parser(prog=PROGRAM, usage=_USAGE, add_help=False, **options)
    group = parser.add_argument_group("options of all commands, before or after the command")
    group.add_argument("--config-file", metavar="F", action="append", help="configuration file; can be repeated")
    group.add_argument("--config-dir", metavar="D", action="append", help="folder of *.conf files; can be repeated")
    group.add_argument(
        "--nova-config",
        metavar="F",
        action="append",
        help="nova.conf, to take only the broker, the host and [pci] from it; can be repeated",
    )
    group.add_argument("--debug", action="store_true", help="log each step")
    group.add_argument("--proc", metavar="PATH", help="where the host's /proc is mounted")
    group.add_argument("--sys", metavar="PATH", help="where the host's /sys is mounted")
    group.add_argument("--libvirt-uri", metavar="URI", help="the libvirt that runs the guests")
    group.add_argument("--state", metavar="DIR", help="the folder of the state, which says what was moved")
    group.add_argument(
        "--color",
        metavar="WHEN",
        choices=("auto", "always", "never"),
        help="colours in reports for people: auto (on a terminal), always or never",
    )
    mark_common(parser)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when the user asks for it."""

    def __init__(self, option_strings: Sequence[str], **_: object) -> None:
        super().__init__(option_strings, dest=argparse.SUPPRESS, nargs=0, help="show the version and leave")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        import importlib.metadata  # noqa: PLC0415  it is slower to import than all the rest

        say(f"{PROGRAM} {importlib.metadata.version(PROGRAM)}")
        parser.exit()
