# SPDX-License-Identifier: Apache-2.0
"""Whether the names in the files are names of options: what was meant under a wrong one would not be heeded."""

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
"""Options that are read here, under the names that they had before, oldest first.

Nova's (nova/conf/pci.py), and those of oslo.messaging, of which today's has forgotten some while an older one beside
Nova may still take them. In our own files they are refused: what `rabbit_use_ssl` does must not depend on a version.
"""

_ALIKE = 0.8
"""How much alike two names have to be for one to be a slip of the other (difflib.SequenceMatcher.ratio)."""


_RESTRICTIONS = {
    "device_spec": ("pci", "device_spec"),
    "passthrough_whitelist": ("pci", "device_spec"),
    "pci_passthrough_whitelist": ("pci", "device_spec"),
    "dedicated_cpus": ("placement", "dedicated_cpus"),
}
"""Options that restrict what is touched, under all their names, and where they are heeded."""

_NOVA_CPUS = "cpu_dedicated_set"
"""Nova's name for what [placement] dedicated_cpus is here."""

_PCI = frozenset({"device_spec", "passthrough_whitelist", "alias", "report_in_placement"})
"""What may stand in [pci]: what is read here, and Nova's own beside it (nova/conf/pci.py)."""


_VARIABLE = re.compile(r"OS_([A-Za-z0-9_]+)__([A-Za-z0-9_]+)")
"""How a variable of the environment names an option: oslo.config reads it in capitals."""


class Entry(NamedTuple):
    """A name in a file, or a variable of the environment, and where it stands: str() is for people (conf/mistakes).

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
    """Raise ConfigError for a name that is nearly one of an option or group, or an old one of device_spec.

    A restriction in a group where it is not heeded would vanish, so it is refused as well.
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
    """Raise ConfigError for a name in [pci] of nova.conf that is nearly the one of device_spec."""
    for entry, meant in _slips_of_nova(nova, {"pci"}):
        raise ConfigError(f"{entry} is no option: {meant} is")


def slips_of_nova(nova: Sections) -> Iterator[str]:
    """Give the names in nova.conf that are nearly one of an option of the broker; Nova itself passes over them."""
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
    """Give what stands in a group of ours or of oslo.messaging's and is no option of it, and nobody's in [DEFAULT]."""
    known = _options()
    for entry in _entries(sections):
        is_elses = entry.group == "DEFAULT" and entry.name.replace("-", "_") in known_names.DEFAULT
        if entry.group in known and entry.name not in known[entry.group] and not is_elses:
            yield str(entry)


def old_names(sections: Sections) -> Iterator[str]:
    """Give a sentence for each option that stands there under an older name."""
    for path, section in sections.items():
        for (group, name), new in OLD_NAMES.items():
            if name in section.get(group, {}):
                entry = entry_of(path, group, name, section[group][name][-1])
                yield f"{entry} is an old name, and read as [{new[0]}] {new[1]}"


def _options() -> Mapping[str, frozenset[str]]:
    """Return the names of all options that are read, by group, and those that stand beside them by right."""
    ours = {group: frozenset(option.dest for option in options) for group, options in list_opts()}
    return ours | {
        "DEFAULT": ours["DEFAULT"] | known_names.MESSAGING | known_names.LOG,
        RABBIT: known_names.RABBIT,
        NOTIFICATIONS: known_names.NOTIFICATIONS,
    }


def _groups() -> frozenset[str]:
    return frozenset(_options())


def _entries(sections: Sections) -> Iterator[Entry]:
    """Give each name in the groups that are read, also of the environment."""
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
    """Return the option that is meant by a name that is none; None where it is one, or nobody can tell."""
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
    """Return the names that everybody knows to be options: of a group, under their old names too, and restrictions."""
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
