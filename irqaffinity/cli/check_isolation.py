# SPDX-License-Identifier: Apache-2.0
"""Checks for `irqaffinity check` whether guests' CPUs can be kept clean, and whether interrupt vectors run out."""

from collections.abc import Iterator

from irqaffinity.cli.session import Session
from irqaffinity.hypervisor.connection import LibvirtUnreachable
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.finding import Finding
from irqaffinity.model.host import Topology
from irqaffinity.model.text import name_cpus
from irqaffinity.observe.host_interrupts import HostInterrupts
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.observe.topology import read_topology
from irqaffinity.passes.made import Pass
from irqaffinity.passes.vectors import count_use
from irqaffinity.plan.headroom import find_headroom, find_shortages
from irqaffinity.plan.kept import find_housekeeping
from irqaffinity.plan.policy import IsolationMode, Policy
from irqaffinity.report.isolation import headroom_row
from irqaffinity.report.isolation_text import describe_headroom


def check_isolation(session: Session, *, has_state: bool) -> Iterator[Finding]:
    """Give the findings on the housekeeping CPUs and on the interrupt vectors, with the guests as they are now.

    Without libvirt or a state that can be read, whose lines say what is wrong, no guest counts.
    """
    policy = session.settings.policy
    try:
        topology = read_topology(session.root, with_isolated=True)
        made = _look(session) if has_state else None
        yield Finding("isolation", *_check_housekeeping(topology, policy, made))
        yield Finding("headroom", *_check_vectors(session, topology, policy, made))
    except (HostUnreadable, OSError) as error:
        yield Finding("isolation", False, str(error))


def _look(session: Session) -> Pass | None:
    try:
        return session.auditor.rehearse(logs=False)
    except LibvirtUnreachable:
        return None


def _check_housekeeping(topology: Topology, policy: Policy, made: Pass | None) -> tuple[bool, str]:
    mode, minimum = policy.isolation.mode, policy.isolation.minimum
    if mode is IsolationMode.OFF:
        return True, "off: nobody looks at the host's own interrupts on guests' CPUs"
    housekeeping = find_housekeeping(topology, policy)
    if mode is IsolationMode.REPORT:
        return True, f"report: nothing is moved; {_describe(housekeeping, topology, policy)}"
    guests = CpuSet() if made is None or made.isolated is None else made.isolated.kept.cpus & housekeeping
    free = housekeeping - guests
    notes = [f"{_usable(free)}; at least {minimum} must be", *_describe_lost(topology, policy, guests)]
    if len(free) < minimum:
        notes.append("no interrupt of the host is moved until more are: name more in [isolation] housekeeping_cpus")
    return len(free) >= minimum and not _isolated(topology, policy), f"enforce: {'; '.join(notes)}"


def _describe(housekeeping: CpuSet, topology: Topology, policy: Policy) -> str:
    if policy.isolation.housekeeping_cpus is None and policy.dedicated_cpus is None:
        return "to enforce it, set [isolation] housekeeping_cpus, or [placement] dedicated_cpus"
    return "; ".join([_usable(housekeeping), *_describe_lost(topology, policy, CpuSet())])


def _usable(cpus: CpuSet) -> str:
    return f"{_are(cpus, 'housekeeping CPU')} usable" if cpus else "no housekeeping CPU is usable"


def _describe_lost(topology: Topology, policy: Policy, guests: CpuSet) -> Iterator[str]:
    """Give a note for each kind of housekeeping CPUs that do not count."""
    isolated, named = _isolated(topology, policy), policy.isolation.housekeeping_cpus
    offline = CpuSet() if named is None else named - topology.online
    if isolated:
        them = "it" if len(isolated) == 1 else "them"
        yield f"{_are(isolated)} isolated by isolcpus= or nohz_full=: take {them} out of [isolation] housekeeping_cpus"
    if offline:
        yield f"{_are(offline)} offline"
    if guests:
        yield f"{_are(guests)} dedicated to a guest"


def _are(cpus: CpuSet, noun: str = "CPU") -> str:
    return f"{name_cpus(noun, cpus)} {'is' if len(cpus) == 1 else 'are'}"


def _isolated(topology: Topology, policy: Policy) -> CpuSet:
    """Return the CPUs that are named as housekeeping CPUs, and that the kernel was told to isolate."""
    return (policy.isolation.housekeeping_cpus or CpuSet()) & topology.isolated


def _check_vectors(session: Session, topology: Topology, policy: Policy, made: Pass | None) -> tuple[bool, str]:
    """Tell the fullest CPU of each node; not in order are only targets that are about to run out of vectors.

    A full CPU elsewhere does no harm: the kernel puts an interrupt on another one of its affinity.
    """
    use = count_use(session.root, topology.online, HostInterrupts(session.root).read((), ()))
    if not use.capacity:
        return True, "no limit is known for the CPUs of this host"
    targets = [plan.target for plan in made.outcome.devices if plan.target is not None] if made is not None else []
    if policy.isolation.mode is IsolationMode.ENFORCE:
        targets.append(find_housekeeping(topology, policy))
    shortages = find_shortages(use, targets)
    if shortages:
        return False, "; ".join(shortage.sentence for shortage in shortages)
    return True, "; ".join(describe_headroom(headroom_row(fullest)) for fullest in find_headroom(topology, use))
