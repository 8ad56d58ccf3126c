# SPDX-License-Identifier: Apache-2.0
"""Checks that the names in the files are names of options: a value under a wrong name would have no effect."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import NamedTuple

from irqaffinity.conf import known_names
from irqaffinity.conf.files import Line, Sections
from irqaffinity.conf.mistakes import distance, is_slip, may_be_slip, shown_group, shown_name
from irqaffinity.conf.options import list_opts
from irqaffinity.conf.places import ConfigError
from irqaffinity.model.text import clean

RABBIT = "oslo_messaging_rabbit"
NOTIFICATIONS = "oslo_messaging_notifications"

OLD_NAMES = {
    ("DEFAULT", "pci_passthrough_whitelist"): ("pci", "device_spec"),
    ("pci", "passthrough_whitelist"): ("pci", "device_spec"),
    ("DEFAULT", "notification_transport_url"): (NOTIFICATIONS, "transport_url"),
    ("DEFAULT", "notification_topics"): (NOTIFICATIONS, "topics"),
    ("rpc_notifier2", "topics"): (NOTIFICATIONS, "topics"),
    ("DEFAULT", "rabbit_login_method"): (RABBIT, "rabbit_login_method"),
    ("DEFAULT", "rabbit_use_ssl"): (RABBIT, "ssl"),
    (RABBIT, "rabbit_use_ssl"): (RABBIT, "ssl"),
    (RABBIT, "kombu_ssl_ca_certs"): (RABBIT, "ssl_ca_file"),
    (RABBIT, "kombu_ssl_certfile"): (RABBIT, "ssl_cert_file"),
    (RABBIT, "kombu_ssl_keyfile"): (RABBIT, "ssl_key_file"),
}
"""The former names of options that the program reads, oldest first, and today's name of each.

They are Nova's (nova/conf/pci.py) and oslo.messaging's. Today's oslo.messaging no longer knows some of them, but an
older one beside Nova may still take them. The program refuses them in our own files: what `rabbit_use_ssl` does must
not depend on a version.
"""

_ALIKE = 0.8
"""How much alike two names have to be for one to be a slip of the other (difflib.SequenceMatcher.ratio)."""


_RESTRICTIONS = {
    "device_spec": ("pci", "device_spec"),
    "passthrough_whitelist": ("pci", "device_spec"),
    "pci_passthrough_whitelist": ("pci", "device_spec"),
    "dedicated_cpus": ("placement", "dedicated_cpus"),
}
"""Options that restrict which devices and CPUs the program uses, under all their names, and their right place."""

_NOVA_CPUS = "cpu_dedicated_set"
"""Nova's name for what [placement] dedicated_cpus is here."""

_PCI = frozenset({"device_spec", "passthrough_whitelist", "alias", "report_in_placement"})
"""Options that may stand in [pci]: those that the program reads, and Nova's other ones (nova/conf/pci.py)."""


_VARIABLE = re.compile(r"OS_([A-Za-z0-9_]+)__([A-Za-z0-9_]+)")
"""How a variable of the environment names an option: oslo.config reads it in capitals."""


class Entry(NamedTuple):
    """A name in a file, or a variable of the environment, and its place. str() is safe to show (conf/mistakes).

    `source` is the file and the number of the line, or the variable.
    """

    source: str
    group: str
    name: str

    def __str__(self) -> str:
        group = shown_group(self.group, _groups() | known_names.GROUPS)
        return clean(f"{self.source}: {group} {shown_name(self.name, _public_names(self.group))}")


def entry_of(path: str, group: str, name: str, line: Line) -> Entry:
    """Return an entry of a file."""
    return Entry(f"{path}:{line.number}", group, name)


def refuse_slips(sections: Sections) -> None:
    """Raise ConfigError for a name that is a slip of an option or group, or an old name of an option.

    It refuses a restriction in a wrong group as well, which would have no effect there.
    """
    for path, section in sections.items():
        for group in section:
            meant = None if group in _groups() | known_names.GROUPS else _nearest(group, _groups())
            if meant is not None:
                shown = shown_group(group, _groups())
                raise ConfigError(clean(f"{path}:{section[group].number}: {shown} is no group: [{meant}] is"))
    for entry in _entries(sections):
        meant = _meant(entry)
        if meant is not None:
            raise ConfigError(f"{entry} is no option: {meant} is")
    for path, section in sections.items():
        for group, names in section.items():
            for name, lines in names.items():
                _refuse_lost_restriction(entry_of(path, group, name, lines[-1]))


def refuse_slips_of_nova(nova: Sections) -> None:
    """Raise ConfigError for a name in [pci] of nova.conf that is a slip of device_spec."""
    for entry, meant in _slips_of_nova(nova, {"pci"}):
        raise ConfigError(f"{entry} is no option: {meant} is")


def slips_of_nova(nova: Sections) -> Iterator[str]:
    """Give the names in nova.conf that are slips of options of the broker; Nova itself ignores them."""
    yield from (str(entry) for entry, _ in _slips_of_nova(nova, {RABBIT, NOTIFICATIONS}))


def _slips_of_nova(nova: Sections, groups: Iterable[str]) -> Iterator[tuple[Entry, str]]:
    for path, section in nova.items():
        for group in sorted(section.keys() & set(groups)):
            for name, lines in sorted(section[group].items()):
                entry = entry_of(path, group, name, lines[-1])
                meant = None if (group, name) in OLD_NAMES else _meant(entry)
                if meant is not None:
                    yield entry, meant


def _refuse_lost_restriction(entry: Entry) -> None:
    name = entry.name.replace("-", "_")
    place = _RESTRICTIONS.get(name)
    if place is not None and entry.group != place[0]:
        raise ConfigError(f"{entry} restricts nothing there: [{place[0]}] {place[1]} does")
    if (entry.group, name) == ("placement", _NOVA_CPUS):
        raise ConfigError(f"{entry} restricts nothing there: [placement] dedicated_cpus does")
    if entry.group == "pci" and name not in _PCI:
        raise ConfigError(f"{entry} is no option: [pci] device_spec is")


def unknown_names(sections: Sections) -> Iterator[str]:
    """Give each name in a group of ours or of oslo.messaging's that is no option of that group.

    Names in [DEFAULT] that Nova or one of its libraries knows do not count.
    """
    known = _options()
    for entry in _entries(sections):
        is_elses = entry.group == "DEFAULT" and entry.name.replace("-", "_") in known_names.DEFAULT
        if entry.group in known and entry.name not in known[entry.group] and not is_elses:
            yield str(entry)


def old_names(sections: Sections) -> Iterator[str]:
    """Give a sentence for each option that stands in the files under an older name."""
    for path, section in sections.items():
        for (group, name), new in OLD_NAMES.items():
            if name in section.get(group, {}):
                entry = entry_of(path, group, name, section[group][name][-1])
                yield f"{entry} is an old name, and read as [{new[0]}] {new[1]}"


def _options() -> Mapping[str, frozenset[str]]:
    """Return, by group, the names of all options that the program reads, and others that may stand beside them."""
    ours = {group: frozenset(option.dest for option in options) for group, options in list_opts()}
    return ours | {
        "DEFAULT": ours["DEFAULT"] | known_names.MESSAGING | known_names.LOG,
        RABBIT: known_names.RABBIT,
        NOTIFICATIONS: known_names.NOTIFICATIONS,
    }


def _groups() -> frozenset[str]:
    return frozenset(_options())


def _entries(sections: Sections) -> Iterator[Entry]:
    """Give each name in the groups that the program reads, in the files and in the environment."""
    groups = _options()
    for path, section in sections.items():
        for group in sorted(groups.keys() & section.keys()):
            yield from (entry_of(path, group, name, lines[-1]) for name, lines in sorted(section[group].items()))
    by_variable = {group.upper(): group for group in groups}
    for variable in sorted(os.environ):
        found = _VARIABLE.fullmatch(variable)
        if found is not None and found[1] in by_variable:
            yield Entry(variable, by_variable[found[1]], found[2].lower())


def _meant(entry: Entry) -> str | None:
    """Return the option that a wrong name stands for; None where the name is right, or like no option."""
    options = _options()[entry.group]
    old_names = {name: f"[{new[0]}] {new[1]}" for (group, name), new in OLD_NAMES.items() if group == entry.group}
    if entry.name in old_names:
        return old_names[entry.name]
    is_elses = entry.group == "DEFAULT" and entry.name.replace("-", "_") in known_names.DEFAULT - options
    if entry.name in options or is_elses:
        return None
    meant = _nearest(entry.name, options | old_names.keys())
    return old_names.get(meant or "", meant)


def _public_names(group: str) -> frozenset[str]:
    """Return the names that a message may show: the options of a group with their old names, and all restrictions."""
    of_nova = known_names.DEFAULT if group == "DEFAULT" else frozenset()
    old_names = frozenset(name for place, name in OLD_NAMES if place == group)
    return _options().get(group, frozenset()) | of_nova | old_names | _RESTRICTIONS.keys() | _PCI | {_NOVA_CPUS}


def _nearest(name: str, options: Iterable[str]) -> str | None:
    """Return the one of `options` that `name` is a slip of, or None."""
    if not may_be_slip(name):
        return None
    ordered = sorted(options)
    best = min(ordered, key=lambda option: (distance(name.lower(), option.lower()), option))
    return best if is_slip(name, best) else next(iter(get_close_matches(name, ordered, 1, _ALIKE)), None)
