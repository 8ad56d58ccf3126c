# SPDX-License-Identifier: Apache-2.0
"""Reads which CPUs share a core, and which a last-level cache. It opens files of many CPUs: not for every pass."""

import contextlib
from collections.abc import Callable

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.observe.root import HostRoot

_SIBLINGS = ("thread_siblings_list", "core_cpus_list")
"""Two names of one list; the first one is deprecated (Linux, Documentation/admin-guide/cputopology.rst)."""


def find_cores(root: HostRoot, cpus: CpuSet) -> list[CpuSet]:
    """Return the SMT siblings of each core that has one of `cpus`, without CPUs whose siblings are not known."""
    return _find_groups(cpus, lambda cpu: _read_siblings(root, cpu))


def find_caches(root: HostRoot, cpus: CpuSet) -> list[CpuSet]:
    """Return the CPUs of each last-level cache that one of `cpus` has, without CPUs whose caches are not known."""
    return _find_groups(cpus, lambda cpu: _read_cache(root, cpu))


def read_list(root: HostRoot, path: str) -> CpuSet | None:
    """Return the CPUs of a file, None where it cannot be read or has no list, as the kernel's `(null)`."""
    try:
        return CpuSet.parse(root.read(path))
    except (OSError, ValueError):
        return None


def _find_groups(cpus: CpuSet, read: Callable[[int], CpuSet | None]) -> list[CpuSet]:
    """Return the groups that `read` tells, each without the CPUs of those before it; one file a group is read."""
    groups, rest = [], cpus
    for cpu in cpus:
        group = (read(cpu) if cpu in rest else None) or CpuSet()
        group &= rest
        if group:
            groups.append(group)
            rest -= group
    return groups


def _read_siblings(root: HostRoot, cpu: int) -> CpuSet | None:
    folder = f"{_folder(root, cpu)}/topology"
    lists = (read_list(root, f"{folder}/{name}") for name in _SIBLINGS)
    return next((found for found in lists if found), None)


def _read_cache(root: HostRoot, cpu: int) -> CpuSet | None:
    """Return the CPUs that share a CPU's cache of the highest level."""
    folder = f"{_folder(root, cpu)}/cache"
    levels: dict[int, str] = {}
    with contextlib.suppress(OSError):
        for name in root.list_if_there(folder):
            with contextlib.suppress(OSError, ValueError):
                levels[int(root.read(f"{folder}/{name}/level"))] = name
    return read_list(root, f"{folder}/{levels[max(levels)]}/shared_cpu_list") if levels else None


def _folder(root: HostRoot, cpu: int) -> str:
    return f"{root.sys}/devices/system/cpu/cpu{cpu}"
