# SPDX-License-Identifier: Apache-2.0
"""Takes the broker, the name of the host and the devices from nova.conf, and nothing else.

The values become defaults, so that our own files, the environment and the command line override them.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from oslo_config import cfg, types

from irqaffinity.conf.files import Sections, lines_of
from irqaffinity.conf.mistakes import mistake
from irqaffinity.conf.names import NOTIFICATIONS, OLD_NAMES, Entry, entry_of

_TAKEN = frozenset({("DEFAULT", "host"), ("DEFAULT", "transport_url"), ("pci", "device_spec")})
_TAKEN_GROUPS = "oslo_messaging_"
_REFERENCE = re.compile(r"\$\$|\$\{(\w+)\}|\$(\w+)")
"""As oslo.config finds the names of options in a value."""

_DEEPEST = 3
_BROKERS = (("DEFAULT", "transport_url"), (NOTIFICATIONS, "transport_url"))

Options = Sequence[tuple[str, Sequence[cfg.Opt]]]

Taken = Mapping[tuple[str, str], Entry]
"""Where each option that was taken from nova.conf stands, by (group, option)."""


def take_from_nova(conf: cfg.ConfigOpts, options: Options, nova: Sections, own: Sections) -> Taken:
    """Make the values of `options` in `nova` their defaults in `conf`; return their places, and raise ConfigError.

    Where our own files or the environment name a broker, both transport_urls of nova.conf are left out.
    """
    taken: dict[tuple[str, str], Entry] = {}
    names_broker = any(_says(own, *place) for place in _BROKERS)
    for group, option in _wanted(options):
        place = (group, option.dest)
        found = _find(nova, _names(group, option), isinstance(option, cfg.MultiOpt))
        if found is None or (names_broker and place in _BROKERS):
            continue
        entry, value = found
        value = _resolved(nova, value)
        try:
            if isinstance(value, list) and not isinstance(option.type, types.String):
                value = _unescaped(value)
            conf.set_default(option.dest, value, group=group)
        except (ValueError, cfg.TemplateSubstitutionError) as error:
            raise mistake(entry, option, error) from None
        taken[place] = entry
    return taken


def _wanted(options: Options) -> Iterator[tuple[str, cfg.Opt]]:
    for group, of_group in options:
        for option in of_group:
            if group.startswith(_TAKEN_GROUPS) or (group, option.dest) in _TAKEN:
                yield group, option


def _names(group: str, option: cfg.Opt) -> list[tuple[str, str]]:
    """Return the names that Nova takes for an option, today's name last: a value under it comes last too."""
    place = (group, option.dest)
    old = [(name.group or group, name.name or option.dest) for name in reversed(option.deprecated_opts)]
    old += [old for old, new in OLD_NAMES.items() if new == place]
    return [*old, place]


def _find(nova: Sections, names: Iterable[tuple[str, str]], is_multi: bool) -> tuple[Entry, Any] | None:
    """Return where an option stands last, and its value, or with `is_multi` all its values; None where it is not set.

    It looks through names and files in the order of oslo.config.
    """
    found = [
        (entry_of(path, group, name, line), line.value)
        for path, section in nova.items()
        for group, name in names
        for line in lines_of(section, group, name)
    ]
    if not found:
        return None
    return found[-1][0], [value for _, value in found] if is_multi else found[-1][1]


def _resolved(nova: Sections, value: Any) -> Any:
    """Return `value` with the values of other options in nova.conf's [DEFAULT] in place of names such as `$my_ip`.

    A name that is not set there, or that refers to itself, stays as it is, and is refused later.
    """
    if isinstance(value, list):
        return [_resolved(nova, item) for item in value]
    known = {name: lines[-1].value for section in nova.values() for name, lines in section.get("DEFAULT", {}).items()}
    for _ in range(_DEEPEST):
        value = _REFERENCE.sub(
            lambda found: known.get(found[1] or found[2], found[0]) if found[0] != "$$" else "$$", value
        )
    return value


def _unescaped(values: Iterable[str]) -> list[str]:
    """Return resolved values with `$` for `$$`: what oslo.config parses at once has no names for it afterwards.

    Raises cfg.TemplateSubstitutionError for a name that is left, as oslo.config does elsewhere.
    """

    def replace(found: re.Match[str]) -> str:
        name = found[1] or found[2] or ""
        if name and not name[0].isdecimal():
            raise cfg.TemplateSubstitutionError("it names no option")
        return found[0].replace("$$", "$")

    return [_REFERENCE.sub(replace, value) for value in values]


def _says(own: Sections, group: str, name: str) -> bool:
    values = [line.value for section in own.values() for line in lines_of(section, group, name)]
    return bool((os.environ.get(f"OS_{group}__{name}".upper()) or (values or [""])[-1]).strip())
