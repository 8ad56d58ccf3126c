# SPDX-License-Identifier: Apache-2.0
"""Reads /proc: the affinity of interrupts, and what identifies this boot."""

import functools
import os
import stat
from collections.abc import Collection, Container

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import Interrupt
from irqaffinity.observe.root import PADDING, VANISHED, HostRoot, SystemCalls, read_rest

_READ = os.O_RDONLY | os.O_CLOEXEC
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_SHORT = 448
"""Bytes that hold the CPU list of all but a few interrupts; a short buffer is much cheaper."""
_OWN_PROC = "/proc"
_REMEDY = "--proc or [host] proc at the procfs of the host"


def read_interrupt(root: HostRoot, number: int) -> Interrupt | None:
    """Return the affinity of an interrupt, or None when it does not exist."""
    return next(iter(read_interrupts(root, [number])), None)


def read_newborn(root: HostRoot, number: int) -> Interrupt | None:
    """Return an interrupt without its effective affinity, which nothing depends on yet; None where it is not there."""
    path = root.affinity_file(number)
    try:
        fd = root.calls.open(path, _READ)
        try:
            is_writable = root.calls.fstat(fd).st_mode & stat.S_IWUSR != 0
            smp = parse_affinity(read_rest(root.calls, fd, root.calls.read(fd, _SHORT)))
        finally:
            root.calls.close(fd)
    except OSError as error:
        return None if error.errno in VANISHED else Interrupt(number, None, None)
    return Interrupt(number, smp, None, is_writable)


def read_interrupts(root: HostRoot, numbers: Collection[int], moved: Container[int] = ()) -> list[Interrupt]:
    """Return those of `numbers` that exist, in their order, with their affinity.

    `smp` is None where the file cannot be read, `effective` where the kernel has no such file. The permission of the
    interrupts in `moved` is not looked at: they were written before, so they can be. Raises HostUnreadable without
    /proc/irq itself, for then every interrupt would look gone.
    """
    if not numbers:
        return []
    try:
        with OpenedInterrupts(root) as folder:
            found = [_read_affinity(root.calls, folder, number, number in moved) for number in numbers]
    except OSError as error:
        if error.errno in VANISHED:
            root.require(f"{root.proc}/irq", _REMEDY)
        return [Interrupt(number, None, None) for number in numbers]
    return [interrupt for interrupt in found if interrupt is not None]


def list_interrupts(root: HostRoot) -> list[int]:
    """Return the numbers of all interrupts in /proc/irq, in no order; raise OSError."""
    return [int(name) for name in root.calls.listdir(f"{root.proc}/irq") if name.isdecimal()]


class OpenedInterrupts:
    """A descriptor of /proc/irq while it is needed: below it files are found faster. To enter it may raise OSError.

    A pass enters one for each device, and a generator would cost four times as much.
    """

    __slots__ = ("_folder", "_root")

    def __init__(self, root: HostRoot) -> None:
        self._root = root

    def __enter__(self) -> int:
        self._folder = self._root.calls.open(f"{self._root.proc}/irq", _FOLDER)
        return self._folder

    def __exit__(self, *_error: object) -> None:
        self._root.calls.close(self._folder)


def _read_affinity(calls: SystemCalls, folder: int, number: int, is_writable: bool) -> Interrupt | None:
    """Read one interrupt: the inner loop of a pass, with paths relative to /proc/irq because these are found faster."""
    read, close = calls.read, calls.close
    try:
        fd = calls.open(f"{number}/smp_affinity_list", _READ, dir_fd=folder)
        try:
            is_writable = is_writable or calls.fstat(fd).st_mode & stat.S_IWUSR != 0
            data = read(fd, _SHORT)
            smp = parse_affinity(data if data[-1:] == b"\n" else read_rest(calls, fd, data))
        finally:
            close(fd)
    except OSError as error:
        return None if error.errno in VANISHED else Interrupt(number, None, None)
    try:
        fd = calls.open(f"{number}/effective_affinity_list", _READ, dir_fd=folder)
        try:
            data = read(fd, _SHORT)
            effective = parse_affinity(data if data[-1:] == b"\n" else read_rest(calls, fd, data))
        finally:
            close(fd)
    except OSError:
        effective = None
    return Interrupt(number, smp, effective, is_writable)


def read_default_affinity(root: HostRoot) -> CpuSet | None:
    """Return where new interrupts go, None if unknown (a hexadecimal mask); raise HostUnreadable without the file."""
    require_interrupts(root)
    try:
        return CpuSet.from_mask(int(root.read(root.default_affinity_file).replace(",", ""), 16))
    except ValueError:
        return None


def require_interrupts(root: HostRoot) -> None:
    """Raise HostUnreadable without default_smp_affinity, which every procfs has: without it all would count as gone."""
    root.require(root.default_affinity_file, _REMEDY)


def read_boot_id(root: HostRoot) -> str:
    """Return the id of this boot of the kernel, from this process's own /proc where `root` holds only /proc/irq."""
    for proc in (root.proc, _OWN_PROC):
        text = root.read_if_there(f"{proc}/sys/kernel/random/boot_id")
        if text:
            return text
    return ""


@functools.lru_cache(maxsize=4096)
def parse_affinity(data: bytes) -> CpuSet | None:
    """Return the CPUs of an affinity file, None where it is no list of CPUs."""
    try:
        return CpuSet.parse(data.decode("ascii", "replace").strip(PADDING))
    except ValueError:
        return None
