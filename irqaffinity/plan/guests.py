# SPDX-License-Identifier: Apache-2.0
"""Which vCPUs of a guest serve its interrupts, or why none do."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import Guest, GuestId, UnreadableGuest
from irqaffinity.model.host import DeviceClaim
from irqaffinity.model.record import RememberedSpecs
from irqaffinity.model.text import clean
from irqaffinity.model.verdict import GuestReason, Status
from irqaffinity.plan.dedicated import Pins
from irqaffinity.plan.policy import Policy, WithoutMask
from irqaffinity.spec.mask import MaskError, parse_mask


class MaskSource(enum.Enum):
    """Which of the places that can hold a mask was the first to be present."""

    METADATA = "metadata"
    NOTIFICATION = "notification"
    FLAVOR_MASKS = "flavor_masks"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class GuestPlan:
    """What was decided for a guest. `vcpus` is None when its XML is not readable.

    `dedicated` and `chosen` map vCPUs to physical CPUs: all the dedicated ones, and those that serve interrupts.
    """

    uuid: GuestId
    name: str
    status: Status
    vcpus: int | None = None
    mask: str | None = None
    mask_source: MaskSource = MaskSource.NONE
    dedicated: Pins | None = None
    chosen: Pins | None = None
    reason: GuestReason | None = None
    message: str | None = None

    @property
    def irq_vcpus(self) -> CpuSet | None:
        """The vCPUs that serve interrupts, None unless the guest is placed."""
        return CpuSet(self.chosen) if self.chosen is not None else None

    @property
    def irq_pcpus(self) -> CpuSet | None:
        """Their physical CPUs, also those that are offline."""
        return CpuSet(self.chosen.values()) if self.chosen is not None else None


def plan_unreadable(guest: UnreadableGuest) -> GuestPlan:
    """Return the plan for a guest that is there but unknown."""
    message = clean(f"{Status.XML_INVALID.sentence}: {guest.error}")
    return GuestPlan(guest.uuid, guest.name, Status.XML_INVALID, message=message)


def plan_guest(
    guest: Guest,
    pins: Pins,
    claims: Sequence[DeviceClaim],
    policy: Policy,
    remembered: Mapping[GuestId, RememberedSpecs],
) -> GuestPlan:
    """Decide which of the dedicated vCPUs (`pins`) serve the interrupts of `guest`: the first rule that applies.

    `claims` are the PCI devices that it has.
    """
    mask, source = find_mask(guest, policy, remembered)
    status, chosen, message = _decide(guest, pins, claims, policy, mask)
    reason = None
    if chosen is not None and guest.realtime & CpuSet(chosen):
        reason = GuestReason.REALTIME_VCPUS
        message = reason.sentence
    return GuestPlan(guest.uuid, guest.name, status, guest.vcpus, mask, source, pins, chosen, reason, message)


def _decide(
    guest: Guest, pins: Pins, claims: Sequence[DeviceClaim], policy: Policy, mask: str | None
) -> tuple[Status, Pins | None, str | None]:
    """Return the status, the vCPUs that serve the guest when it is placed, and else why not."""
    if not pins:
        return Status.SHARED_CPUS, None, Status.SHARED_CPUS.sentence
    try:
        chosen = _choose(guest, pins, mask)
    except MaskError as error:
        return error.status, None, clean(f"mask {mask}: {error}")
    if not chosen:
        message = f"mask {mask}: none of these vCPUs is dedicated; the dedicated ones are {CpuSet(pins)}"
        return Status.MASK_NOT_DEDICATED, None, message
    if mask is None and policy.without_mask is WithoutMask.SKIP:
        return Status.NO_MASK, None, Status.NO_MASK.sentence
    if not claims:
        return Status.NO_DEVICES, None, Status.NO_DEVICES.sentence
    return Status.PLACED, chosen, None


def find_mask(
    guest: Guest, policy: Policy, remembered: Mapping[GuestId, RememberedSpecs]
) -> tuple[str | None, MaskSource]:
    """Return the mask of the first source that is present, even when that one holds none."""
    if guest.has_extra_specs:
        return guest.mask, MaskSource.METADATA
    if guest.uuid in remembered:
        return remembered[guest.uuid].mask, MaskSource.NOTIFICATION
    if guest.flavor is not None and guest.flavor in policy.flavor_masks:
        return policy.flavor_masks[guest.flavor], MaskSource.FLAVOR_MASKS
    return None, MaskSource.NONE


def _choose(guest: Guest, pins: Pins, mask: str | None) -> Pins:
    """Return the dedicated vCPUs of the mask; without a mask all, but realtime ones only if there are no others."""
    if mask is not None:
        wanted = parse_mask(mask, guest.vcpus)
        return {vcpu: cpu for vcpu, cpu in pins.items() if vcpu in wanted}
    return {vcpu: cpu for vcpu, cpu in pins.items() if vcpu not in guest.realtime} or pins
