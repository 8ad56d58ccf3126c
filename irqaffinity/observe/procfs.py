# SPDX-License-Identifier: Apache-2.0
"""Reads /proc: the affinity of interrupts, and what identifies this boot."""

import os
import stat

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import Interrupt
from irqaffinity.observe.root import VANISHED, HostRoot

_READ = os.O_RDONLY | os.O_CLOEXEC
_LONGEST_LIST = 8192
_OWN_PROC = "/proc"


def read_interrupt(root: HostRoot, number: int) -> Interrupt | None:
    """Return the affinity of an interrupt, or None when it does not exist.

    `smp` is None where the file cannot be read, `effective` where the kernel has no such file. This is the inner loop
    of a pass: one open, fstat, read and close for the first file, and one open, read and close for the second.
    """
    calls = root.calls
    folder = root.irq_folder(number)
    try:
        fd = calls.open(f"{folder}/smp_affinity_list", _READ)
    except OSError as error:
        if error.errno in VANISHED:
            return None
        return Interrupt(number, None, None)
    try:
        mode = calls.fstat(fd).st_mode
        smp = _cpus(calls.read(fd, _LONGEST_LIST))
    except OSError as error:
        if error.errno in VANISHED:
            return None
        raise
    finally:
        calls.close(fd)
    return Interrupt(number, smp, read_effective(root, number), bool(mode & stat.S_IWUSR))


def read_smp(root: HostRoot, number: int) -> CpuSet | None:
    """Return the CPUs that an interrupt is allowed on; None when it vanished or the file cannot be read."""
    return _read_cpus(root, f"{root.irq_folder(number)}/smp_affinity_list")


def read_effective(root: HostRoot, number: int) -> CpuSet | None:
    """Return the CPUs that the hardware delivers an interrupt to; None where the kernel does not tell."""
    return _read_cpus(root, f"{root.irq_folder(number)}/effective_affinity_list")


def read_default_affinity(root: HostRoot) -> CpuSet | None:
    """Return where new interrupts go, None if unknown (/proc/irq/default_smp_affinity, a hexadecimal mask)."""
    text = root.read_if_there(f"{root.proc}/irq/default_smp_affinity")
    try:
        return CpuSet.from_mask(int(text.replace(",", ""), 16)) if text else None
    except ValueError:
        return None


def read_boot_id(root: HostRoot) -> str:
    """Return the id of this boot of the kernel, from this process's own /proc where `root` holds only /proc/irq."""
    for proc in (root.proc, _OWN_PROC):
        text = root.read_if_there(f"{proc}/sys/kernel/random/boot_id")
        if text:
            return text
    return ""


def _read_cpus(root: HostRoot, path: str) -> CpuSet | None:
    calls = root.calls
    try:
        fd = calls.open(path, _READ)
        try:
            return _cpus(calls.read(fd, _LONGEST_LIST))
        finally:
            calls.close(fd)
    except OSError:
        return None


def _cpus(data: bytes) -> CpuSet | None:
    try:
        return CpuSet.parse(data.decode("ascii", "replace"))
    except ValueError:
        return None
