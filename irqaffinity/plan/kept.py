# SPDX-License-Identifier: Apache-2.0
"""Which CPUs are kept for guests, and which do the host's work."""

from collections import defaultdict
from collections.abc import Iterable

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.host import SeenGuest, Topology
from irqaffinity.model.isolation import Kept
from irqaffinity.plan.dedicated import Occupancy, find_dedicated
from irqaffinity.plan.policy import Policy


def find_kept(occupancy: Occupancy, guests: Iterable[SeenGuest], dedicated_cpus: CpuSet | None) -> Kept:
    """Return the dedicated CPUs of all active guests, whether or not they have devices or serve interrupts.

    A guest that cannot be read keeps the CPUs that it had when it could be read last.
    """
    owners: dict[int, set[GuestId]] = defaultdict(set)
    known = [seen.readable for seen in guests]
    for guest in known:
        if guest is not None:
            for cpu in find_dedicated(guest, occupancy, dedicated_cpus).pins.values():
                owners[cpu].add(guest.uuid)
    return Kept({cpu: tuple(sorted(owners[cpu])) for cpu in sorted(owners)}, CpuSet(owners), None not in known)


def find_housekeeping(topology: Topology, policy: Policy) -> CpuSet:
    """Return the online CPUs that do the host's work, empty where no option names any.

    They are `[isolation] housekeeping_cpus`, else all but `[placement] dedicated_cpus`; never those that the kernel was
    told to isolate.
    """
    named, dedicated = policy.isolation.housekeeping_cpus, policy.dedicated_cpus
    chosen = named if named is not None else CpuSet() if dedicated is None else topology.online - dedicated
    return (chosen & topology.online) - topology.isolated
