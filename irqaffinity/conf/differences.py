# SPDX-License-Identifier: Apache-2.0
"""Finds the options that differ between two readings of the configuration, by name alone: a value may be a password."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from irqaffinity.conf import known_names
from irqaffinity.conf.files import Sections, lines_of
from irqaffinity.conf.names import NOTIFICATIONS, OLD_NAMES, RABBIT

_OF_LIBRARIES: Mapping[str, frozenset[str]] = {
    "DEFAULT": known_names.MESSAGING,
    RABBIT: known_names.RABBIT,
    NOTIFICATIONS: known_names.NOTIFICATIONS,
}

Marks = Mapping[str, int]
"""A number for each option by `[group] name`. Another value has another number, which does not show the value."""


def mark(values: Mapping[tuple[str, str], Any], own: Sections, nova: Sections) -> Marks:
    """Return the marks of our own options, from their values, and of the libraries', from the lines that set them."""
    ours = {_shown(*place): hash(repr(value)) for place, value in values.items()}
    return dict(_of_libraries(own, nova)) | ours


def changed_names(before: Marks, after: Marks) -> Sequence[str]:
    """Return the options whose values have changed, as `[group] name`, in order."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _of_libraries(own: Sections, nova: Sections) -> Iterator[tuple[str, int]]:
    places = {(group, name) for group, names in _OF_LIBRARIES.items() for name in names} - OLD_NAMES.keys()
    for group, name in [*places, *(("DEFAULT", name) for name in known_names.LOG)]:
        is_of_log = (group, name) not in places
        old_names = [old for old, new in OLD_NAMES.items() if new == (group, name)]
        sources = [own] if is_of_log else [own, nova]
        found = [
            [line.value for section in sections.values() for line in lines_of(section, *place)]
            for sections in sources
            for place in (*old_names, (group, name))
        ]
        found.append([os.environ.get(f"OS_{group}__{name}".upper(), "")])
        if any(map(any, found)):
            yield _shown(group, name), hash(repr(found))


def _shown(group: str, name: str) -> str:
    return f"[{group}] {name}"
