# SPDX-License-Identifier: Apache-2.0
"""Explains a place: the rules that decided it, in their order, each with the values that it saw."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from irqaffinity.model.action import Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST, ClaimKind, Guest, GuestId
from irqaffinity.model.host import Device, Topology
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Record
from irqaffinity.model.text import clean, merge_numbers, name_cpus
from irqaffinity.model.verdict import Status
from irqaffinity.plan.guests import GuestPlan, MaskSource
from irqaffinity.plan.kept import find_housekeeping
from irqaffinity.plan.policy import HostDriver, Policy, Profile, Serve
from irqaffinity.plan.targets import DevicePlan
from irqaffinity.report.table import (
    describe_left_out,
    describe_target,
    name_service,
    unite,
)

_WIDTH = 13

Rule = tuple[str, str]
"""The name of a rule, and what it found."""

Judge = Callable[[int], str | None]
"""A function that returns why a vCPU is not dedicated, None for one that is."""


def render_rules(rules: Sequence[Rule]) -> str:
    """Return one line for each rule, with the findings in one column."""
    width = max([_WIDTH, *(len(name) for name, _ in rules)])
    return "\n".join(f"{name:<{width}} {finding}" for name, finding in rules)


def explain_guest(
    guest: GuestPlan, seen: Guest | None, devices: Sequence[DevicePlan], judge: Judge, policy: Policy
) -> Iterator[Rule]:
    """Give the rules that led to the vCPUs that serve the `devices` of a guest; `seen` is None where unreadable."""
    yield "guest", f"{guest.name} {guest.uuid}"
    service = name_service(guest, devices) if guest.status is Status.PLACED else None
    if seen is not None and guest.dedication is not None:
        said = guest.dedication.said
        yield "pins", ", ".join(f"{vcpu} on {cpus}" for vcpu, cpus in sorted(seen.pins.items())) or "no vCPU is pinned"
        found = CpuSet(guest.dedication.pins)
        trouble = f"; {said.trouble}" if said.trouble is not None else ""
        yield "dedicated", f"{name_cpus('vCPU', found) if found else 'no vCPU'}; policy: {said}{trouble}"
        if policy.dedicated_cpus is not None:
            yield "limit", f"[placement] dedicated_cpus is {policy.dedicated_cpus}: no other CPU serves"
        yield "mask", _mask(guest, seen, policy)
        if seen.realtime:
            verb = "runs" if len(seen.realtime) == 1 else "run"
            yield "realtime", f"{name_cpus('vCPU', seen.realtime)} {verb} under a realtime scheduler"
        is_vcpus = service is not None and any(device.vcpus is not None for device in devices)
        yield from _explain_vcpus(guest, seen, judge, "serving" if is_vcpus else "may serve")
        yield from _explain_threads(seen, _serving_cpus(guest, devices))
    note = f" ({guest.message})" if guest.message else ""
    if guest.status is Status.PLACED:
        yield "served by", f"{service or 'nothing: no interrupt of it is moved'}{note}"
    else:
        yield "status", f"{guest.status.value}: {guest.message}"
    for left in guest.left_out:
        yield "left out", describe_left_out(left)


def _explain_vcpus(guest: GuestPlan, seen: Guest, judge: Judge, serves: str) -> Iterator[Rule]:
    """Yield, for each run of vCPUs with the same finding, whether they serve and why not."""
    findings = [_explain_vcpu(vcpu, guest, judge, serves) for vcpu in range(seen.vcpus)]
    start = 0
    for finding, run in groupby(findings):
        length = len(list(run))
        yield name_cpus("vCPU", CpuSet(range(start, start + length))), finding
        start += length


def _explain_vcpu(vcpu: int, guest: GuestPlan, judge: Judge, serves: str) -> str:
    why_not = judge(vcpu)
    if why_not is None:
        if guest.chosen is None:
            why_not = f"the guest is not placed ({guest.status.value})"
        elif vcpu not in guest.chosen:
            why_not = "realtime" if guest.mask is None else "left out by the mask"
    return serves if why_not is None else f"not serving: {why_not}"


def _serving_cpus(guest: GuestPlan, devices: Sequence[DevicePlan]) -> CpuSet:
    """Return the CPUs that serve the `devices` of a guest: all of its vCPUs that serve, wherever a device is."""
    of_vcpus = guest.irq_pcpus if any(device.vcpus is not None for device in devices) else None
    return unite([of_vcpus, *(device.target for device in devices)])


def _explain_threads(seen: Guest, serving: CpuSet) -> Iterator[Rule]:
    """Yield the CPUs of the guest's other threads, and which of these serve its interrupts too."""
    for name, cpus in (("emulator", seen.emulator), ("iothreads", seen.iothreads)):
        if cpus is not None:
            shared = cpus & serving
            verb = "serves" if len(shared) == 1 else "serve"
            told = f"{name_cpus('CPU', shared)} {verb}" if shared else "none of these serves"
            yield name, f"pinned to {name_cpus('CPU', cpus)}; {told} interrupts of the guest"


def explain_device(
    plan: DevicePlan, device: Device, seen: Guest | None, topology: Topology, policy: Policy
) -> Iterator[Rule]:
    """Give the rules that led to the target of a device of the guest `seen`, or to none."""
    named = f", named by <{plan.kind.value}>" if plan.kind is not None else ""
    yield "device", f"{plan.address}, driver {plan.driver or 'none'}{named}"
    if policy.device_specs:
        tags = f", tags {json.dumps(dict(plan.tags), ensure_ascii=False)}" if plan.tags else ""
        yield "device_spec", f"{len(policy.device_specs)} configured; the first that matches counts{clean(tags)}"
    else:
        yield "device_spec", "none is configured: every device of a guest is meant"
    if policy.profiles:
        yield "profile", _explain_profile(plan.manner.profile, policy)
    yield from _explain_place(device, topology)
    yield from _explain_server(plan, seen, topology, policy)
    yield "target", f"{plan.target or 'none'}: {describe_target(plan)}"
    if plan.is_unconfirmed:
        yield "unconfirmed", "no interrupt of it is moved or given back until libvirt is asked again and still names it"
    if plan.target is not None:
        spread, distribution = plan.is_spread, plan.manner.distribution
        yield "distribution", f"{distribution.value}: {'one CPU' if spread else 'all of them'} for each interrupt"
        threads = _share(plan.target, seen) if seen is not None else ""
        if threads:
            yield "shared with", threads


def _explain_server(plan: DevicePlan, seen: Guest | None, topology: Topology, policy: Policy) -> Iterator[Rule]:
    """Yield whose CPUs are meant for a device, where an option names others than those of the vCPUs."""
    manner = plan.manner
    said = "the profile's serve" if manner.profile is not None and manner.profile.serve else "[placement] serve"
    option = "serve"
    if plan.kind is not None and plan.kind.is_host_driver:
        word, option = policy.host_driver.of(plan.kind), "host_driver"
        said = f"[placement] host_driver, for {'vdpa' if plan.kind is ClaimKind.VDPA else 'macvtap'},"
        if word is not HostDriver.EMULATOR:
            yield option, f"{said} is {word.value}"
    if plan.serve is Serve.EMULATOR:
        pinned = seen.emulator if seen is not None else None
        found = f"the guest's emulatorpin is {pinned}" if pinned else "the guest has no emulatorpin"
        yield option, f"{said} is emulator: {found}"
    elif plan.serve is Serve.HOUSEKEEPING:
        housekeeping = find_housekeeping(topology, policy)
        found = name_cpus("CPU", housekeeping) if housekeeping else "none is named and online"
        yield option, f"{said} is housekeeping: {found}"
    elif manner.serve is not Serve.VCPUS and option == "serve":
        yield option, f"{said} is {manner.serve.value}; the guest's mask goes before it, so vCPUs serve"


def _explain_profile(profile: Profile | None, policy: Policy) -> str:
    """Return which profile applies to a device, and what it says."""
    if profile is None:
        return f"{len(policy.profiles)} configured; none has the tags of the device, so [placement] decides"
    said = {"distribution": profile.distribution, "numa": profile.numa, "serve": profile.serve}
    told = ", ".join(f"{name} {value.value}" for name, value in said.items() if value is not None)
    tags = clean(json.dumps(dict(profile.tags), ensure_ascii=False))
    return f"number {policy.profiles.index(profile) + 1} of {len(policy.profiles)}, for tags {tags}: {told}"


def _share(target: CpuSet, seen: Guest) -> str:
    """Return which of the guest's other threads may run on which CPUs of a target."""
    pinned = {"the emulator": seen.emulator, "iothreads": seen.iothreads}
    shared = {name: target & cpus for name, cpus in pinned.items() if cpus is not None and target & cpus}
    return ", ".join(f"{name} on {name_cpus('CPU', cpus)}" for name, cpus in shared.items())


def explain_device_of_unreadable(address: PciAddress) -> Iterator[Rule]:
    """Yield the rule for a device whose guest cannot be read."""
    yield "device", f"{address}: its interrupts keep what they have until its guest can be read"


def explain_free_device(
    device: Device, topology: Topology, records: Mapping[int, Record], released: Sequence[Result]
) -> Iterator[Rule]:
    """Yield the rules for a device that no guest has; `records` are of its interrupts, `released` some results."""
    yield "device", f"{device.address}, driver {device.driver or 'none'}"
    if device.trouble is not None:
        yield "unreadable", device.trouble
    yield from _explain_place(device, topology)
    owners = _by_owner(records)
    if not owners:
        yield "target", "none: no active guest names it"
    for owner, numbers in owners.items():
        back = [result.asked for result in released if result.action.number in numbers]
        fate = f"go back to {unite(back)}" if back else "stay where they are for now"
        yield "target", f"no active guest names it; {merge_numbers(numbers)}, moved for guest {owner}, {fate}"


def _by_owner(records: Mapping[int, Record]) -> Mapping[GuestId, list[int]]:
    owners: dict[GuestId, list[int]] = {}
    for number, record in records.items():
        if record.owner != HOST:
            owners.setdefault(record.owner, []).append(number)
    return owners


def _explain_place(device: Device, topology: Topology) -> Iterator[Rule]:
    """Give the interrupts of a device and its node."""
    numbers = merge_numbers(interrupt.number for interrupt in device.interrupts)
    yield "interrupts", numbers or ("its line is shared with other devices" if device.shares_line else "none")
    yield "node", _node(device, topology)


def _mask(guest: GuestPlan, seen: Guest, policy: Policy) -> str:
    if guest.mask is not None:
        return f"{guest.mask} from {guest.mask_source.value}"
    unheard = "not heard: " if seen.is_nova else ""
    where = {
        MaskSource.METADATA: "the extra specs in the domain's metadata have none",
        MaskSource.NOTIFICATION: "the extra specs of the last notification have none",
        MaskSource.FLAVOR_MASKS: f"flavor_masks has none for {seen.flavor}",
        MaskSource.NONE: f"{unheard}neither the domain, nor a notification, nor flavor_masks (flavor {seen.flavor}) "
        "has any",
    }
    return f"{where[guest.mask_source]}; [placement] without_mask is {policy.without_mask.value}"


def _node(device: Device, topology: Topology) -> str:
    online = f"online are {topology.online}"
    if device.numa_node is None:
        return f"the device has no numa_node; {online}"
    if device.numa_node not in topology.nodes:
        return f"numa_node is {device.numa_node}, which the host does not list; {online}"
    return f"numa_node is {device.numa_node}, with CPUs {topology.nodes[device.numa_node]}; {online}"
