# SPDX-License-Identifier: Apache-2.0
"""Why an interrupt, a device or a guest is where it is: the rules in their order, each with the values it was given."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from irqaffinity.model.action import Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import Guest
from irqaffinity.model.host import Device, HostSnapshot, Topology
from irqaffinity.model.text import clean, name_cpus
from irqaffinity.model.verdict import Status
from irqaffinity.plan.cpu_policy import Said
from irqaffinity.plan.guests import GuestPlan, MaskSource
from irqaffinity.plan.policy import Distribution, Policy
from irqaffinity.plan.targets import DevicePlan
from irqaffinity.report.table import describe_left_out, describe_target, merge_numbers

_WIDTH = 13

Rule = tuple[str, str]
"""The name of a rule, and what it found."""

Judge = Callable[[int], str | None]


def render_rules(rules: Sequence[Rule]) -> str:
    """Return one line a rule."""
    return "\n".join(f"{name:<{_WIDTH}} {finding}" for name, finding in rules)


def explain_guest(guest: GuestPlan, seen: Guest | None, judge: Judge, policy: Policy) -> Iterator[Rule]:
    """Give the rules that led to the vCPUs that serve a guest; `seen` is None when its XML is not readable.

    `judge` tells why a vCPU is not dedicated, None for one that is.
    """
    yield "guest", f"{guest.name} {guest.uuid}"
    if seen is not None and guest.dedication is not None:
        yield "pins", ", ".join(f"{vcpu} on {cpus}" for vcpu, cpus in sorted(seen.pins.items())) or "no vCPU is pinned"
        yield "policy", f"{guest.dedication.said}{_trouble(guest.dedication.said)}"
        yield "mask", _mask(guest, seen, policy)
        if seen.realtime:
            yield "realtime", f"{name_cpus('vCPU', seen.realtime)} run under a realtime scheduler"
        yield from _explain_vcpus(guest, seen, judge)
        yield from _explain_threads(guest, seen)
    if guest.status is Status.PLACED:
        vcpus, cpus = name_cpus("vCPU", guest.irq_vcpus or CpuSet()), name_cpus("CPU", guest.irq_pcpus or CpuSet())
        note = f" ({guest.message})" if guest.message else ""
        yield "served by", f"{vcpus} on {cpus}{note}"
    else:
        yield "status", f"{guest.status.value}: {guest.message}"
    for left in guest.left_out:
        yield "left out", describe_left_out(left)


def _trouble(said: Said) -> str:
    return f"; {said.trouble}" if said.trouble is not None else ""


def _explain_vcpus(guest: GuestPlan, seen: Guest, judge: Judge) -> Iterator[Rule]:
    """Give, for each run of vCPUs of which the same holds, whether they serve and why not."""
    findings = [_explain_vcpu(vcpu, guest, seen, judge) for vcpu in range(seen.vcpus)]
    start = 0
    for finding, run in groupby(findings):
        length = len(list(run))
        yield name_cpus("vCPU", CpuSet(range(start, start + length))), finding
        start += length


def _explain_vcpu(vcpu: int, guest: GuestPlan, seen: Guest, judge: Judge) -> str:
    why_not = judge(vcpu)
    if why_not is not None:
        return f"does not serve: {why_not}"
    if guest.chosen is None:
        return "does not serve: the guest is not placed"
    if vcpu in guest.chosen:
        return "serves"
    return "does not serve: " + ("the mask leaves it out" if guest.mask is not None else "it is a realtime vCPU")


def _explain_threads(guest: GuestPlan, seen: Guest) -> Iterator[Rule]:
    """Give which of the CPUs that serve the guest its other threads may run on too."""
    for name, cpus in (("emulator", seen.emulator), ("iothreads", seen.iothreads)):
        if cpus is not None:
            shared = cpus & (guest.irq_pcpus or CpuSet())
            yield (
                name,
                f"pinned to {cpus}; " + (f"on {shared} beside the interrupts" if shared else "on none that serves"),
            )


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
