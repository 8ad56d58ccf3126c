# SPDX-License-Identifier: Apache-2.0
"""Explains whether isolation moves an interrupt of the host, or why not."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.isolation import HostInterrupt, Kept
from irqaffinity.model.record import Record
from irqaffinity.model.text import name_cpus
from irqaffinity.plan.policy import Isolation, IsolationMode
from irqaffinity.report.explain import Rule
from irqaffinity.report.explain_cpu import MANAGED_REMEDY


def explain_isolation(
    seen: HostInterrupt, kept: Kept, policy: Isolation, record: Record | None, trouble: str | None
) -> Iterator[Rule]:
    """Yield what isolation makes of an interrupt of the host; `record` is what the state has on it.

    `trouble` says why nothing is moved although it should be.
    """
    if record is not None:
        original = "the default affinity" if record.original is None else record.original
        yield "moved", f"from {original} to {record.written}; it goes back there when no guest keeps these CPUs"
    yield "isolation", _judge(seen, kept, policy, trouble)


def _judge(seen: HostInterrupt, kept: Kept, policy: Isolation, trouble: str | None) -> str:
    interrupt = seen.interrupt
    cpus = interrupt.smp or interrupt.effective or CpuSet()
    foreign = cpus & kept.cpus
    if policy.mode is IsolationMode.OFF:
        return "not looked at: [isolation] mode is off"
    if not foreign:
        return "stays: none of its CPUs is kept for a guest"
    guests = ", ".join(kept.guests_on(foreign))
    where = f"it may come to {name_cpus('CPU', foreign)}, kept for {guests}"
    if not interrupt.writable:
        return f"stays: {where}, but the kernel lets nobody move it; {MANAGED_REMEDY.format(cpus=kept.cpus)}"
    pattern = _left_by(policy.leave, seen)
    if pattern is not None:
        return f"stays: {where}, but {pattern} of [isolation] leave names it"
    if policy.mode is IsolationMode.REPORT:
        place = cpus - kept.cpus or "the housekeeping CPUs"
        return f"stays: {where}, and [isolation] mode is report; enforce would move it to {place}"
    return f"stays: {where}, but {trouble}" if trouble is not None else f"leaves these CPUs: {where}"


def _left_by(patterns: Sequence[str], seen: HostInterrupt) -> str | None:
    """Return the first pattern that names an interrupt by a handler or by its driver."""
    names = [*(seen.interrupt.action or "").split(","), seen.driver or ""]
    return next((pattern for pattern in patterns if any(fnmatchcase(name, pattern) for name in names if name)), None)
