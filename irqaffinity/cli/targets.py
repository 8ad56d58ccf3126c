# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity targets`: lists what a TARGET may be, for the completion of a shell; it imports as little as it can.

It prints nothing where no agent runs, where its status cannot be read, or where the word to complete is no TARGET. The
devices that can have virtual functions (PF) it takes from sysfs, without an agent.
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from irqaffinity.agent.status_file import NoStatus, read_status
from irqaffinity.agent.status_shape import WHOLE
from irqaffinity.cli.arguments import COMMANDS, join_name, make_parser
from irqaffinity.cli.main import CommandError
from irqaffinity.cli.output import say
from irqaffinity.cli.shell_word import read_line
from irqaffinity.conf.status_path import path_without_library
from irqaffinity.model.text import printable

_KINDS = {"guest": "guest", "device": "device", "pf": "pf"}
"""The kind of target that an argument takes, by the name of the argument; all others take any kind."""

_MOST_NUMBERS = 65_536
"""Interrupts of one device, or CPUs, that it lists at most: the status file may be damaged, or not the agent's."""


def run(arguments: argparse.Namespace) -> int:
    """Print one target a line; return 0."""
    if arguments.line is None:
        lines = list(_targets(arguments, arguments.kind, is_begun=arguments.begun))
    else:
        lines = list(_complete(arguments))
    if lines:
        say("\n".join(lines))
    return 0


def _complete(arguments: argparse.Namespace) -> Iterator[str]:
    """Give the texts that bash may put in place of the last word of a line."""
    values, word = read_line(arguments.line, arguments.breaks)
    asked = _asked(values[1:], word.value) if word is not None else None
    if word is None or asked is None:
        return
    kind, start = asked
    begun = word.value[start:]
    arguments.sys = _value_of("--sys", values) or arguments.sys
    for name in _targets(arguments, kind, is_begun=bool(begun)):
        if name.startswith(begun):
            quoted = word.replacement(word.value[:start] + name)
            if quoted is not None:
                yield quoted


def _value_of(option: str, words: list[str]) -> str | None:
    """Return the value that an option of all commands has in a line, None where it has none."""
    places = [place for place, word in enumerate(words[:-1]) if word == option]
    joined = [word.partition("=")[2] for word in words if word.startswith(f"{option}=")]
    return words[places[-1] + 1] if places else joined[-1] if joined else None


def _asked(before: list[str], value: str) -> tuple[str, int] | None:
    """Return the kind of target to complete, and where it begins in the last word; None where there is none."""
    place = next((place for place, argument in enumerate(before) if argument in COMMANDS), None)
    if place is None:
        return None
    command, *words = join_name(before[place:])
    parser = make_parser([command]).commands()[command]
    if words[-1:] == ["cpu"]:
        named = parser.find_action(words[:-1], "cpu")
        if named is not None and named[0].dest == "target":
            return "cpu", 0
    found = parser.find_action(words, value)
    if found is None or found[0].metavar not in ("TARGET", "PF"):
        return None
    return _KINDS.get(found[0].dest, "target"), found[1]


def _targets(arguments: argparse.Namespace, kind: str, *, is_begun: bool) -> Iterator[str]:
    """Give each name once, and with `is_begun`, where the user has begun a word, each uuid and interrupt too.

    It leaves out a name that begins like an option: such a name must stand after = or --.
    """
    if kind == "pf":
        yield from _physical_functions(arguments.sys, is_begun=is_begun)
        return
    try:
        status = read_status(_path(arguments), WHOLE)
    except (CommandError, NoStatus):
        return
    placement = status["placement"]
    found = (
        *(_of_guests(placement["guests"], is_begun=is_begun) if kind in ("guest", "target") else ()),
        *(_of_devices(placement["devices"], is_begun=is_begun) if kind in ("device", "target") else ()),
        *(("cpu",) if kind == "target" and is_begun else ()),
        *(_numbers(status.get("isolation", {}).get("kept") or "") if kind == "cpu" else ()),
    )
    yield from dict.fromkeys(printable(name) for name in found if not name.startswith("-"))


def _physical_functions(sys: str | None, *, is_begun: bool) -> Iterator[str]:
    """Give the netdevs of the devices that can have virtual functions; addresses for those without, or a begun word."""
    from irqaffinity.observe.root import HostRoot  # noqa: PLC0415  few complete these
    from irqaffinity.observe.sriov import name_physical_functions  # noqa: PLC0415

    root = HostRoot() if sys is None else HostRoot(sys=sys)
    for address, netdev in name_physical_functions(root):
        if netdev is not None:
            yield netdev
        if netdev is None or is_begun:
            yield str(address)


def _of_guests(guests: Iterable[Mapping[str, Any]], *, is_begun: bool) -> Iterator[str]:
    for guest in guests:
        yield guest["name"] or guest["uuid"]
        if is_begun:
            yield guest["uuid"]


def _of_devices(devices: Iterable[Mapping[str, Any]], *, is_begun: bool) -> Iterator[str]:
    for device in devices:
        yield device["address"]
        if is_begun:
            yield from _numbers(device["irqs"])


def _numbers(irqs: str) -> Iterator[str]:
    for part in irqs.split(","):
        first, _, last = part.partition("-")
        if first.isdecimal() and (not last or last.isdecimal()) and len(part) < 24:
            yield from map(str, range(int(first), min(int(last or first), int(first) + _MOST_NUMBERS) + 1))


def _path(arguments: argparse.Namespace) -> str:
    path = path_without_library(arguments.config_file, arguments.config_dir)
    if path is None:
        from irqaffinity.cli.settings import read_settings  # noqa: PLC0415  it takes longer than all the rest

        path = read_settings(arguments).status_path
    return path
