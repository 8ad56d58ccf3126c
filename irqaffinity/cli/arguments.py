# SPDX-License-Identifier: Apache-2.0
"""What can be written on the command line."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from irqaffinity.cli.output import complain, say
from irqaffinity.model.cpuset import LIMIT

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

PROGRAM = "irqaffinity"
EXIT_USAGE = 64
"""EX_USAGE of sysexits.h: 2 means that a dry run would change something."""

_TARGET = "an interrupt number, a PCI address, the name or MAC of a netdev, or the uuid, name or MAC of a guest"

T = TypeVar("T")

OVERRIDES = {
    "proc": ("host", "proc"),
    "sys": ("host", "sys"),
    "libvirt_uri": ("libvirt", "uri"),
    "state": ("state", "path"),
}
"""The configuration option, as (group, name), that an argument overrides."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that takes no abbreviations and leaves with 64 on wrong usage."""

    def __init__(self, **options: object) -> None:
        super().__init__(allow_abbrev=False, **options)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Tell usage and `message` on standard error, and leave."""
        complain(f"{self.format_usage()}{self.prog}: {message}; see {self.prog} --help")
        sys.exit(EXIT_USAGE)

    def print_help(self, file: "SupportsWrite[str] | None" = None) -> None:
        """Print the help, to standard output where no file is named; raise OutputLost."""
        if file is None:
            say(self.format_help().removesuffix("\n"))
        else:
            super().print_help(file)


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the arguments; those of all commands may stand before and after the command."""
    given, rest = _common_options().parse_known_args(arguments)
    return make_parser().parse_args(rest, namespace=given)


def make_parser() -> Parser:
    """Return the parser of all that can be written, which the completion of the shell is made from as well.

    It leaves the values of the options of all commands to whoever collects them from before and after the command.
    """
    common = _common_options(argument_default=argparse.SUPPRESS)
    parser = Parser(
        prog=PROGRAM,
        parents=[common],
        description="Keeps the interrupts of passed-through PCI devices on the CPUs of the guest that owns the device.",
    )
    parser.add_argument("--version", action=_Version)
    _add_commands(parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser), common)
    return parser


def _common_options(**options: object) -> Parser:
    parser = Parser(prog=PROGRAM, add_help=False, **options)
    group = parser.add_argument_group("options of all commands, before or after the command")
    group.add_argument("--config-file", metavar="F", action="append", help="configuration file; can be repeated")
    group.add_argument("--config-dir", metavar="D", action="append", help="folder of *.conf files; can be repeated")
    group.add_argument(
        "--nova-config",
        metavar="F",
        action="append",
        help="nova.conf, for the broker, the host and [pci] alone; can be repeated",
    )
    group.add_argument("--debug", action="store_true", help="log each step")
    group.add_argument("--proc", metavar="PATH", help="where the host's /proc is mounted")
    group.add_argument("--sys", metavar="PATH", help="where the host's /sys is mounted")
    group.add_argument("--libvirt-uri", metavar="URI", help="the libvirt that runs the guests")
    group.add_argument("--state", metavar="DIR", help="the folder that remembers what was moved")
    return parser


def _add_commands(commands: "argparse._SubParsersAction[Parser]", common: Parser) -> None:
    def add(name: str, **options: Any) -> Parser:
        return commands.add_parser(name, parents=[common], **options)

    add("agent", help="put every interrupt in its place as soon as it appears, and stay")
    _add_audit(add("audit", help="put every interrupt in its place, again and again or once"))
    status = add("status", help="tell what the running agent is connected to, and what it did last")
    _add_format(status)
    explain = add("explain", help="tell why an interrupt, a device or a guest is where it is")
    explain.add_argument("target", metavar="TARGET", help=f"{_TARGET}; what begins with - stands after --")

    mask = add(
        "mask",
        help="parse a value of hw:pci_irq_affinity_mask",
        usage=f"{PROGRAM} mask [-h] --vcpus N [--] SPEC",
        epilog="A SPEC that begins with - stands after --.",
    )
    mask.add_argument("spec", metavar="SPEC", help="the mask, such as 1-4,^3,6")
    mask.add_argument("--vcpus", metavar="N", type=_typed(_vcpu_count), required=True, help="vCPUs of the guest")

    reset = add("reset", help="give back every interrupt that was moved")
    reset.add_argument("--force", action="store_true", help="also while an agent runs")

    check = add("check", help="test the configuration, libvirt, the broker and the rights to write")
    # It is a module of its own, which imports less: a probe runs it again and again.
    check.add_argument(
        "--health",
        dest="command",
        action="store_const",
        const="health",
        default=argparse.SUPPRESS,
        help="only whether the running agent works; for probes",
    )
    add("relay", help="hand Nova's notifications on to the hosts that they concern, and stay; on a controller")
    add("demo", help="audit a made-up host; needs no root and no libvirt daemon")


def _add_audit(audit: argparse.ArgumentParser) -> None:
    audit.add_argument("--once", action="store_true", help="make one pass and leave")
    audit.add_argument("--dry-run", action="store_true", help="write nothing, tell what would be written")
    _add_format(audit)
    audit.add_argument("--guest", metavar="TARGET", help=f"only the devices of this guest: {_TARGET}")
    audit.add_argument("--device", metavar="TARGET", help=f"only this PCI device: {_TARGET}")
    audit.add_argument("--irqs", action="store_true", help="a line for each interrupt in the table")
    audit.add_argument("--quiet", action="store_true", help="the summary alone instead of the table")


def _add_format(command: argparse.ArgumentParser) -> None:
    command.add_argument("-f", "--format", choices=("table", "json"), default="table", help="form of the report")


def _vcpu_count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= LIMIT):
        raise ValueError(f"{text[:40]!r} is not a number of vCPUs between 1 and {LIMIT}")
    return int(text)


def _typed(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return `parse` with an error that argparse shows as it is."""

    def convert(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __init__(self, option_strings: Sequence[str], **_: object) -> None:
        super().__init__(option_strings, dest=argparse.SUPPRESS, nargs=0, help="show the version and leave")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        import importlib.metadata  # noqa: PLC0415  it is slower to import than all the rest

        say(f"{PROGRAM} {importlib.metadata.version(PROGRAM)}")
        parser.exit()
