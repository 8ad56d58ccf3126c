# SPDX-License-Identifier: Apache-2.0
"""Counts the interrupt vectors that are taken, by whichever way this host offers."""

import os
from collections.abc import Iterable, Mapping

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.isolation import HostInterrupt, VectorUse
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.vector_use import read_vector_use
from irqaffinity.plan.headroom import count_vectors

VECTORS = 202
"""How many interrupt vectors an x86 CPU has for devices, about (Linux, arch/x86/include/asm/irq_vectors.h)."""

X86 = frozenset({"x86_64", "i686", "i586", "i386"})


def count_use(
    root: HostRoot, online: CpuSet, interrupts: Iterable[HostInterrupt], others: Iterable[Mapping[CpuSet, int]] = ()
) -> VectorUse:
    """Return how many vectors of each CPU are taken: as the kernel counts them, else at least; only x86 has a limit.

    `others` are how many more interrupts come to which CPUs.
    """
    exact = read_vector_use(root)
    if exact is not None or os.uname().machine not in X86:
        return exact or VectorUse()
    use = count_vectors(online, [seen.interrupt for seen in interrupts], VECTORS)
    used = dict(use.used)
    for loads in others:
        for cpus, count in loads.items():
            for cpu in cpus & online:
                used[cpu] += count
    return use._replace(used=used)
