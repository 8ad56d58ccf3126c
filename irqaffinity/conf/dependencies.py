# SPDX-License-Identifier: Apache-2.0
"""Tells which library is missing, too old or broken, in one line in place of a traceback.

pip sees to it at installation; what is installed later, or by other means, can be anything. It needs the standard
library alone.
"""

import importlib.metadata
import re
import traceback
from collections.abc import Callable, Iterator
from typing import TypeVar

_Answer = TypeVar("_Answer")

_PROGRAM = "irqaffinity"
_REMEDY = "install irqaffinity and its dependencies anew"
_REQUIREMENT = re.compile(r"([\w.-]+)>=([\d.]+)")
"""A line of [project] dependencies in pyproject.toml; those of extras have a marker behind it."""


def find_unmet() -> str | None:
    """Return a line that names each library that is missing or too old, None where there is none."""
    unmet = list(_unmet())
    return f"{'; '.join(unmet)}; {_REMEDY}" if unmet else None


def explain(error: Exception) -> str:
    """Return a line for what was raised by the import of a library: why it has not been loaded, and what to do."""
    unmet = find_unmet()
    if unmet is not None:
        return unmet
    if isinstance(error, ImportError):
        return f"a library cannot be loaded: {error}; {_REMEDY}"
    place = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__} in {place.filename}, line {place.lineno}"  # its text may say anything
    return f"a library cannot be loaded: {what}; {_REMEDY}"


def _unmet() -> Iterator[str]:
    requirements = (_REQUIREMENT.fullmatch(line) for line in _ask(importlib.metadata.requires, _PROGRAM) or ())
    bounds = {found[1]: found[2] for found in requirements if found}
    for name, oldest in (bounds or {_PROGRAM: "0"}).items():
        version = _ask(importlib.metadata.version, name)
        if version is None:
            yield f"{name} is not installed"
        elif _release(version) < _release(oldest):
            yield f"{name} {version} is too old: it has to be {oldest} or newer"


def _ask(question: Callable[[str], _Answer], name: str) -> _Answer | None:
    try:
        return question(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with, without zeros at their end."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
