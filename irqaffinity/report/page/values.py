# SPDX-License-Identifier: Apache-2.0
"""Reads single values of a document, which may be damaged or hostile."""

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.text import clean

MOST_CPUS = 8192
"""The most CPUs that a page draws: no kernel has more (CONFIG_NR_CPUS)."""

_ALL_CPUS = CpuSet(range(MOST_CPUS))


def text_of(text: str | None) -> str | None:
    """Return a text as it may be shown."""
    return None if text is None else clean(text)


def cpus_of(text: str | None) -> CpuSet | None:
    """Return CPUs of one host, None for null; raise ValueError."""
    return None if text is None else set_of(text)


def set_of(text: str) -> CpuSet:
    """Return CPUs of one host; raise ValueError."""
    found = CpuSet.parse(text)
    if not found <= _ALL_CPUS:
        raise ValueError(f"it names a CPU above {MOST_CPUS - 1}, which no kernel has")
    return found
