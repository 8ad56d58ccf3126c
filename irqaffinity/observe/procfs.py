# SPDX-License-Identifier: Apache-2.0
"""Reads /proc: the affinity of interrupts, and what identifies this boot."""

import functools
import os
import stat

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import Interrupt
from irqaffinity.observe.root import VANISHED, HostRoot, SystemCalls

_READ = os.O_RDONLY | os.O_CLOEXEC
_SHORT = 448
_LONGEST = 65536
_SMP = "smp_affinity_list"
_EFFECTIVE = "effective_affinity_list"
_OWN_PROC = "/proc"


def read_interrupt(root: HostRoot, number: int) -> Interrupt | None:
    """Return the affinity of an interrupt, or None when it does not exist.

    `smp` is None where the file cannot be read, `effective` where the kernel has no such file. This is the inner loop
    of a pass: one open, fstat, read and close for the first file, and one open, read and close for the second.
    """
    calls = root.calls
    path = root.affinity_file(number)
    try:
        fd = calls.open(path, _READ)
        try:
            mode = calls.fstat(fd).st_mode
            smp = _read_all(calls, fd)
        finally:
            calls.close(fd)
    except OSError as error:
        return None if error.errno in VANISHED else Interrupt(number, None, None)
    try:
        fd = calls.open(path[: -len(_SMP)] + _EFFECTIVE, _READ)
        try:
            effective = _read_all(calls, fd)
        finally:
            calls.close(fd)
    except OSError:
        effective = None
    return Interrupt(number, smp, effective, mode & stat.S_IWUSR != 0)


def read_default_affinity(root: HostRoot) -> CpuSet | None:
    """Return where new interrupts go, None if unknown (/proc/irq/default_smp_affinity, a hexadecimal mask).

    Every procfs has the file: raises HostUnreadable without it, for there no interrupt could be told from one that is
    gone.
    """
    path = f"{root.proc}/irq/default_smp_affinity"
    root.require(path, "--proc or [host] proc at the procfs of the host")
    try:
        return CpuSet.from_mask(int(root.read(path).replace(",", ""), 16))
    except ValueError:
        return None


def read_boot_id(root: HostRoot) -> str:
    """Return the id of this boot of the kernel, from this process's own /proc where `root` holds only /proc/irq."""
    for proc in (root.proc, _OWN_PROC):
        text = root.read_if_there(f"{proc}/sys/kernel/random/boot_id")
        if text:
            return text
    return ""


def _read_all(calls: SystemCalls, fd: int) -> CpuSet | None:
    """Return the CPU list in a file; a short buffer does for all but a few, and is much the cheaper."""
    data = calls.read(fd, _SHORT)
    if len(data) == _SHORT:
        data += calls.read(fd, _LONGEST)
    return _parse(data)


@functools.lru_cache(maxsize=4096)
def _parse(data: bytes) -> CpuSet | None:
    try:
        return CpuSet.parse(data.decode("ascii", "replace"))
    except ValueError:
        return None
