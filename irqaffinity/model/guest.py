# SPDX-License-Identifier: Apache-2.0
"""A guest: a libvirt domain that is active, as its XML describes it."""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NewType

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.pci import PciAddress

GuestId = NewType("GuestId", str)
"""The uuid of a domain in its canonical form: lower case, with hyphens. Made by `parse_guest_id` alone."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def parse_guest_id(text: str) -> GuestId:
    """Return the uuid that `text` is, in any case, with or without hyphens; raise ValueError for anything else."""
    digits = text.strip().lower().replace("-", "")
    uuid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    if not _UUID.fullmatch(uuid):
        raise ValueError(f"{text[:40]!r} is not a uuid")
    return GuestId(uuid)


class ClaimKind(enum.Enum):
    """How a domain names a device, and so which driver serves the device's interrupts on the host."""

    HOSTDEV = "hostdev"
    INTERFACE = "interface hostdev"
    MACVTAP = "interface direct"
    VDPA = "interface vdpa"
    MDEV = "hostdev mdev"

    @property
    def is_host_driver(self) -> bool:
        """Whether a driver of the host, and not vfio, owns the interrupts."""
        return self in (ClaimKind.MACVTAP, ClaimKind.VDPA)


@dataclass(frozen=True, slots=True)
class Claim:
    """A device as the XML names it: by address, or by the netdev, vdpa device or mdev uuid in `source`."""

    kind: ClaimKind
    address: PciAddress | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Guest:
    """What the rules of placement need of a domain.

    `pins` holds the vCPUs that have a `<vcpupin>` of their own. `mask` and `cpu_policy` are the extra specs
    `hw:pci_irq_affinity_mask` and `hw:cpu_policy` of the Nova metadata; `has_extra_specs` tells whether the metadata
    carries extra specs at all (Nova 32.0 and newer).
    """

    uuid: GuestId
    name: str
    vcpus: int
    pins: Mapping[int, CpuSet]
    claims: tuple[Claim, ...] = ()
    realtime: CpuSet = CpuSet()
    emulator: CpuSet | None = None
    flavor: str | None = None
    has_extra_specs: bool = False
    mask: str | None = None
    cpu_policy: str | None = None


@dataclass(frozen=True, slots=True)
class UnreadableGuest:
    """A guest that is active but whose XML could not be read or understood: unknown, which is not gone.

    `known` is the guest as this process read it last: its pins count still when those of others are judged.
    """

    uuid: GuestId
    name: str
    error: str
    known: Guest | None = None
