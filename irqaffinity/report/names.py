# SPDX-License-Identifier: Apache-2.0
"""Names of interrupts' handlers, of which a host has many that differ in numbers alone: nvme0q1, nvme0q2 and so on."""

import re
from bisect import bisect
from collections.abc import Iterable, Sequence

from irqaffinity.model.text import merge_numbers

MOST = 5
"""The most names that a sentence lists."""

MOST_RUNS = 12
"""The most runs of numbers that a line lists: every third of hundreds of queues would make hundreds."""

_DIGITS = re.compile("([0-9]+)")


def first_names(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - MOST
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:MOST])} and {more} more"


def first_numbers(numbers: Iterable[int]) -> str:
    """Return numbers as a list of runs, of many runs the first, and how many more numbers there are."""
    ordered = sorted(set(numbers))
    runs = merge_numbers(ordered).split(",")
    if len(runs) <= MOST_RUNS:
        return ",".join(runs)
    last = int(runs[MOST_RUNS - 1].rpartition("-")[2])
    return f"{','.join(runs[:MOST_RUNS])} and {len(ordered) - bisect(ordered, last)} more"


def common_names(names: Iterable[str]) -> list[str]:
    """Return names without repetition, those that differ in numbers alone as one."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        found.setdefault(without_numbers(name), []).append(name)
    return [common_name(alike) for alike in found.values()]


def without_numbers(name: str) -> tuple[str, ...]:
    """Return the parts of a name between its numbers."""
    return tuple(_DIGITS.split(name)[::2])


def common_name(names: Sequence[str]) -> str:
    """Return names that differ in numbers alone as one, with a star for each number in which they differ."""
    parts = zip(*map(_DIGITS.split, names), strict=True)
    return "".join(part[0] if len(set(part)) == 1 else "*" for part in parts)
