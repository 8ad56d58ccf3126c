# SPDX-License-Identifier: Apache-2.0
"""Decides on which CPUs the interrupts of a device belong, or why on none."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from irqaffinity.grammar.device_spec import Tags, first_match
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import ClaimKind, Guest, GuestId
from irqaffinity.model.host import Device, DeviceClaim, Topology
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import DeviceReason
from irqaffinity.plan.dedicated import Pins
from irqaffinity.plan.distribute import order_by_core
from irqaffinity.plan.guests import GuestPlan
from irqaffinity.plan.kept import find_housekeeping
from irqaffinity.plan.near import Cpus, Near, choose_near
from irqaffinity.plan.policy import Distribution, HostDriver, Manner, Numa, Policy, Serve


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """What was decided for a device of a guest; `guest` is None for a device that only gives interrupts back.

    `manner` is what the options say for its tags; `serve` says whose CPUs are meant for it, by these and by its guest's
    mask. `target` is None when nothing is to be placed. `order` is the same CPUs in
    the order of the vCPUs they serve, or in that in which they are given out one by one; `vcpus` are these vCPUs (None
    where the target is not made of them). `is_unconfirmed` says that the device has another driver than when libvirt
    was asked: none of its interrupts is written or given back until libvirt is asked again. `birthplace` is where
    interrupts belong that are born before the next pass, None where they have no place; a device without an interrupt
    has one too.
    """

    address: PciAddress
    guest: GuestId | None
    numa_node: int | None
    driver: str | None
    kind: ClaimKind | None = None
    manner: Manner = field(default_factory=Manner)
    serve: Serve = Serve.VCPUS
    target: CpuSet | None = None
    order: tuple[int, ...] = ()
    vcpus: CpuSet | None = None
    tags: Tags = field(default_factory=dict)
    reason: DeviceReason | None = None
    message: str | None = None
    is_unconfirmed: bool = False
    birthplace: CpuSet | None = None

    @property
    def is_spread(self) -> bool:
        """Whether each of its interrupts gets one CPU of the target."""
        return self.manner.distribution is Distribution.SPREAD


class _Choice(NamedTuple):
    """The CPUs for a device by any key, the vCPUs they belong to, and a reason with its message.

    `later` are the CPUs for the interrupts of a device that has none yet.
    """

    cpus: Mapping[int, int] | None
    reason: DeviceReason | None
    message: str | None = None
    vcpus: CpuSet | None = None
    is_unconfirmed: bool = False
    later: Mapping[int, int] | None = None


def plan_device(
    claim: DeviceClaim,
    device: Device,
    guest: Guest,
    guest_plan: GuestPlan,
    claimants: Collection[GuestId],
    topology: Topology,
    policy: Policy,
) -> DevicePlan:
    """Decide the target of one device of `guest`: the first reason that applies stands. `claimants` are its guests.

    A device that cannot be read is not refused by device_spec: nobody knows whether a spec includes it.
    """
    spec = first_match(policy.device_specs, device)
    tags = spec.tags if spec is not None else {}
    manner = policy.manner_for(tags)
    serve = _find_server(claim, guest_plan, manner, policy)
    if policy.device_specs and spec is None and device.trouble is None:
        choice = _refused(DeviceReason.NOT_IN_DEVICE_SPEC)
    else:
        choice = _why_untouchable(claim, device, guest, claimants, policy) or _choose(
            claim, device, guest, guest_plan, topology, policy, manner.numa, serve
        )
    order = tuple(choice.cpus.values()) if choice.cpus is not None else ()
    if manner.distribution is Distribution.SPREAD:
        order = order_by_core(order, topology)
    return DevicePlan(
        address=claim.address,
        guest=guest.uuid,
        numa_node=device.numa_node,
        driver=device.driver,
        kind=claim.kind,
        manner=manner,
        serve=serve,
        target=CpuSet(order) if choice.cpus is not None else None,
        order=order,
        vcpus=choice.vcpus,
        tags=tags,
        reason=choice.reason,
        message=choice.message,
        is_unconfirmed=choice.is_unconfirmed,
        birthplace=CpuSet((choice.cpus or choice.later or {}).values()) or None,
    )


def _choose(
    claim: DeviceClaim,
    device: Device,
    guest: Guest,
    guest_plan: GuestPlan,
    topology: Topology,
    policy: Policy,
    numa: Numa,
    serve: Serve,
) -> _Choice:
    """Return the CPUs of a device that may be touched."""
    if guest_plan.chosen is None:
        return _Choice(None, None)
    stranger = _is_elsewhere(claim, device)
    if stranger is not None:
        return stranger
    if device.shares_line and not device.interrupts:
        return _refused(DeviceReason.SHARED_INTX)
    candidates, lacking = _find_candidates(serve, guest, guest_plan.chosen, topology, policy)
    near = choose_near(candidates, device.numa_node, topology, numa) if candidates else _nobody(lacking)
    if not device.interrupts:
        return _refused(DeviceReason.NO_IRQS)._replace(later=near.cpus)
    vcpus = None if near.cpus is None or serve is not Serve.VCPUS else CpuSet(near.cpus)
    return _Choice(near.cpus, near.reason, near.message, vcpus)


def _find_server(claim: DeviceClaim, guest_plan: GuestPlan, manner: Manner, policy: Policy) -> Serve:
    """Return whose CPUs are meant for a device: an explicit mask always chooses among the vCPUs."""
    if claim.kind.is_host_driver:
        return Serve.EMULATOR if policy.host_driver.of(claim.kind) is HostDriver.EMULATOR else Serve.VCPUS
    return manner.serve if guest_plan.mask is None else Serve.VCPUS


def _find_candidates(
    serve: Serve, guest: Guest, chosen: Pins, topology: Topology, policy: Policy
) -> tuple[Cpus, DeviceReason]:
    """Return all CPUs that may serve, wherever the device is, and the reason to tell where there are none."""
    match serve:
        case Serve.VCPUS:
            return chosen, DeviceReason.NO_ONLINE_CPU
        case Serve.EMULATOR:
            return {cpu: cpu for cpu in guest.emulator or ()}, DeviceReason.NO_EMULATORPIN
        case Serve.HOUSEKEEPING:
            return {cpu: cpu for cpu in find_housekeeping(topology, policy)}, DeviceReason.NO_HOUSEKEEPING


def _nobody(reason: DeviceReason) -> Near:
    return Near(None, reason, reason.sentence)


def _is_elsewhere(claim: DeviceClaim, device: Device) -> _Choice | None:
    """Return why a device that libvirt names for a guest is not, or may no longer be, the guest's at this moment."""
    if claim.driver != device.driver:
        now, then = device.driver or "none", claim.driver or "none"
        return _Choice(None, None, f"its driver is {now}, and was {then} when libvirt was asked", is_unconfirmed=True)
    if claim.is_doubted:
        return _Choice(None, None, "the kernel reported a change of it after libvirt was asked", is_unconfirmed=True)
    return None


def _why_untouchable(
    claim: DeviceClaim, device: Device, guest: Guest, claimants: Collection[GuestId], policy: Policy
) -> _Choice | None:
    if claim.kind is ClaimKind.MDEV:
        return _refused(DeviceReason.MDEV)
    if not device.present:
        return _refused(DeviceReason.NOT_FOUND)
    if device.trouble is not None:
        return _refused(DeviceReason.UNREADABLE, f" ({device.trouble})")
    if claim.kind is ClaimKind.NVME:
        return _refused(DeviceReason.NVME_DISK)
    if len(claimants) > 1:
        others = ", ".join(sorted(set(claimants) - {guest.uuid}))
        return _refused(DeviceReason.CLAIMED_TWICE, f" (also by guest {others})")
    if claim.kind.is_host_driver:
        if device.parent is None:
            return _refused(DeviceReason.SHARED_PARENT)
        server = policy.host_driver.of(claim.kind)
        if server is HostDriver.SKIP:
            return _refused(DeviceReason.HOST_DRIVER)
        if server is HostDriver.EMULATOR and not guest.emulator:
            return _refused(DeviceReason.HOST_DRIVER, ": the domain has no emulatorpin")
    return None


def _refused(reason: DeviceReason, detail: str = "") -> _Choice:
    return _Choice(None, reason, reason.sentence + detail)
