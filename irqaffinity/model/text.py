# SPDX-License-Identifier: Apache-2.0
"""Text for people: the one function that all text from outside passes through, and counts of things."""

from collections.abc import Iterable
from itertools import groupby

from irqaffinity.model.cpuset import CpuSet

LONGEST = 255
_CUT = "…"


def clean(text: str) -> str:
    """Return `text` on one printable line of at most 255 characters.

    Control, bidirectional and other non-printing characters become `\\xNN`, so that no log line, table row or
    metric label can be forged by a guest, flavor or host name. A text that had to be cut ends in an ellipsis, which no
    grammar of this program accepts: a value that lost its tail is refused and never mistaken for a shorter one.
    """
    shown = text if text.isprintable() else printable(text[: LONGEST + 1])
    return shown if len(shown) <= LONGEST else shown[: LONGEST - len(_CUT)] + _CUT


def printable(text: str) -> str:
    """Return `text` with control, bidirectional and other non-printing characters as `\\xNN`, and all of it."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def counted(count: int, noun: str) -> str:
    """Return `1 guest` or `2 guests`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def name_cpus(noun: str, cpus: CpuSet) -> str:
    """Return `vCPU 2` or `vCPUs 2,4`."""
    return f"{noun} {cpus}" if len(cpus) == 1 else f"{noun}s {cpus}"


def merge_numbers(numbers: Iterable[int]) -> str:
    """Return numbers as a sorted list of runs: `142-149,151`."""
    runs = []
    for _, run in groupby(enumerate(sorted(set(numbers))), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        runs.append(str(members[0]) if len(members) == 1 else f"{members[0]}-{members[-1]}")
    return ",".join(runs)
