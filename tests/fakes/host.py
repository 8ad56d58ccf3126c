# SPDX-License-Identifier: Apache-2.0
"""A host in a temporary folder that counts what is asked of it and answers writes as the kernel does."""

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import DEFAULT
from irqaffinity.observe.root import HostRoot
from tests.fakes.tree import HostTree

_AFFINITY = re.compile(r".*/irq/(?:(\d+)/smp_affinity_list|default_smp_affinity)")


class FakeHost(HostTree):
    """A HostTree whose `root` goes through this object.

    `opens`, `reads` and `writes` count; `written` lists (interrupt, CPUs) in their order, the default affinity under
    the number of DEFAULT. `refuse` makes the kernel refuse an interrupt; `quiet` interrupts keep their effective
    affinity until they fire, as without interrupt remapping. A descriptor of an interrupt that was freed answers EIO
    for ever, also when the number was given away again. A subclass may stand in each call (`called`), and decide as
    the kernel does (`refusal`, `accepted`, `effective_cpu`).
    """

    def __init__(self, folder: Path, nodes: dict[int, str] | None = None, online: str = "0-15") -> None:
        super().__init__(folder, {0: "0-7", 1: "8-15"} if nodes is None else nodes, online)
        self.opens = self.reads = self.writes = 0
        self.written: list[tuple[int, str]] = []
        self.quiet: set[int] = set()
        self.on_open_for_write: Callable[[int], None] = lambda number: None
        self._refused_opens: dict[int, int] = {}
        self._refused_writes: dict[int, Callable[[str], int]] = {}
        self._open_for_write: dict[int, int] = {}
        self._paths: dict[int, str] = {}

    @property
    def root(self) -> HostRoot:
        """The tree, reached through this object."""
        return HostRoot(str(self.proc), str(self.sys), self)

    def refuse_open(self, number: int, code: int) -> None:
        """Make opening the interrupt's affinity for writing fail with this errno."""
        self._refused_opens[number] = code

    def refuse(self, number: int, code: int, when: Callable[[str], bool] = lambda cpus: True) -> None:
        """Make writing its affinity fail with this errno for CPUs that `when` is true of; the last counts."""
        before = self._refused_writes.get(number, lambda cpus: 0)
        self._refused_writes[number] = lambda cpus: code if when(cpus) else before(cpus)

    def accept(self, number: int) -> None:
        """Take back what `refuse` and `refuse_open` said."""
        self._refused_writes.pop(number, None)
        self._refused_opens.pop(number, None)

    def smp(self, number: int) -> str:
        """Return what an interrupt's smp_affinity_list says now."""
        return (self.proc / f"irq/{number}/smp_affinity_list").read_text().strip()

    def remove_interrupt(self, number: int) -> None:
        """Free an interrupt: /proc/irq and every device that lists it forget it."""
        for path in (self.proc / f"irq/{number}").iterdir():
            path.unlink()
        (self.proc / f"irq/{number}").rmdir()
        for path in self.sys.glob(f"devices/pci0000:00/*/msi_irqs/{number}"):
            path.unlink()

    def called(self, call: str, path: str) -> None:
        """Stand before each system call but close; may raise OSError, which the call then fails with.

        `call` is its name, and `open_write` for one that opens to write.
        """

    def refusal(self, number: int, cpus: str) -> int:
        """Return the errno with which the kernel refuses these CPUs, 0 when it takes them."""
        return self._refused_writes.get(number, lambda cpus: 0)(cpus)

    def accepted(self, number: int, cpus: str) -> None:
        """Be told what the kernel takes, before the file says so."""

    def effective_cpu(self, cpus: str) -> int:
        """Return the CPU that the kernel picks of an affinity."""
        return min(CpuSet.parse(cpus))

    def open(self, path: str | bytes, flags: int, *, dir_fd: int | None = None) -> int:
        self.opens += 1
        path = os.fsdecode(path)
        whole = path if dir_fd is None else f"{self._paths[dir_fd]}/{path}"
        is_write = bool(flags & (os.O_WRONLY | os.O_RDWR))
        self.called("open_write" if is_write else "open", whole)
        found = _AFFINITY.fullmatch(whole) if is_write else None
        if found is None:
            fd = os.open(path, flags, dir_fd=dir_fd)
            self._paths[fd] = whole
            return fd
        number = DEFAULT.number if found[1] is None else int(found[1])
        if number in self._refused_opens:
            raise OSError(self._refused_opens[number], os.strerror(self._refused_opens[number]), path)
        fd = os.open(path, flags & ~os.O_TRUNC, dir_fd=dir_fd)
        self._paths[fd] = whole
        self._open_for_write[fd] = number
        self.on_open_for_write(number)
        return fd

    def read(self, fd: int, length: int) -> bytes:
        self.reads += 1
        self.called("read", self._paths[fd])
        return os.read(fd, length)

    def write(self, fd: int, data: bytes) -> int:
        number, cpus = self._open_for_write[fd], data.decode()
        self.called("write", self._paths[fd])
        is_there = number == DEFAULT.number or (self.proc / f"irq/{number}").exists()
        if os.fstat(fd).st_nlink == 0 or not is_there:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        code = self.refusal(number, cpus)
        if code:
            raise OSError(code, os.strerror(code))
        self.accepted(number, cpus)
        self.writes += 1
        self.written.append((number, cpus))
        os.truncate(fd, 0)
        effective = self.proc / f"irq/{number}/effective_affinity_list"
        if effective.exists() and number not in self.quiet:
            effective.write_text(f"{self.effective_cpu(cpus)}\n")
        return os.write(fd, data)

    def close(self, fd: int) -> None:
        self._open_for_write.pop(fd, None)
        self._paths.pop(fd, None)
        os.close(fd)

    def stat(self, path: str) -> os.stat_result:
        self.called("stat", path)
        return os.stat(path)

    def fstat(self, fd: int) -> os.stat_result:
        self.called("fstat", self._paths[fd])
        return os.fstat(fd)

    def listdir(self, path: str) -> list[str]:
        self.called("listdir", path)
        return os.listdir(path)

    def readlink(self, path: str) -> str:
        self.called("readlink", path)
        return os.readlink(path)


def overhear(host: FakeHost) -> list[tuple[str, str]]:
    """Return the system calls from now on, each with its path."""
    calls: list[tuple[str, str]] = []
    host.called = lambda call, path: calls.append((call, path))  # type: ignore[method-assign]
    return calls
