# SPDX-License-Identifier: Apache-2.0
"""Finds a library that is missing, too old or broken, and names it in one line in place of a traceback.

pip checks the versions at installation; libraries that come later, or by other means, can have any version. The bounds
are the oldest versions that the tests use; older ones may work, so the program does not end for an old library. This
module needs the standard library alone.
"""

import importlib.metadata
import importlib.util
import re
import traceback
from collections.abc import Iterable, Iterator

from irqaffinity.model.text import clean

_PROGRAM = "irqaffinity"
_REMEDY = "install irqaffinity and its dependencies anew"
_REQUIREMENT = re.compile(r"([\w.-]+) ?\(?(?:[^;]*,)?>=([\d.]+)(?:,[^;]*)?\)?")
"""A line of [project] dependencies in pyproject.toml, which wheel before 0.43 writes with a space or in parentheses;
those of extras have a marker behind it."""

_MODULES = {"libvirt-python": "libvirt", "PyYAML": "yaml"}
"""The name under which a library is imported, where it differs from the library's own."""


def find_missing() -> str | None:
    """Return a line that names each library that is missing, None where there is none."""
    return _line(_missing())


def find_old() -> str | None:
    """Return a line that names each library older than its oldest tested version, None where there is none."""
    return _line(_old())


def explain(error: Exception) -> str:
    """Return one line for an error of an import: why the library cannot be loaded, and what to do."""
    what = clean(str(error))
    if not isinstance(error, ImportError):
        place = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__} in {place.filename}, line {place.lineno}"  # its text may say anything
    return f"{'; '.join([f'a library cannot be loaded: {what}', *_missing(), *_old()])}; {_REMEDY}"


def _line(faults: Iterable[str]) -> str | None:
    said = "; ".join(faults)
    return f"{said}; {_REMEDY}" if said else None


def _missing() -> Iterator[str]:
    """Give a fault for each library with neither metadata nor a module; some systems ship one without metadata."""
    for name in _bounds():
        module = _MODULES.get(name, re.sub("[.-]", "_", name))
        if _version(name) is None and importlib.util.find_spec(module) is None:
            yield f"{name} is not installed"


def _old() -> Iterator[str]:
    for name, oldest in _bounds().items():
        version = _version(name)
        if version is not None and _release(version) < _release(oldest):
            yield f"{name} {version} is too old: it has to be {oldest} or newer"


def _bounds() -> dict[str, str]:
    """Return the oldest tested release of each library; an empty mapping where this program has no metadata."""
    try:
        lines = importlib.metadata.requires(_PROGRAM) or ()
    except importlib.metadata.PackageNotFoundError:
        return {}
    return {found[1]: found[2] for line in lines if (found := _REQUIREMENT.fullmatch(line))}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name) or None  # an incomplete removal leaves metadata without a version
    except (importlib.metadata.PackageNotFoundError, KeyError):
        return None


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with, without zeros at their end."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
