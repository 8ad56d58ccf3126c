# SPDX-License-Identifier: Apache-2.0
"""What the guests of a host share: its CPUs, which guest has which CPU alone, and which claims which device."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId, UnreadableGuest
from irqaffinity.model.host import SeenGuest, Topology
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Record
from irqaffinity.plan.dedicated import Occupancy, survey


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """All that the rules need for a guest beside the guest itself, as of the last time that libvirt listed the guests.

    An interrupt whose origin is not known goes back to `default_affinity`, the one from before it was narrowed to keep
    CPUs for guests. `claimants` are the guests of each device.
    Guests in `unreadable` could not be read, those in `unknown` may have more devices than they claim; all devices that
    these guests claim are `held`: none of their interrupts are given back.
    """

    topology: Topology
    default_affinity: CpuSet | None
    occupancy: Occupancy
    claimants: Mapping[PciAddress, frozenset[GuestId]]
    unreadable: frozenset[GuestId]
    unknown: frozenset[GuestId]
    held: frozenset[PciAddress]


def find_wide_default(default: CpuSet | None, record: Record | None) -> CpuSet | None:
    """Return the default affinity from before the program narrowed it; `record` is its record, `default` what it is."""
    return record.original if record is not None and record.accounts_for(default) else default


def make_frame(
    topology: Topology,
    default_affinity: CpuSet | None,
    guests: Mapping[GuestId, SeenGuest],
    dedicated_cpus: CpuSet | None,
) -> Frame:
    """Return the frame of these guests; the pins of one that cannot be read count as they were last."""
    claimants: dict[PciAddress, set[GuestId]] = defaultdict(set)
    for uuid, seen in guests.items():
        for claim in seen.claims:
            claimants[claim.address].add(uuid)
    unreadable = frozenset(uuid for uuid, seen in guests.items() if isinstance(seen.guest, UnreadableGuest))
    unknown = unreadable | {uuid for uuid, seen in guests.items() if seen.is_unsure}
    known = [seen.readable for seen in guests.values() if seen.readable is not None]
    return Frame(
        topology,
        default_affinity,
        survey(known, dedicated_cpus),
        {address: frozenset(uuids) for address, uuids in claimants.items()},
        unreadable,
        unknown,
        frozenset(claim.address for uuid in unknown for claim in guests[uuid].claims),
    )
