# SPDX-License-Identifier: Apache-2.0
"""Reads the nodes, sockets and cores of the host's CPUs. It opens files for each CPU, so only a report uses it."""

from collections import defaultdict
from collections.abc import Mapping

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.host import Topology
from irqaffinity.model.layout import NodeLayout
from irqaffinity.observe.cores import find_cores, read_list
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.topology import read_topology


def read_layout(root: HostRoot) -> tuple[NodeLayout, ...]:
    """Return the NUMA nodes by number, then the CPUs that belong to none; raise HostUnreadable."""
    topology = read_topology(root, with_sockets=True)
    present, isolated = _read(root, "present"), _read(root, "isolated")
    offline = None if present is None else present - topology.online
    cores = find_cores(root, topology.online)
    return tuple(
        NodeLayout(
            node,
            cpus,
            None if offline is None else offline & cpus,
            None if isolated is None else isolated & cpus,
            _by_socket(topology.sockets, cpus),
            tuple(core & cpus for core in cores if core & cpus),
        )
        for node, cpus in _group(root, topology, offline or CpuSet())
    )


def _group(root: HostRoot, topology: Topology, offline: CpuSet) -> list[tuple[int | None, CpuSet]]:
    """Return the CPUs of each node, with the offline ones; the CPUs without a node come last."""
    nodes: dict[int | None, CpuSet] = defaultdict(CpuSet)
    for node, cpus in topology.nodes.items():
        nodes[node] |= cpus
    for cpu in offline:
        nodes[_find_node(root, cpu)] |= CpuSet([cpu])
    homeless = topology.online - CpuSet(cpu for cpus in nodes.values() for cpu in cpus)
    if homeless:
        nodes[None] |= homeless
    return sorted(nodes.items(), key=lambda item: (item[0] is None, item[0] or 0))


def _read(root: HostRoot, name: str) -> CpuSet | None:
    """Return a list of CPUs of the whole host, None where it cannot be read."""
    return read_list(root, f"{root.sys}/devices/system/cpu/{name}")


def _find_node(root: HostRoot, cpu: int) -> int | None:
    """Return the node of an offline CPU: no node lists it, but its folder links to one (drivers/base/node.c)."""
    try:
        names = root.list_if_there(f"{root.sys}/devices/system/cpu/cpu{cpu}")
    except OSError:
        return None
    numbers = (name[4:] for name in names if name.startswith("node"))
    return next((int(number) for number in numbers if number.isascii() and number.isdecimal()), None)


def _by_socket(sockets: Mapping[int, int], cpus: CpuSet) -> Mapping[int, CpuSet]:
    found: dict[int, list[int]] = {}
    for cpu in cpus:
        if cpu in sockets:
            found.setdefault(sockets[cpu], []).append(cpu)
    return {socket: CpuSet(found[socket]) for socket in sorted(found)}
