# SPDX-License-Identifier: Apache-2.0
"""A small model of what the kernel does with affinities: births, writes, and the choice of the CPU that serves."""

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

from irqaffinity.apply.backoff import Backoff
from irqaffinity.apply.execute import execute
from irqaffinity.model.action import Action, Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.host import Topology
from irqaffinity.model.irq import DEFAULT, Interrupt
from irqaffinity.model.isolation import HostInterrupt, Kept, VectorUse
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.record import State
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.headroom import count_vectors
from irqaffinity.plan.isolate import IsolationPlan, isolate
from irqaffinity.plan.policy import Isolation


@dataclass
class Line:
    """An interrupt as the kernel has it; `own` is what it would have without the program."""

    smp: CpuSet
    own: CpuSet
    node: int | None
    effective: CpuSet = CpuSet()
    writable: bool = True


class Kernel:
    """A host of one PCI device a NUMA node, and the interrupts of none of them."""

    def __init__(self, topology: Topology, default: CpuSet, capacity: int) -> None:
        self.topology = topology
        self.default = self.wide = default
        self.capacity = capacity
        self.lines: dict[int, Line] = {}
        self.refuses: Container[int] = ()
        self.writes: list[int] = []

    def bear(self, number: int, node: int | None, own: CpuSet | None = None, *, writable: bool = True) -> None:
        """Make an interrupt with its `own` affinity, else the default one (kernel/irq/manage.c, irq_setup_affinity)."""
        smp = own if own is not None else self._first(self.default, node)
        line = Line(smp, own if own is not None else self._first(self.wide, node), node, writable=writable)
        self.lines[number] = line
        self._serve(line)

    def _first(self, default: CpuSet, node: int | None) -> CpuSet:
        online = default & self.topology.online
        near = online & self.topology.nodes.get(-1 if node is None else node, CpuSet())
        return near or online

    def _serve(self, line: Line) -> None:
        """Choose the CPU with the most free vectors where the one that serves is outside (kernel/irq/matrix.c)."""
        choice = line.smp & self.topology.online
        if not (line.effective and line.effective <= choice):
            line.effective = CpuSet()
            used = self.used()
            line.effective = CpuSet([min(choice, key=lambda cpu: used[cpu])])

    def used(self) -> Counter[int]:
        """Return how many vectors of each CPU are taken."""
        return Counter(cpu for line in self.lines.values() for cpu in (line.effective if line.writable else line.smp))

    def take_offline(self, cpus: CpuSet) -> None:
        """Take CPUs offline; an affinity of which none is left becomes all that are online."""
        self.topology = replace(self.topology, online=self.topology.online - cpus)
        for line in self.lines.values():
            if line.writable:
                if not line.smp & self.topology.online:
                    line.smp = self.topology.online
                self._serve(line)

    def read(self) -> list[HostInterrupt]:
        """Return all interrupts, by number."""
        return [
            HostInterrupt(
                Interrupt(number, line.smp, line.effective, line.writable, f"line{number}"),
                NO_DEVICE if line.node is None else PciAddress(0, line.node, 0, 0),
                None if line.node is None else "nic",
                line.node,
            )
            for number, line in sorted(self.lines.items())
        ]

    def use(self) -> VectorUse:
        """Return the vectors that are taken, as the program counts them."""
        return count_vectors(self.topology.online, (found.interrupt for found in self.read()), self.capacity)

    def place(self, action: Action) -> Result:
        """Write an affinity, as the program's writer does."""
        self.writes.append(action.number)
        assert action.target & self.topology.online, "the kernel would refuse it"
        if action.number in self.refuses:
            return Result(action, Verdict.DENIED, action.target, action.current, action.effective)
        if action.irq == DEFAULT:
            self.default = action.target
            return Result(action, Verdict.SET, action.target, self.default, None, was_written=True)
        line = self.lines[action.number]
        line.smp = action.target
        self._serve(line)
        return Result(action, Verdict.SET, action.target, line.smp, line.effective, was_written=True)

    def plan(self, kept: Kept, housekeeping: CpuSet, state: State, policy: Isolation) -> IsolationPlan:
        """Return the plan for what this kernel has now."""
        return isolate(
            self.read(),
            kept,
            housekeeping & self.topology.online,
            self.topology,
            state,
            self.default,
            self.use(),
            policy,
        )

    def carry_out(self, plan: IsolationPlan, state: State, refuses: Container[int] = ()) -> Sequence[Result]:
        """Do as the program does: store what changes, write, and store what was learned."""
        self.writes, self.refuses = [], refuses
        state.apply(plan.changes)
        done = execute(plan.actions, state, state.apply, self, Backoff())
        state.apply(done.learned)
        return done.results
