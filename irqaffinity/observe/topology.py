# SPDX-License-Identifier: Apache-2.0
"""Reads which CPUs are online, the NUMA nodes, and what holds for the whole host."""

import contextlib
import functools
import operator
from collections.abc import Iterable, Sequence

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.host import HostFacts, Topology
from irqaffinity.observe.cores import find_caches, find_cores, read_list
from irqaffinity.observe.root import HostRoot, HostUnreadable

_YES = frozenset({"Y", "1"})
_VTD_POSTED = 59
"""Bit PI of VT-d's capability register (Intel Virtualization Technology for Directed I/O, section 11.4.2)."""
_AMD_GUEST_APIC = 7
"""Bit GASup of the IOMMU's extended feature register (AMD I/O Virtualization Technology, MMIO offset 0030h)."""


def read_topology(
    root: HostRoot, *, with_sockets: bool = False, with_cores: bool = False, with_isolated: bool = False
) -> Topology:
    """Return the CPUs that are online and the NUMA nodes, and where asked for what else a Topology has.

    Cores come with their last-level caches. Raises HostUnreadable.
    """
    online, nodes = read_online(root), _read_nodes(root)
    return Topology(
        online,
        nodes,
        {node: found for node in nodes if (found := _read_distances(root, node, sorted(nodes)))},
        _read_sockets(root, online) if with_sockets else {},
        _number(find_cores(root, online)) if with_cores else {},
        _number(find_caches(root, online)) if with_cores else {},
        _read_isolated(root) if with_isolated else CpuSet(),
    )


def read_online(root: HostRoot) -> CpuSet:
    """Return the CPUs that are online; raise HostUnreadable."""
    return _read_cpus(root, f"{root.sys}/devices/system/cpu/online")


def _read_nodes(root: HostRoot) -> dict[int, CpuSet]:
    """Return the CPUs of each node, without a node that went away meanwhile."""
    folder = f"{root.sys}/devices/system/node"
    names = (name for name in root.list_if_there(folder) if name.startswith("node"))
    return {
        int(name[4:]): _read_cpus(root, f"{folder}/{name}/cpulist")
        for name in names
        if name[4:].isascii() and name[4:].isdecimal() and root.exists(f"{folder}/{name}/cpulist")
    }


def _read_distances(root: HostRoot, node: int, nodes: Sequence[int]) -> dict[int, int]:
    """Return how far each of `nodes` is from `node`; empty where the file does not have one distance for each.

    It has one column for each node that is online (drivers/base/node.c, node_read_distance).
    """
    try:
        columns = [int(word) for word in root.read(f"{root.sys}/devices/system/node/node{node}/distance").split()]
    except (OSError, ValueError):
        return {}
    return dict(zip(nodes, columns, strict=True)) if len(columns) == len(nodes) else {}


def _read_sockets(root: HostRoot, cpus: CpuSet) -> dict[int, int]:
    """Return the physical package of each CPU whose file names one; -1 there means none."""
    sockets = {}
    for cpu in cpus:
        with contextlib.suppress(OSError, ValueError):
            path = f"{root.sys}/devices/system/cpu/cpu{cpu}/topology/physical_package_id"
            sockets[cpu] = int(root.read(path))
    return {cpu: socket for cpu, socket in sockets.items() if socket >= 0}


def _number(groups: Iterable[CpuSet]) -> dict[int, int]:
    """Return for each CPU the lowest one of its group."""
    return {cpu: min(group) for group in groups for cpu in group}


def _read_isolated(root: HostRoot) -> CpuSet:
    """Return the CPUs of isolcpus= and nohz_full=; a kernel that was given none, or knows neither, has none."""
    lists = (read_list(root, f"{root.sys}/devices/system/cpu/{name}") for name in ("isolated", "nohz_full"))
    return functools.reduce(operator.or_, (found for found in lists if found), CpuSet())


def _read_cpus(root: HostRoot, path: str) -> CpuSet:
    try:
        return CpuSet.parse(root.read(path))
    except (OSError, ValueError) as error:
        raise HostUnreadable(
            f"{path} cannot be read ({error}): point --sys or [host] sys at the sysfs of the host"
        ) from error


def read_facts(root: HostRoot) -> HostFacts:
    """Tell whether this host can post interrupts straight to vCPUs: VT-d with APICv, or AMD's IOMMU with AVIC."""
    try:
        return HostFacts(posted_interrupts=_posts_interrupts(root))
    except OSError:
        return HostFacts()  # it is only for the report


def _posts_interrupts(root: HostRoot) -> bool:
    if root.read_if_there(f"{root.sys}/module/kvm/parameters/enable_device_posted_irqs") == "N":
        return False
    intel = _is_on(root, "kvm_intel", "enable_apicv") and _any_iommu(root, "dmar", "intel-iommu/cap", _VTD_POSTED)
    amd = _is_on(root, "kvm_amd", "avic") and _any_iommu(root, "ivhd", "amd-iommu/features", _AMD_GUEST_APIC)
    return intel or amd


def _is_on(root: HostRoot, module: str, parameter: str) -> bool:
    return root.read_if_there(f"{root.sys}/module/{module}/parameters/{parameter}") in _YES


def _any_iommu(root: HostRoot, prefix: str, register: str, bit: int) -> bool:
    folder = f"{root.sys}/class/iommu"
    values = (
        root.read_if_there(f"{folder}/{name}/{register}")
        for name in root.list_if_there(folder)
        if name.startswith(prefix)
    )
    return any(_hex(value) >> bit & 1 for value in values)


def _hex(text: str | None) -> int:
    """Return the first word of a register's text; AMD prints two of them, divided by a colon."""
    try:
        return int((text or "0").split(":")[0], 16)
    except ValueError:
        return 0
