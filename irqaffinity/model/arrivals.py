# SPDX-License-Identifier: Apache-2.0
"""How many interrupts arrived on which CPU, between two readings of the kernel's counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

_WRAP = 1 << 32
"""The kernel counts in 32 bits (include/linux/irqdesc.h, struct irqstat)."""

_FASTEST = 1_000_000
"""More arrivals of one interrupt a second than any CPU can serve."""

Arrived = Mapping[int, int]
"""How many interrupts arrived, by CPU, without the CPUs that got none."""


class KernelOwn(NamedTuple):
    """Interrupts of the processors' own kind that arrived, such as those of the local timer; they have no number."""

    name: str
    arrived: Arrived


@dataclass(frozen=True, slots=True)
class Interval:
    """What arrived between two readings.

    `arrived` has an entry, perhaps an empty one, for each interrupt whose counts are known at both ends, by its number;
    `names` has the names of the handlers of those that arrived, where they were asked for. `kernel` has what arrived of
    the interrupts without a number, by the word that stands for them in /proc/interrupts (LOC, RES), where all
    interrupts were asked for.
    """

    seconds: float = 0.0
    arrived: Mapping[int, Arrived] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    kernel: Mapping[str, KernelOwn] = field(default_factory=dict)


def count_arrivals(
    cpus: Sequence[int], before: Sequence[bytes], after: Sequence[bytes], seconds: float
) -> dict[int, int] | None:
    """Return how many arrived on each of `cpus`, given its counts as the kernel wrote them at both ends.

    None means that the interrupt was born anew in between: a count fell, or it rose by more than can have arrived. A
    count that wrapped around is no fall.
    """
    most = min(_FASTEST * (seconds + 1.0), _WRAP / 2)  # after an hour and more, any fall would be a count gone round
    arrived = {}
    for cpu, old, new in zip(cpus, before, after, strict=True):
        if old != new:
            more = (int(new) - int(old)) % _WRAP
            if more > most:
                return None
            arrived[cpu] = more
    return arrived
