# SPDX-License-Identifier: Apache-2.0
"""The kernel's counts of interrupts in a tree of files, in both places where the kernel tells them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from irqaffinity.model.cpuset import CpuSet
from tests.fakes.tree import HostTree


@dataclass
class Counted:
    """An interrupt: its handlers, how often it arrived on each CPU that ever had it, and its controller."""

    name: str
    arrived: dict[int, int] = field(default_factory=dict)
    chip: str = "PCI-MSIX-0000:41:00.1   0-edge    "


class Counts:
    """What arrived on a host, counted in 32 bits as the kernel does; written to the tree by `write`.

    `writes_table` and `writes_files` are whether the tree has /proc/interrupts, and the files of each interrupt.
    `timer`
    is how often the local timer has ticked on each CPU.
    """

    def __init__(self, tree: HostTree, online: str, possible: str | None = None) -> None:
        self.tree = tree
        self.online = CpuSet.parse(online)
        self.possible = CpuSet.parse(possible or online)
        self.interrupts: dict[int, Counted] = {}
        self.timer = {cpu: cpu for cpu in self.online}
        self.writes_table = self.writes_files = True

    def add(self, number: int, name: str, arrived: Mapping[int, int] | None = None) -> None:
        """Add an interrupt, or bear the one of that number anew."""
        self.interrupts[number] = Counted(name, dict(arrived or {}))

    def arrive(self, number: int, cpu: int, count: int = 1) -> None:
        """Let an interrupt arrive."""
        arrived = self.interrupts[number].arrived
        arrived[cpu] = (arrived.get(cpu, 0) + count) % (1 << 32)

    def write(self) -> None:
        """Write the counts as they are now."""
        if self.writes_table:
            (self.tree.proc / "interrupts").write_text(self.table())
        self.tree.put(self.tree.sys / "devices/system/cpu/possible", str(self.possible))
        for number in self.interrupts if self.writes_files else ():
            folder = self.tree.sys / f"kernel/irq/{number}"
            self.tree.put(folder / "per_cpu_count", ",".join(map(str, self.cells(number, self.possible))))
            self.tree.put(folder / "actions", self.interrupts[number].name)

    def cells(self, number: int, cpus: Collection[int]) -> list[int]:
        """Return the counts of an interrupt on these CPUs."""
        return [self.interrupts[number].arrived.get(cpu, 0) for cpu in cpus]

    def table(self) -> str:
        """Return /proc/interrupts."""
        lines = ["           " + "".join(f"CPU{cpu:<8}" for cpu in self.online)]
        for number, interrupt in sorted(self.interrupts.items()):
            cells = "".join(f" {count:10}" for count in self.cells(number, self.online))
            lines.append(f"{number:3}:{cells}  {interrupt.chip}  {interrupt.name}")
        ticks = "".join(f" {self.timer.get(cpu, 0):10}" for cpu in self.online)
        lines.append(f"LOC:{ticks}   Local timer interrupts")
        return "\n".join([*lines, "ERR:          0", ""])
