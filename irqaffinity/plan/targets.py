# SPDX-License-Identifier: Apache-2.0
"""On which CPUs the interrupts of a device belong, or why on none."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import ClaimKind, Guest, GuestId
from irqaffinity.model.host import Device, DeviceClaim, Topology
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import DeviceReason
from irqaffinity.plan.guests import GuestPlan
from irqaffinity.plan.policy import HostDriver, Numa, Policy
from irqaffinity.spec.device_spec import Tags, first_match

EXCLUDED_BY_CONFIGURATION = frozenset({DeviceReason.NOT_IN_DEVICE_SPEC, DeviceReason.HOST_DRIVER})


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """What was decided for a device of a guest; `guest` is None for one that only gives interrupts back.

    `target` is None when nothing is to be placed. `order` is the same CPUs in the order of the vCPUs they serve,
    `vcpus` these vCPUs (None where the target is not made of them).
    """

    address: PciAddress
    guest: GuestId | None
    numa_node: int | None
    driver: str | None
    kind: ClaimKind | None = None
    target: CpuSet | None = None
    order: tuple[int, ...] = ()
    vcpus: CpuSet | None = None
    tags: Tags = field(default_factory=dict)
    reason: DeviceReason | None = None
    message: str | None = None


class _Choice(NamedTuple):
    """The CPUs for a device by any key, the vCPUs they belong to, and what is to be said of it."""

    cpus: Mapping[int, int] | None
    reason: DeviceReason | None
    detail: str = ""
    vcpus: CpuSet | None = None


def plan_device(
    claim: DeviceClaim,
    device: Device,
    guest: Guest,
    guest_plan: GuestPlan,
    claimants: Collection[GuestId],
    topology: Topology,
    policy: Policy,
) -> DevicePlan:
    """Decide the target of one device of `guest`: the first reason that applies stands. `claimants` are its guests."""
    spec = first_match(policy.device_specs, device)
    if policy.device_specs and spec is None:
        choice = _Choice(None, DeviceReason.NOT_IN_DEVICE_SPEC)
    else:
        choice = _why_untouchable(claim, device, guest, claimants, policy) or _choose(
            claim, device, guest, guest_plan, topology, policy
        )
    order = tuple(choice.cpus.values()) if choice.cpus is not None else ()
    return DevicePlan(
        address=claim.address,
        guest=guest.uuid,
        numa_node=device.numa_node,
        driver=device.driver,
        kind=claim.kind,
        target=CpuSet(order) if choice.cpus is not None else None,
        order=order,
        vcpus=choice.vcpus,
        tags=spec.tags if spec is not None else {},
        reason=choice.reason,
        message=choice.reason.sentence + choice.detail if choice.reason is not None else None,
    )


def _choose(
    claim: DeviceClaim, device: Device, guest: Guest, guest_plan: GuestPlan, topology: Topology, policy: Policy
) -> _Choice:
    """Return the CPUs of a device that may be touched."""
    if guest_plan.chosen is None:
        return _Choice(None, None)
    if not device.interrupts:
        return _Choice(None, DeviceReason.SHARED_INTX if device.shares_line else DeviceReason.NO_IRQS)
    if claim.kind.is_host_driver and policy.host_driver is HostDriver.EMULATOR:
        return _Choice(*on_node({cpu: cpu for cpu in guest.emulator or ()}, device, topology, policy.numa))
    cpus, reason = on_node(guest_plan.chosen, device, topology, policy.numa)
    return _Choice(cpus, reason, vcpus=CpuSet(cpus) if cpus is not None else None)


def _why_untouchable(
    claim: DeviceClaim, device: Device, guest: Guest, claimants: Collection[GuestId], policy: Policy
) -> _Choice | None:
    if claim.kind is ClaimKind.MDEV:
        return _Choice(None, DeviceReason.MDEV)
    if not device.present:
        return _Choice(None, DeviceReason.NOT_FOUND)
    if len(claimants) > 1:
        others = ", ".join(sorted(set(claimants) - {guest.uuid}))
        return _Choice(None, DeviceReason.CLAIMED_TWICE, f" (also by guest {others})")
    if claim.kind.is_host_driver:
        if device.parent is None:
            return _Choice(None, DeviceReason.SHARED_PARENT)
        if policy.host_driver is HostDriver.SKIP:
            return _Choice(None, DeviceReason.HOST_DRIVER)
        if policy.host_driver is HostDriver.EMULATOR and not guest.emulator:
            return _Choice(None, DeviceReason.HOST_DRIVER, ": the domain has no emulatorpin")
    return None


def on_node(
    cpus: Mapping[int, int], device: Device, topology: Topology, numa: Numa
) -> tuple[Mapping[int, int] | None, DeviceReason | None]:
    """Return those of `cpus` (any key to physical CPU) that serve `device`, and what is worth knowing of the choice.

    Offline CPUs are dropped first. A missing `numa_node`, -1 (the firmware tells none) and a node that sysfs does not
    list all mean that nearness is unknown.
    """
    online = {key: cpu for key, cpu in cpus.items() if cpu in topology.online}
    if not online:
        return None, DeviceReason.NO_ONLINE_CPU
    if device.numa_node is None or device.numa_node not in topology.nodes:
        return online, DeviceReason.NO_NODE
    near = {key: cpu for key, cpu in online.items() if cpu in topology.nodes[device.numa_node]}
    if near:
        return near, None
    return (None, DeviceReason.NODE_STRICT) if numa is Numa.STRICT else (online, DeviceReason.REMOTE_NODE)
