# SPDX-License-Identifier: Apache-2.0
"""Which of a guest's CPUs are near enough to a device."""

from collections.abc import Mapping
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.host import Topology
from irqaffinity.model.verdict import DeviceReason
from irqaffinity.plan.policy import Numa

Cpus = Mapping[int, int]
"""Physical CPUs by any key, in the order of the keys."""


class Near(NamedTuple):
    """The CPUs that serve a device, None for none, and a note on the choice."""

    cpus: Cpus | None
    reason: DeviceReason | None = None
    message: str | None = None


def choose_near(cpus: Cpus, node: int | None, topology: Topology, numa: Numa) -> Near:
    """Return those of `cpus` that serve a device on `node`.

    Offline CPUs are dropped first. Nearness is unknown where `node` is None or -1 (the firmware names none), or a node
    that sysfs does not list, or one without a CPU.
    """
    online = {key: cpu for key, cpu in cpus.items() if cpu in topology.online}
    if not online:
        return _told(None, DeviceReason.NO_ONLINE_CPU)
    own = topology.nodes.get(node) if node is not None else None
    if node is None or not own:
        return _told(online, DeviceReason.NO_NODE)
    near = {key: cpu for key, cpu in online.items() if cpu in own}
    if near:
        return Near(near)
    match numa:
        case Numa.STRICT:
            return _told(None, DeviceReason.NODE_STRICT, ": none is on its NUMA node")
        case Numa.SOCKET:
            return _in_socket(online, own, topology.sockets)
        case Numa.PREFERRED:
            return _nearest(online, node, topology)


def _in_socket(online: Cpus, own: CpuSet, sockets: Mapping[int, int]) -> Near:
    """Return the CPUs in the socket of the node whose CPUs are `own`."""
    wanted = {sockets[cpu] for cpu in own if cpu in sockets}
    near = {key: cpu for key, cpu in online.items() if sockets.get(cpu) in wanted}
    if not near:
        why = "none is in its socket" if wanted else "its socket is unknown"
        return _told(None, DeviceReason.NODE_STRICT, f": {why}")
    return _told(near, DeviceReason.REMOTE_NODE, "; those in its socket serve")


def _nearest(online: Cpus, node: int, topology: Topology) -> Near:
    """Return the CPUs on the nearest node, or on several that are equally near; all CPUs where no distance is known."""
    distances = topology.distances.get(node, {})
    reached = {
        other: distances[other]
        for other, of_node in topology.nodes.items()
        if other in distances and any(cpu in of_node for cpu in online.values())
    }
    if not reached:
        return _told(
            online, DeviceReason.REMOTE_NODE, "; all of them serve, for the distances of the nodes are unknown"
        )
    distance = min(reached.values())
    nearest = sorted(other for other in reached if reached[other] == distance)
    near = {key: cpu for key, cpu in online.items() if any(cpu in topology.nodes[other] for other in nearest)}
    nodes = f"node {nearest[0]}" if len(nearest) == 1 else f"nodes {CpuSet(nearest)}"
    return _told(near, DeviceReason.REMOTE_NODE, f"; those on {nodes} at distance {distance} serve")


def _told(cpus: Cpus | None, reason: DeviceReason, detail: str = "") -> Near:
    return Near(cpus, reason, reason.sentence + detail)
