# SPDX-License-Identifier: Apache-2.0
"""Running irqbalance daemons: where they listen, what they leave alone, and what they were told."""

from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet


class Balancer(NamedTuple):
    """A running irqbalance, by the number of its process.

    `addresses` are those where its socket may be, the likely ones first; bytes are an abstract name, which any process
    may have taken.
    """

    pid: int
    addresses: tuple[str | bytes, ...]

    @property
    def name(self) -> str:
        """The name of its socket: the state knows it by that."""
        return f"irqbalance{self.pid}.sock"

    def __str__(self) -> str:
        return f"irqbalance {self.pid}"


class Bans(NamedTuple):
    """CPUs and interrupts that an irqbalance leaves alone, or shall leave alone; the numbers are sorted."""

    cpus: CpuSet = CpuSet()
    irqs: tuple[int, ...] = ()


class Setup(NamedTuple):
    """The answer of an irqbalance: it scans every `sleep` seconds.

    `bans.cpus` are those of its last scan, `bans.irqs` those of its last order.
    """

    sleep: int
    bans: Bans


class Balancing(NamedTuple):
    """How far an irqbalance does what it was told, for status and metrics.

    `told` says that it leaves alone all that it shall: `cpus` and so many `irqs`, its own bans not counted. `pid` is
    None where none runs that could be told. `trouble` says what is in the way, None where nothing is.
    """

    pid: int | None = None
    told: bool = False
    cpus: CpuSet = CpuSet()
    irqs: int = 0
    trouble: str | None = None
