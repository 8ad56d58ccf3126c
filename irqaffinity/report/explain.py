# SPDX-License-Identifier: Apache-2.0
"""Why an interrupt, a device or a guest is where it is: the rules in their order, each with the values it was given."""

import json
from collections.abc import Iterator, Sequence

from irqaffinity.model.action import Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import Guest
from irqaffinity.model.host import Device, HostSnapshot, Topology
from irqaffinity.model.text import clean
from irqaffinity.model.verdict import Status
from irqaffinity.plan.guests import GuestPlan, MaskSource
from irqaffinity.plan.policy import Distribution, Policy
from irqaffinity.plan.targets import DevicePlan
from irqaffinity.report.table import describe_target, merge_numbers

_WIDTH = 13

Rule = tuple[str, str]
"""The name of a rule, and what it found."""


def render_rules(rules: Sequence[Rule]) -> str:
    """Return one line a rule."""
    return "\n".join(f"{name:<{_WIDTH}} {finding}" for name, finding in rules)


def explain_guest(guest: GuestPlan, seen: Guest | None, policy: Policy) -> Iterator[Rule]:
    """Give the rules that led to the vCPUs that serve a guest; `seen` is None when its XML is not readable."""
    yield "guest", f"{guest.name} {guest.uuid}"
    if seen is not None and guest.dedicated is not None:
        yield "pins", ", ".join(f"{vcpu} on {cpus}" for vcpu, cpus in sorted(seen.pins.items())) or "no vCPU is pinned"
        yield "dedicated", _dedicated(guest, seen, policy)
        yield "mask", _mask(guest, seen, policy)
        if seen.realtime:
            yield "realtime", f"vCPUs {seen.realtime} run under a realtime scheduler"
    if guest.status is Status.PLACED:
        note = f" ({guest.message})" if guest.message else ""
        yield "served by", f"vCPUs {guest.irq_vcpus} on CPUs {guest.irq_pcpus}{note}"
    else:
        yield "status", f"{guest.status.value}: {guest.message}"


def explain_device(plan: DevicePlan, device: Device, topology: Topology, policy: Policy) -> Iterator[Rule]:
    """Give the rules that led to the target of a device, or to none."""
    named = f", named by <{plan.kind.value}>" if plan.kind is not None else ""
    yield "device", f"{plan.address}, driver {plan.driver or 'none'}{named}"
    if policy.device_specs:
        tags = f", tags {json.dumps(dict(plan.tags), ensure_ascii=False)}" if plan.tags else ""
        yield "device_spec", f"{len(policy.device_specs)} configured; the first that matches counts{clean(tags)}"
    else:
        yield "device_spec", "none is configured: every device of a guest is meant"
    yield "interrupts", merge_numbers(interrupt.number for interrupt in device.interrupts) or "none"
    yield "node", _node(device, topology)
    yield "target", f"{plan.target or 'none'}: {describe_target(plan)}"
    if plan.target is not None:
        spread = policy.distribution is Distribution.SPREAD
        yield (
            "distribution",
            f"{policy.distribution.value}: {'one CPU' if spread else 'all of them'} for each interrupt",
        )


def explain_result(result: Result) -> Iterator[Rule]:
    """Give what was read of an interrupt and what follows."""
    action = result.action
    effective = "unknown" if action.effective is None else action.effective
    yield f"irq {action.number}", f"smp_affinity_list {action.current}, effective_affinity_list {effective}"
    reason = f" ({result.reason.value}: {result.reason.sentence})" if result.reason is not None else ""
    yield (
        "verdict",
        f"{result.verdict.value}: {result.message or result.verdict.sentence}, target {result.asked}{reason}",
    )


def find_guest(snapshot: HostSnapshot, plan: GuestPlan) -> Guest | None:
    """Return what was read of a guest, None when its XML is not readable."""
    return next((guest for guest in snapshot.guests if guest.uuid == plan.uuid), None)


def _dedicated(guest: GuestPlan, seen: Guest, policy: Policy) -> str:
    found = CpuSet(guest.dedicated or ())
    if seen.cpu_policy is not None:
        why = f"hw:cpu_policy in the domain's metadata is {seen.cpu_policy}"
    else:
        why = "no hw:cpu_policy in the domain, so those pinned to one CPU that no other vCPU is pinned to alone"
    limit = f"; [placement] dedicated_cpus is {policy.dedicated_cpus}" if policy.dedicated_cpus is not None else ""
    return f"{f'vCPUs {found}' if found else 'no vCPU'}: {why}{limit}"


def _mask(guest: GuestPlan, seen: Guest, policy: Policy) -> str:
    if guest.mask is not None:
        return f"{guest.mask} from {guest.mask_source.value}"
    where = {
        MaskSource.METADATA: "the extra specs in the domain's metadata have none",
        MaskSource.NOTIFICATION: "the extra specs of the last notification have none",
        MaskSource.FLAVOR_MASKS: f"flavor_masks has none for {seen.flavor}",
        MaskSource.NONE: f"neither the domain, nor a notification, nor flavor_masks (flavor {seen.flavor}) has any",
    }
    return f"{where[guest.mask_source]}; [placement] without_mask is {policy.without_mask.value}"


def _node(device: Device, topology: Topology) -> str:
    online = f"online are {topology.online}"
    if device.numa_node is None:
        return f"the device has no numa_node; {online}"
    if device.numa_node not in topology.nodes:
        return f"numa_node is {device.numa_node}, which the host does not list; {online}"
    return f"numa_node is {device.numa_node}, with CPUs {topology.nodes[device.numa_node]}; {online}"
