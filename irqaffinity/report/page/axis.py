# SPDX-License-Identifier: Apache-2.0
"""Orders the CPUs of a host on a page, and places each one on a strip."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.layout import NodeLayout
from irqaffinity.report.page.facts import HostPicture

_GAP = 0.02
"""Width of the gap between two nodes, as a part of the whole strip."""


class Band(NamedTuple):
    """A node on a strip: its number, and where it begins and how wide it is, in percent."""

    node: int | None
    start: float
    width: float


class Axis:
    """The CPUs of a host side by side: node by node, and SMT siblings next to each other."""

    def __init__(self, groups: Sequence[tuple[int | None, Sequence[int]]]) -> None:
        """Take the nodes with their CPUs in the order in which they are drawn."""
        shown = [(node, cpus) for node, cpus in groups if cpus]
        count = sum(len(cpus) for _, cpus in shown)
        self._step = 100 * (1 - _GAP * (len(shown) - 1)) / count if count else 0.0
        self._starts: dict[int, float] = {}
        self._places: dict[int, int] = {}
        self.bands: list[Band] = []
        start = 0.0
        for index, (node, cpus) in enumerate(shown):
            self.bands.append(Band(node, start, self._step * len(cpus)))
            for place, cpu in enumerate(cpus):
                self._starts[cpu] = start + place * self._step
                self._places[cpu] = len(self._places) + index  # a gap ends a run
            start += self._step * len(cpus) + 100 * _GAP

    def runs(self, cpus: Iterable[int]) -> Iterator[tuple[float, float]]:
        """Give start and width, in percent, of each run of `cpus` that lie side by side; others are not drawn."""
        known = sorted((self._places[cpu], self._starts[cpu]) for cpu in cpus if cpu in self._places)
        first = length = 0
        begin = 0.0
        for place, start in known:
            if length and place == first + length:
                length += 1
                continue
            if length:
                yield begin, length * self._step
            first, length, begin = place, 1, start
        if length:
            yield begin, length * self._step


def make_axis(host: HostPicture) -> Axis:
    """Return the axis of a host; where its nodes are not known, it has all CPUs up to the highest that is named."""
    if host.nodes:
        return Axis([(node.node, [cpu for core in order_cores(node) for cpu in core]) for node in host.nodes])
    named = [cpus for irq in host.irqs for cpus in (irq.current, irq.target, irq.effective) if cpus]
    union = CpuSet()
    for cpus in set(named):
        union |= cpus
    return Axis([(None, list(range(max(union) + 1 if union else 0)))])


def order_cores(node: NodeLayout) -> Sequence[tuple[int, ...]]:
    """Return the cores of a node by their first CPU; a CPU whose core is not known is a core of its own."""
    core_of = {cpu: core for core in node.cores for cpu in core}
    found = {tuple(core_of.get(cpu, (cpu,))): None for cpu in node.cpus}
    return list(found)
