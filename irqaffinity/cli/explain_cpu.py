# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity explain cpu N`."""

from collections.abc import Iterator, Mapping

from irqaffinity.model.action import Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import IrqId
from irqaffinity.model.record import Fixed
from irqaffinity.observe.cpu import read_cpu
from irqaffinity.observe.host_interrupts import HostInterrupts
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.made import Pass
from irqaffinity.passes.vectors import count_use
from irqaffinity.plan.dedicated import find_dedicated
from irqaffinity.plan.policy import Policy
from irqaffinity.report.explain import Rule
from irqaffinity.report.explain_cpu import CpuUse, explain_cpu


def explain_cpu_of(
    cpu: int, made: Pass, policy: Policy, root: HostRoot, fixed: Mapping[IrqId, Fixed]
) -> Iterator[Rule]:
    """Give all that is known of a CPU of the host; raise HostUnreadable and OSError.

    `fixed` are the interrupts that turned out not to be movable.
    """
    yield from explain_cpu(read_cpu(root, cpu, made.frame.topology), _use_of(cpu, made, policy, root, fixed))


def _use_of(cpu: int, made: Pass, policy: Policy, root: HostRoot, fixed: Mapping[IrqId, Fixed]) -> CpuUse:
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
        _find_moves(made),
        count_use(root, made.frame.topology.online, HostInterrupts(root).read((), ())),
        None if found is None else found.trouble,
        fixed,
    )


def _find_moves(made: Pass) -> Mapping[int, Result]:
    """Return what would be done with the interrupts of the host, and with those that guests give back, by number."""
    hosts = () if made.isolated is None else made.isolated.results
    given_back = (result for result in made.outcome.results if result.action.is_release)
    return {result.action.number: result for result in (*given_back, *hosts)}
