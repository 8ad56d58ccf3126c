# SPDX-License-Identifier: Apache-2.0
"""How many interrupt vectors are free, and where one more may go.

An x86 CPU has some 200 vectors. An interrupt takes one of the CPU that serves it; one that the kernel manages has one
reserved on each CPU that may ever serve it (Linux: kernel/irq/matrix.c, irq_matrix_reserve_managed).
"""

from collections import Counter
from collections.abc import Iterable

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.host import Topology
from irqaffinity.model.irq import Interrupt, immovable_verdict
from irqaffinity.model.isolation import Headroom, Shortage, VectorUse
from irqaffinity.model.verdict import Verdict

SHORT = 10
"""A target is short of vectors when less than one in so many is free."""


def count_vectors(online: CpuSet, interrupts: Iterable[Interrupt], capacity: int) -> VectorUse:
    """Return how many vectors of each online CPU these interrupts take at least; each CPU has `capacity`."""
    used: Counter[int] = Counter()
    for interrupt in interrupts:
        used.update(_takes(interrupt) & online)
    return VectorUse({cpu: used[cpu] for cpu in online}, dict.fromkeys(online, capacity))


def _takes(interrupt: Interrupt) -> CpuSet:
    """Return the CPUs that an interrupt takes a vector of, as far as that is known."""
    smp = interrupt.smp or CpuSet()
    if not interrupt.writable and immovable_verdict(interrupt.action or "") is Verdict.MANAGED:
        return smp
    if interrupt.effective is not None:
        return interrupt.effective
    return smp if len(smp) == 1 else CpuSet()


def find_headroom(topology: Topology, use: VectorUse) -> tuple[Headroom, ...]:
    """Return the CPU with the fewest free vectors of each node, by node; last that of the CPUs without a node."""
    known = CpuSet(use.capacity) & topology.online
    groups: list[tuple[int | None, CpuSet]] = [(node, topology.nodes[node] & known) for node in sorted(topology.nodes)]
    homeless = known
    for _, cpus in groups:
        homeless = homeless - cpus
    return tuple(_fullest(node, cpus, use) for node, cpus in (*groups, (None, homeless)) if cpus)


def _fullest(node: int | None, cpus: CpuSet, use: VectorUse) -> Headroom:
    cpu = min(cpus, key=lambda cpu: free_of(use, cpu))
    return Headroom(node, cpu, free_of(use, cpu), use.capacity[cpu], use.is_exact)


def free_of(use: VectorUse, cpu: int) -> int:
    """Return how many vectors of a CPU are free."""
    return max(0, use.capacity[cpu] - use.used.get(cpu, 0))


def find_shortages(use: VectorUse, targets: Iterable[CpuSet]) -> tuple[Shortage, ...]:
    """Return those of the targets that are about to run out of vectors, each once, in their order."""
    shortages, counted = [], CpuSet(use.capacity)
    for cpus in dict.fromkeys(targets):
        known = counted & cpus
        free, capacity = sum(free_of(use, cpu) for cpu in known), sum(use.capacity[cpu] for cpu in known)
        if known and free * SHORT < capacity:
            shortages.append(Shortage(cpus, free, capacity, use.is_exact))
    return tuple(shortages)


class Room:
    """Where an interrupt may be moved to, so that no CPU gets more than half its vectors that way."""

    def __init__(self, online: CpuSet, use: VectorUse) -> None:
        """Start from what is taken; without known capacities there is room everywhere."""
        self._known = CpuSet(use.capacity) & online
        self._capacity = use.capacity
        self._used = dict(use.used)

    def take(self, cpus: CpuSet, effective: CpuSet | None) -> bool:
        """Count an interrupt that gets the affinity `cpus`; return False, and count nothing, where there is no room.

        One that is served within it already stays there. Any other goes to the CPU with the most free vectors (Linux:
        kernel/irq/matrix.c, matrix_find_best_cpu), so that a CPU of the affinity that is half full gets nothing while
        another one has more room. The vector that it leaves counts on: the kernel frees it later.
        """
        choice = cpus & self._known
        if (effective and effective <= cpus) or not choice:
            return True
        cpu = max(choice, key=lambda cpu: self._capacity[cpu] - self._used.get(cpu, 0))
        taken = self._used.get(cpu, 0) + 1
        if 2 * taken > self._capacity[cpu]:
            return False
        self._used[cpu] = taken
        return True
