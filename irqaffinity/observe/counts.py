# SPDX-License-Identifier: Apache-2.0
"""Reads how often each interrupt arrived on each CPU: from /proc/interrupts, or from one file for each interrupt."""

import contextlib
import errno
import os
from collections.abc import Collection
from dataclasses import dataclass, field

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import parse_irq_number
from irqaffinity.model.text import clean
from irqaffinity.observe.root import PADDING, HostRoot
from irqaffinity.observe.sysfs import action_name

_READ = os.O_RDONLY | os.O_CLOEXEC
_PIECE = 65536


@dataclass(frozen=True, slots=True)
class Table:
    """/proc/interrupts as it was read once: `rows` by number, each as the kernel wrote it, parsed only when asked for.

    A row has a count for each CPU that is online, then the interrupt's controller, and the names of its handlers
    (Linux, kernel/irq/proc.c, show_interrupts). `kernel` are the rows of interrupts without a number, by their word;
    behind the counts they have a name alone (arch/x86/kernel/irq.c, arch_show_interrupts).
    """

    cpus: tuple[int, ...]
    rows: dict[int, bytes] = field(default_factory=dict)
    kernel: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def read(cls, root: HostRoot, wanted: Collection[int] | None) -> "Table":
        """Read the rows of the interrupts in `wanted`, or all and those without a number; raise OSError."""
        head, *lines = root.read_all(f"{root.proc}/interrupts").split(b"\n")
        table = cls(tuple(int(name[3:]) for name in head.split() if name[:3] == b"CPU" and name[3:].isdigit()))
        for line in lines:
            name, _, row = line.partition(b":")
            name = name.strip()
            if name.isdigit() and len(name) <= 9 and (wanted is None or int(name) in wanted):
                table.rows[int(name)] = row
            elif wanted is None and row:
                table.kernel[clean(name.decode("ascii", "replace"))] = row
        return table

    def split(self, number: int) -> tuple[list[bytes], bytes] | None:
        """Return the counts of an interrupt and the rest of its row; None where it has not one for each CPU.

        The kernel writes the rows one by one: a CPU that goes offline meanwhile is in some rows alone, and the count of
        one that comes online stands in the rest.
        """
        return self.split_row(self.rows[number])

    def split_row(self, row: bytes) -> tuple[list[bytes], bytes] | None:
        """Do what `split` does for any row."""
        cells = row.split(None, len(self.cpus))
        counts, rest = cells[: len(self.cpus)], b"".join(cells[len(self.cpus) :])
        return (counts, rest) if len(counts) == len(self.cpus) and b"".join(counts).isdigit() else None

    def name(self, number: int) -> str:
        """Return the names of an interrupt's handlers; two spaces stand before them."""
        row = self.rows[number].rstrip().decode("utf-8", "replace")
        return clean(row.rsplit("  ", 1)[-1].strip())


@dataclass(frozen=True, slots=True)
class Files:
    """/sys/kernel/irq/N/per_cpu_count of some interrupts as they were read once.

    A file has a count for each CPU that is possible, in their order, and is cut where a page is full (Linux,
    kernel/irq/irqdesc.c, per_cpu_count_show): `is_cut` says that one was.
    """

    cpus: tuple[int, ...]
    rows: dict[int, bytes]
    is_cut: bool
    root: HostRoot

    @classmethod
    def read(cls, root: HostRoot, wanted: Collection[int] | None) -> "Files":
        """Read the files of the interrupts in `wanted`, or all; those that are not there or cut are left out.

        Raises OSError where none is there, or the CPUs of the counts are not known.
        """
        cpus = tuple(_possible(root))
        rows, is_cut = {}, False
        for number in _all_numbers(root) if wanted is None else wanted:
            with contextlib.suppress(OSError):
                row = _read_line(root, f"{root.sys}/kernel/irq/{number}/per_cpu_count")
                if row.count(b",") == len(cpus) - 1 and row.endswith(b"\n"):
                    rows[number] = row
                else:
                    is_cut = True
        if wanted and not rows and not is_cut:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{root.sys}/kernel/irq")
        return cls(cpus, rows, is_cut, root)

    def split(self, number: int) -> tuple[list[bytes], bytes] | None:
        """Return the counts of an interrupt, and an empty rest; None where the counts are no numbers."""
        counts = self.rows[number].strip().split(b",")
        return (counts, b"") if b"".join(counts).isdigit() and all(counts) else None

    def name(self, number: int) -> str:
        """Return the names of an interrupt's handlers."""
        with contextlib.suppress(OSError):
            return action_name(self.root, number)
        return ""


def read_ticks(root: HostRoot, cpu: int) -> int | None:
    """Return how often the local timer of an x86 CPU has ticked since the boot; None where that cannot be told.

    Its row has no number but a name, LOC (Linux, arch/x86/kernel/irq.c, arch_show_interrupts).
    """
    try:
        head, *lines = root.read_all(f"{root.proc}/interrupts").split(b"\n")
    except OSError:
        return None
    name = b"CPU%d" % cpu
    cells: list[bytes] = next((line.split() for line in lines if line.lstrip().startswith(b"LOC:")), [])
    place = head.split().index(name) + 1 if name in head.split() else len(cells)
    return int(cells[place]) if place < len(cells) and cells[place].isdigit() else None


def _possible(root: HostRoot) -> CpuSet:
    path = f"{root.sys}/devices/system/cpu/possible"
    try:
        return CpuSet.parse(root.read(path))
    except ValueError as error:
        raise OSError(0, f"it is no list of CPUs: {error}", path) from error


def _all_numbers(root: HostRoot) -> list[int]:
    numbers = []
    for name in root.list_if_there(f"{root.sys}/kernel/irq"):
        with contextlib.suppress(ValueError):
            numbers.append(parse_irq_number(name))
    return sorted(numbers)


def _read_line(root: HostRoot, path: str) -> bytes:
    """Return a file of one page at most; raise OSError."""
    fd = root.calls.open(path, _READ)
    try:
        return root.calls.read(fd, _PIECE).strip(PADDING.strip("\n").encode())
    finally:
        root.calls.close(fd)
