# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity explain cpu N`."""

from collections.abc import Container, Iterator
from dataclasses import replace

from irqaffinity.model.cpu import CpuInterrupt
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import IrqId
from irqaffinity.observe.cpu import read_cpu
from irqaffinity.observe.host_interrupts import HostInterrupts
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.made import Pass
from irqaffinity.passes.vectors import count_use
from irqaffinity.plan.dedicated import find_dedicated
from irqaffinity.plan.policy import Policy
from irqaffinity.report.explain import Rule
from irqaffinity.report.explain_cpu import CpuUse, explain_cpu


def explain_cpu_of(cpu: int, made: Pass, policy: Policy, root: HostRoot, fixed: Container[IrqId]) -> Iterator[Rule]:
    """Give all that is known of a CPU of the host; raise HostUnreadable and OSError.

    `fixed` are the interrupts that turned out not to be movable.
    """
    facts = read_cpu(root, cpu, made.frame.topology)
    interrupts = tuple(_as_fixed(found) if _irq_of(found) in fixed else found for found in facts.interrupts)
    yield from explain_cpu(replace(facts, interrupts=interrupts), _use_of(cpu, made, policy, root))


def _irq_of(found: CpuInterrupt) -> IrqId:
    return IrqId(found.device, found.interrupt.number)


def _as_fixed(found: CpuInterrupt) -> CpuInterrupt:
    """Return an interrupt as newer kernels show it, whose files tell that it cannot be moved."""
    return found._replace(interrupt=found.interrupt._replace(writable=False))


def _use_of(cpu: int, made: Pass, policy: Policy, root: HostRoot) -> CpuUse:
    kept, kept_for = CpuSet(), {}
    guests = {uuid: seen.readable for uuid, seen in sorted(made.guests.items())}
    for uuid, guest in guests.items():
        pins = {} if guest is None else find_dedicated(guest, made.frame.occupancy, policy.dedicated_cpus).pins
        kept |= CpuSet(pins.values())
        vcpus = CpuSet(vcpu for vcpu, pin in pins.items() if pin == cpu)
        if vcpus:
            kept_for[uuid] = vcpus
    found = made.isolated
    return CpuUse(
        kept_for,
        kept,
        [guest for guest in guests.values() if guest is not None],
        {uuid: seen.guest.name for uuid, seen in made.guests.items()},
        {address: min(uuids) for address, uuids in made.frame.claimants.items()},
        made.outcome.results,
        policy.isolation.mode,
        {} if found is None else {result.action.number: result.verdict for result in found.results},
        count_use(root, made.frame.topology.online, HostInterrupts(root).read((), ())),
        None if found is None else found.trouble,
    )
