# SPDX-License-Identifier: Apache-2.0
"""What stands in each of the files of the configuration."""

import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple, NoReturn

from oslo_config import iniparser

from irqaffinity.conf.places import ConfigError, find_files, read_text
from irqaffinity.conf.regular_file import why_unreadable
from irqaffinity.model.text import clean


class Line(NamedTuple):
    """One value of an option, and the number of the line that it begins on."""

    number: int
    value: str


class Group(defaultdict[str, list[Line]]):
    """The values of a group in one file by their option, and the number of the line that it begins on first."""

    def __init__(self, number: int) -> None:
        super().__init__(list)
        self.number = number


Section = Mapping[str, Group]
"""The values of one file, by group and option, which can stand there more than once."""

Sections = Mapping[str, Section]
"""The values of each file by its path."""


def read_files(files: Sequence[str] | None, folders: Sequence[str] | None) -> Sections:
    """Return what stands in the files that `find_files` of conf/places finds; raise ConfigError."""
    return {path: parse(path) for path in find_files(files, folders)}


def parse(path: str) -> Section:
    """Return the values of one file by group and option, groups in lower case as oslo.config reads them.

    Raise ConfigError, which repeats nothing of the file: it could hold a password.
    """
    parser = _Parser(path)
    try:
        parser.parse(io.StringIO(read_text(path), newline=None))
    except (OSError, ValueError) as error:
        raise ConfigError(clean(f"{path} cannot be read: {why_unreadable(error)}")) from None
    return parser.found


def lines_of(section: Section, group: str, name: str) -> Sequence[Line]:
    """Return the lines of a file that set an option; none where none does."""
    return section[group].get(name, ()) if group in section else ()


class _Parser(iniparser.BaseParser):
    """Parses as oslo.config does, and describes each mistake in words of its own, which repeat nothing of the file."""

    def __init__(self, path: str) -> None:
        self.found: dict[str, Group] = {}
        self._path = path
        self._group: Group | None = None
        self._begun = 0

    def new_section(self, section: str) -> None:
        name = section if section == "DEFAULT" else section.lower()
        self._group = self.found.setdefault(name, Group(self.lineno))

    def assignment(self, key: str, value: list[str]) -> None:
        if self._group is None:
            self._refuse("an option stands above the first group: begin with a line such as [DEFAULT]", self._begun)
        self._group[key].append(Line(self._begun, "\n".join(value)))

    def error_invalid_assignment(self, _line: str) -> NoReturn:
        self._refuse("the line has neither = nor a colon: write an option as name = value, and a comment behind #")

    def error_empty_key(self, _line: str) -> NoReturn:
        self._refuse("the line has no name in front of = or the colon: write an option as name = value")

    def error_unexpected_continuation(self, _line: str) -> NoReturn:
        self._refuse("the line is indented, and no option stands above it to be continued: begin it at the margin")

    def error_no_section_end_bracket(self, _line: str) -> NoReturn:
        self._refuse("the line begins with [ and does not end with ]: write a group as [name], alone on its line")

    def error_no_section_name(self, _line: str) -> NoReturn:
        self._refuse("the group has no name: write it as [name]")

    def _split_key_value(self, line: str) -> tuple[str, list[str]]:
        self._begun = self.lineno
        return super()._split_key_value(line)

    def _refuse(self, kind: str, number: int | None = None) -> NoReturn:
        raise ConfigError(clean(f"{self._path}:{self.lineno if number is None else number}: {kind}"))
