# SPDX-License-Identifier: Apache-2.0
"""An outcome as JSON: schema 1, which tests/schema/audit-1.json describes."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from irqaffinity.model.action import Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.host import HostFacts
from irqaffinity.model.layout import NodeLayout
from irqaffinity.model.only import Only
from irqaffinity.model.text import merge_numbers
from irqaffinity.model.verdict import Term
from irqaffinity.plan.guests import GuestPlan
from irqaffinity.plan.targets import DevicePlan
from irqaffinity.report.holds import describe_holds
from irqaffinity.report.indent import indented
from irqaffinity.report.isolation import describe_isolation
from irqaffinity.report.outcome import Outcome, by_device
from irqaffinity.report.select import select
from irqaffinity.report.table import unite
from irqaffinity.report.times import show_time

SCHEMA = 1


def render_json(outcome: Outcome, nodes: Sequence[NodeLayout] = ()) -> str:
    """Return `outcome` as one JSON document with sorted lists; CPU sets are strings in the kernel's list syntax."""
    return indented(to_document(outcome, nodes=nodes))


def to_document(outcome: Outcome, only: Collection[Only] = (), nodes: Sequence[NodeLayout] = ()) -> dict[str, Any]:
    """Return `outcome` and the `nodes` of the host as plain values, with the keys in the order that a person reads.

    With `only` its lists are narrowed, and its key `only` has these words; the summary counts all.
    """
    shown = select(outcome, only)
    results = by_device(outcome.results)
    names: Mapping[str | None, str] = {guest.uuid: guest.name for guest in shown.guests}
    return {
        "schema": SCHEMA,
        "host": outcome.host,
        "time": show_time(outcome.time),
        "dry_run": outcome.dry_run,
        "state_unsaved": outcome.unsaved,
        "host_facts": describe_facts(outcome.facts),
        "summary": dict(outcome.summary()),
        **({"only": [word.value for word in only]} if only else {}),
        "nodes": [_node(node) for node in nodes],
        "guests": [_guest(guest) for guest in shown.guests],
        "devices": [
            _device(device, names.get(device.guest), results.get(device.address, ())) for device in shown.devices
        ],
        "irqs": [describe_irq(result) for result in shown.results],
        **describe_isolation(shown.isolated),
        "holds": describe_holds(outcome.holds),
    }


def describe_facts(facts: HostFacts) -> dict[str, Any]:
    """Return the facts on the whole host as plain values."""
    return {"posted_interrupts": facts.posted_interrupts, "msi_source": facts.msi_source.value}


def _node(node: NodeLayout) -> dict[str, Any]:
    return {
        "node": node.node,
        "cpus": str(node.cpus),
        "offline": _cpus(node.offline),
        "isolated": _cpus(node.isolated),
        "sockets": {str(socket): str(cpus) for socket, cpus in node.sockets.items()},
        "cores": [str(core) for core in node.cores],
    }


def _guest(guest: GuestPlan) -> dict[str, Any]:
    return {
        "uuid": guest.uuid,
        "name": guest.name,
        "vcpus": guest.vcpus,
        "mask": guest.mask,
        "mask_source": guest.mask_source.value,
        "vcpu_pins": None if guest.pins is None else {str(vcpu): str(guest.pins[vcpu]) for vcpu in sorted(guest.pins)},
        "irq_vcpus": _cpus(guest.irq_vcpus),
        "irq_pcpus": _cpus(guest.irq_pcpus),
        "status": guest.status.value,
        "reason": _word(guest.reason),
        "message": guest.message,
        "left_out": [
            {"element": left.element, "reason": _word(left.reason), "message": left.message} for left in guest.left_out
        ],
    }


def _device(device: DevicePlan, name: str | None, results: Sequence[Result]) -> dict[str, Any]:
    return {
        "address": str(device.address),
        "guest": device.guest,
        "name": name,
        "numa_node": device.numa_node,
        "driver": device.driver,
        "target": _cpus(device.target),
        "irqs": merge_numbers(result.action.number for result in results) or None,
        "cpus": _cpus(unite(result.smp for result in results) or None),
        "verdicts": dict(Counter(result.verdict.value for result in results)),
        "tags": dict(device.tags),
        "reason": _word(device.reason),
        "message": device.message,
    }


def describe_irq(result: Result) -> dict[str, Any]:
    """Return the row of one interrupt."""
    action = result.action
    return {
        "irq": action.number,
        "device": str(action.device),
        "guest": None if action.is_release else action.owner,
        "current": _cpus(action.current),
        "target": _cpus(result.asked),
        "effective": _cpus(result.effective),
        "verdict": result.verdict.value,
        "reason": _word(result.reason),
        "message": result.message,
    }


def _word(term: Term | None) -> str | None:
    return None if term is None else str(term.value)


def _cpus(cpus: CpuSet | None) -> str | None:
    return None if cpus is None else str(cpus)
