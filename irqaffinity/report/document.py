# SPDX-License-Identifier: Apache-2.0
"""An outcome as JSON: schema 1, which tests/schema/audit-1.json describes."""

import json
from typing import Any

from irqaffinity.model.action import Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.host import HostFacts
from irqaffinity.model.verdict import Term
from irqaffinity.plan.guests import GuestPlan
from irqaffinity.plan.targets import DevicePlan
from irqaffinity.report.outcome import Outcome

SCHEMA = 1


def render_json(outcome: Outcome) -> str:
    """Return `outcome` as one JSON document with sorted lists; CPU sets are strings in the kernel's list syntax."""
    return json.dumps(to_document(outcome), indent=1)


def to_document(outcome: Outcome) -> dict[str, Any]:
    """Return `outcome` as plain values, in the order of the keys that a person reads."""
    return {
        "schema": SCHEMA,
        "host": outcome.host,
        "time": outcome.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "dry_run": outcome.dry_run,
        "host_facts": describe_facts(outcome.facts),
        "summary": dict(outcome.summary()),
        "guests": [_guest(guest) for guest in outcome.guests],
        "devices": [_device(device) for device in outcome.devices],
        "irqs": [describe_irq(result) for result in outcome.results],
    }


def describe_facts(facts: HostFacts) -> dict[str, Any]:
    """Return what holds for the whole host, as plain values."""
    return {"posted_interrupts": facts.posted_interrupts, "msi_source": facts.msi_source.value}


def _guest(guest: GuestPlan) -> dict[str, Any]:
    return {
        "uuid": guest.uuid,
        "name": guest.name,
        "vcpus": guest.vcpus,
        "mask": guest.mask,
        "mask_source": guest.mask_source.value,
        "irq_vcpus": _cpus(guest.irq_vcpus),
        "irq_pcpus": _cpus(guest.irq_pcpus),
        "status": guest.status.value,
        "reason": _word(guest.reason),
        "message": guest.message,
        "left_out": [
            {"element": left.element, "reason": _word(left.reason), "message": left.message} for left in guest.left_out
        ],
    }


def _device(device: DevicePlan) -> dict[str, Any]:
    return {
        "address": str(device.address),
        "guest": device.guest,
        "numa_node": device.numa_node,
        "driver": device.driver,
        "target": _cpus(device.target),
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
