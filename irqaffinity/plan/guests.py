# SPDX-License-Identifier: Apache-2.0
"""Which vCPUs of a guest serve its interrupts, or why none do."""

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from irqaffinity.grammar.mask import EXTRA_SPEC, MaskError, parse_mask
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import Guest, GuestId, LeftOut, UnreadableGuest
from irqaffinity.model.host import DeviceClaim
from irqaffinity.model.record import RememberedSpecs
from irqaffinity.model.text import clean, name_cpus
from irqaffinity.model.verdict import GuestReason, Status
from irqaffinity.plan.dedicated import Dedication, Pins
from irqaffinity.plan.policy import Policy, WithoutMask


class MaskSource(enum.Enum):
    """The place that a guest's mask comes from: the first one that is present."""

    METADATA = "metadata"
    NOTIFICATION = "notification"
    FLAVOR_MASKS = "flavor_masks"
    NONE = "none"


_NOT_HEARD = "not heard: its domain has no extra specs, and no notification has brought them"


@dataclass(frozen=True, slots=True)
class GuestPlan:
    """What was decided for a guest. `vcpus` and `dedication` are None when its XML is not readable.

    `chosen` maps the vCPUs that serve interrupts to physical CPUs. `pins` are the CPUs of each plugged-in vCPU that is
    pinned, for the report; None as `vcpus`.
    """

    uuid: GuestId
    name: str
    status: Status
    vcpus: int | None = None
    mask: str | None = None
    mask_source: MaskSource = MaskSource.NONE
    dedication: Dedication | None = None
    chosen: Pins | None = None
    reason: GuestReason | None = None
    message: str | None = None
    left_out: tuple[LeftOut, ...] = ()
    pins: Mapping[int, CpuSet] | None = None

    @property
    def irq_vcpus(self) -> CpuSet | None:
        """The vCPUs that serve interrupts, None unless the guest is placed."""
        return CpuSet(self.chosen) if self.chosen is not None else None

    @property
    def irq_pcpus(self) -> CpuSet | None:
        """Their physical CPUs, also those that are offline."""
        return CpuSet(self.chosen.values()) if self.chosen is not None else None


def plan_unreadable(guest: UnreadableGuest, left_out: tuple[LeftOut, ...]) -> GuestPlan:
    """Return the plan for a guest that is there but cannot be read."""
    message = clean(f"{Status.XML_INVALID.sentence}: {guest.error}")
    return GuestPlan(guest.uuid, guest.name, Status.XML_INVALID, message=message, left_out=left_out)


def plan_guest(
    guest: Guest,
    dedication: Dedication,
    claims: Sequence[DeviceClaim],
    left_out: tuple[LeftOut, ...],
    policy: Policy,
    remembered: Mapping[GuestId, RememberedSpecs],
) -> GuestPlan:
    """Decide which of the dedicated vCPUs serve the interrupts of `guest`: the first rule that applies.

    `claims` are its PCI devices, `left_out` the elements that lead to none.
    """
    mask, source = find_mask(guest, policy, remembered)
    is_unheard = guest.is_nova and source is MaskSource.NONE
    status, chosen, why_not = _decide(guest, dedication.pins, claims, policy, mask, is_unheard)
    notes = dict(_notes(guest, dedication, chosen))
    unheard = _NOT_HEARD if is_unheard and status is Status.PLACED else None
    return GuestPlan(
        uuid=guest.uuid,
        name=guest.name,
        status=status,
        vcpus=guest.vcpus,
        mask=mask,
        mask_source=source,
        dedication=dedication,
        chosen=chosen,
        reason=next(iter(notes), None),
        message="; ".join(filter(None, [why_not, *notes.values(), unheard])) or None,
        left_out=left_out,
        pins=_plugged_in(guest) if guest.unplugged else guest.pins,
    )


def _plugged_in(guest: Guest) -> Mapping[int, CpuSet]:
    return {vcpu: cpus for vcpu, cpus in guest.pins.items() if vcpu not in guest.unplugged}


def _notes(guest: Guest, dedication: Dedication, chosen: Pins | None) -> Iterator[tuple[GuestReason, str]]:
    """Yield the notes on a guest beside its status, the gravest first, each with its sentence."""
    if dedication.overlaps:
        who = "; ".join(f"guest {uuid} has {name_cpus('CPU', cpus)}" for uuid, cpus in dedication.overlaps.items())
        yield GuestReason.CPUS_OVERLAP, f"{GuestReason.CPUS_OVERLAP.sentence}: {who}"
    if dedication.said.trouble is not None:
        reason = GuestReason.DEDICATED_MASK_INVALID
        yield reason, f"{reason.sentence}: {dedication.said.trouble}"
    if chosen is not None and guest.realtime & CpuSet(chosen):
        yield GuestReason.REALTIME_VCPUS, GuestReason.REALTIME_VCPUS.sentence


def _decide(
    guest: Guest, pins: Pins, claims: Sequence[DeviceClaim], policy: Policy, mask: str | None, is_unheard: bool
) -> tuple[Status, Pins | None, str | None]:
    """Return the status, the vCPUs that serve the guest when it is placed, and else why not."""
    if not pins:
        return Status.SHARED_CPUS, None, Status.SHARED_CPUS.sentence
    try:
        chosen = _choose(guest, pins, mask)
    except MaskError as error:
        return error.status, None, f"mask {mask}: {error}"
    if not chosen:
        message = f"mask {mask}: none of these vCPUs is dedicated; the dedicated ones are {CpuSet(pins)}"
        return Status.MASK_NOT_DEDICATED, None, message
    if mask is None and policy.without_mask is WithoutMask.SKIP:
        return Status.NO_MASK, None, Status.NO_MASK.sentence
    if is_unheard and policy.without_mask is WithoutMask.WAIT:
        return Status.NOT_HEARD, None, Status.NOT_HEARD.sentence
    if not claims:
        return Status.NO_DEVICES, None, Status.NO_DEVICES.sentence
    return Status.PLACED, chosen, None


def find_mask(
    guest: Guest, policy: Policy, remembered: Mapping[GuestId, RememberedSpecs]
) -> tuple[str | None, MaskSource]:
    """Return the mask of the first source that is present, even when that source has no mask, and the source."""
    if guest.extra_specs is not None:
        return guest.extra_specs.get(EXTRA_SPEC), MaskSource.METADATA
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
