# SPDX-License-Identifier: Apache-2.0
"""A guest: a libvirt domain that is active, as its XML describes it."""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import LeftOutReason

GuestId = NewType("GuestId", str)
"""The uuid of a domain in its canonical form: lower case, with hyphens. Made by `parse_guest_id` alone."""

HOST = GuestId("")
"""Stands for the host where the owner of an interrupt is named: what is moved for no guest of its own."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def parse_guest_id(text: str) -> GuestId:
    """Return the uuid that `text` is, in any case, with or without hyphens; raise ValueError for anything else."""
    digits = text.strip().lower().replace("-", "")
    uuid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    if not _UUID.fullmatch(uuid):
        raise ValueError(f"{text[:40]!r} is not a uuid")
    return GuestId(uuid)


class ClaimKind(enum.Enum):
    """How a domain names a device, and so which driver serves the device's interrupts on the host.

    The value is the element's name and type.
    """

    HOSTDEV = "hostdev type='pci'"
    INTERFACE = "interface type='hostdev'"
    MACVTAP = "interface type='direct'"
    VDPA = "interface type='vdpa'"
    MDEV = "hostdev type='mdev'"
    NVME = "disk type='nvme'"

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
class LeftOut:
    """An element of a domain that may be a device but leads to none; the rest of the guest is not affected."""

    element: str
    reason: LeftOutReason
    message: str


@dataclass(frozen=True, slots=True)
class Guest:
    """What the rules of placement need of a domain.

    `vcpus` is the most that it can have; `unplugged` are those of them that are not plugged in. `pins` has the vCPUs
    with a `<vcpupin>` of their own, `cpuset` the CPUs of `<vcpu>` for the others. `emulator` and `iothreads` are the
    CPUs that the guest's other threads are pinned to. `extra_specs` and `image_properties` are those of Nova's metadata
    (Nova 32.0 and newer), each None where the metadata does not have the element. `macs` maps the hardware addresses of
    its interfaces, in lower case, to what the interface claims, None where that is no device.
    """

    uuid: GuestId
    name: str
    vcpus: int
    pins: Mapping[int, CpuSet]
    unplugged: CpuSet = CpuSet()
    cpuset: CpuSet | None = None
    claims: tuple[Claim, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    realtime: CpuSet = CpuSet()
    emulator: CpuSet | None = None
    iothreads: CpuSet | None = None
    display_name: str | None = None
    flavor: str | None = None
    extra_specs: Mapping[str, str] | None = None
    image_properties: Mapping[str, str] | None = None
    macs: Mapping[str, Claim | None] = field(default_factory=dict)

    @property
    def is_nova(self) -> bool:
        """Whether Nova made the guest: every version of Nova writes metadata into the domain."""
        return (self.display_name, self.flavor, self.extra_specs, self.image_properties) != (None,) * 4


@dataclass(frozen=True, slots=True)
class UnreadableGuest:
    """A guest that is active but whose XML could not be read or understood: unknown, which is not gone.

    `known` is the guest as this process read it last: its pins still count when the pins of other guests are judged.
    """

    uuid: GuestId
    name: str
    error: str
    known: Guest | None = None
