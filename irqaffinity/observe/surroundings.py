# SPDX-License-Identifier: Apache-2.0
"""What a host is apart from its guests and devices."""

from dataclasses import dataclass

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.host import HostFacts, Topology
from irqaffinity.observe.procfs import read_default_affinity, require_interrupts
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.topology import read_facts, read_topology


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The host's CPUs, and where the kernel puts an interrupt that nobody moved; `facts` are for the report."""

    topology: Topology
    default_affinity: CpuSet | None
    facts: HostFacts

    def is_same_host(self, other: "Surroundings") -> bool:
        """Tell whether all but the default affinity is the same."""
        return (self.topology, self.facts) == (other.topology, other.facts)


def require_host(root: HostRoot) -> None:
    """Raise HostUnreadable where the interrupts or the devices cannot be seen at all: they would count as gone."""
    require_interrupts(root)
    root.require(f"{root.sys}/bus/pci/devices", "--sys or [host] sys at the sysfs of the host")


def read_surroundings(
    root: HostRoot, *, with_sockets: bool = False, with_cores: bool = False, with_isolated: bool = False
) -> Surroundings:
    """Return the surroundings as they are now, with what else `read_topology` is asked for; raise HostUnreadable."""
    topology = read_topology(root, with_sockets=with_sockets, with_cores=with_cores, with_isolated=with_isolated)
    return Surroundings(topology, read_default_affinity(root), read_facts(root))
