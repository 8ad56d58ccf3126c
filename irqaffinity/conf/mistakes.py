# SPDX-License-Identifier: Apache-2.0
"""Describes a mistake in the configuration: where it is, what kind it is and what is allowed, and no more.

A slip can put a password anywhere: an indented transport_url continues the value above it, one without its = is a line
that cannot be parsed, a $ in it begins the name of an option, a broken line makes its second half a name. Libraries
repeat such values in their messages. So a message here shows nothing that stands in a file: no line, no value of any
option, and only names from the program's own lists or names that differ from one of these by a letter or two.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from oslo_config import cfg, types

from irqaffinity.conf.places import ConfigError
from irqaffinity.model.text import clean, printable

NOT_SHOWN = "this name"
"""The words in place of a name in a file that could be a part of something else, such as a password."""

_SHORT = 6
"""In a name of fewer letters one wrong letter counts as a slip, in others two."""

_LONGEST = 80
"""Letters of a name that can be a slip of another one; the longest of oslo.messaging's has 36."""


class ValueRefused(ValueError):
    """An option does not take a value; str() says what is allowed, and repeats nothing of the value."""


def mistake(place: object, option: cfg.Opt, error: BaseException) -> ConfigError:
    """Return the error for a value that could not be read. `place` is where it stands, with group and option."""
    return ConfigError(printable(f"{place}: {_kind(option, error)}"))


def _kind(option: cfg.Opt, error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it refers to itself"
    for cause in _chain(error):
        if isinstance(cause, ValueRefused):
            return str(cause)
        if isinstance(cause, cfg.Error) and not isinstance(cause, ValueError):
            return "a $ in it begins the name of an option that does not exist; write a plain $ as $$"
    return f"it is not {_allowed(option.type)}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error, and the errors that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _allowed(kind: Any) -> str:
    """Return what a type takes, from the type alone."""
    choices = getattr(kind, "choices", None)
    if choices:
        return f"one of {', '.join(map(str, choices))}"
    if isinstance(kind, types.Boolean):
        return "true or false"
    if isinstance(kind, types.Integer) and kind.min is not None and kind.max is not None:
        return f"a whole number between {kind.min} and {kind.max}"
    if isinstance(kind, types.Dict):
        return "pairs NAME:VALUE, separated by commas"
    if isinstance(kind, types.HostAddress):
        return "a host name or an IP address"
    return f"{_article(kind.type_name)} {kind.type_name}"


def _article(noun: str) -> str:
    return "an" if noun[:1] in "aeiou" else "a"


def shown_name(name: str, known: Iterable[str]) -> str:
    """Return `name` where it is one of `known` or a slip of one of them, else NOT_SHOWN."""
    if name in known or any(is_slip(name, of) for of in known):
        return clean(name)
    return NOT_SHOWN


def shown_group(name: str, known: Iterable[str]) -> str:
    """Return a group in its brackets, with `...` for a name that is not shown."""
    shown = shown_name(name, known)
    return "[...]" if shown is NOT_SHOWN else f"[{shown}]"


def is_slip(name: str, of: str) -> bool:
    """Tell whether one name differs from another by a letter or two."""
    bearable = 1 if min(len(name), len(of)) < _SHORT else 2
    return abs(len(name) - len(of)) <= bearable and distance(name.lower(), of.lower()) <= bearable


def may_be_slip(name: str) -> bool:
    """Tell whether a name is short enough to be compared with others at all."""
    return len(name) <= _LONGEST


def distance(one: str, other: str) -> int:
    """Return how many letters have to be added, left out, changed or swapped with the next to make one the other."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, letter_of_other in enumerate(other, 1):
            cost = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != letter_of_other))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == letter_of_other:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        before, last = last, line
    return last[-1]
