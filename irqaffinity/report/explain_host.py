# SPDX-License-Identifier: Apache-2.0
"""Explains whether isolation moves an interrupt of the host, or why not."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.isolation import HostInterrupt, Kept
from irqaffinity.model.record import Record
from irqaffinity.model.text import name_cpus
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.policy import Isolation, IsolationMode
from irqaffinity.report.explain import Rule
from irqaffinity.report.explain_cpu import MANAGED_REMEDY
from irqaffinity.report.names import first_names


def explain_isolation(
    seen: HostInterrupt,
    kept: Kept,
    names: Mapping[GuestId, str],
    policy: Isolation,
    record: Record | None,
    trouble: str | None,
    fixed: Verdict | None = None,
) -> Iterator[Rule]:
    """Yield what isolation makes of an interrupt of the host; `record` is what the state has on it.

    `names` are those of all guests. `trouble` says why nothing is moved although it should be, `fixed` is the verdict
    on an interrupt that cannot be moved.
    """
    if record is not None and record.original != seen.interrupt.smp:
        original = "the default affinity" if record.original is None else record.original
        yield (
            "moved",
            f"from {original} to {record.written}; it goes back when the CPUs that it left are kept no longer",
        )
    back = _judge_return(seen, kept, policy, record) if record is not None else None
    yield "isolation", back or _judge(seen, kept, names, policy, trouble, fixed)


def _judge_return(seen: HostInterrupt, kept: Kept, policy: Isolation, record: Record) -> str | None:
    """Return why an interrupt that was moved goes back now, None where it does not."""
    smp, pattern = seen.interrupt.smp, _left_by(policy.leave, seen)
    if smp is None or record.original in (None, smp) or not record.accounts_for(smp):
        return None
    if policy.mode is not IsolationMode.ENFORCE:
        return f"goes back: [isolation] mode is {policy.mode.value}"
    if pattern is not None:
        return f"goes back: {pattern} of [isolation] leave names it"
    return None if record.original & kept.cpus else "goes back: no CPU that it had before is kept for a guest any more"


def _judge(
    seen: HostInterrupt,
    kept: Kept,
    names: Mapping[GuestId, str],
    policy: Isolation,
    trouble: str | None,
    fixed: Verdict | None,
) -> str:
    interrupt = seen.interrupt
    cpus = interrupt.smp or CpuSet()
    foreign = cpus & kept.cpus
    if policy.mode is IsolationMode.OFF:
        return "not looked at: [isolation] mode is off"
    if interrupt.smp is None:
        return f"stays: {Verdict.UNREAD.sentence}"
    if not foreign:
        late = (interrupt.effective or CpuSet()) & kept.cpus
        follows = f"; the hardware leaves {_name_kept(late, kept, names)}, at its next arrival" if late else ""
        return f"stays: none of its CPUs is kept for a guest{follows}"
    where = f"it may come to {_name_kept(foreign, kept, names)}"
    if fixed is not None:
        remedy = f"; {MANAGED_REMEDY.format(cpus=kept.cpus)}" if fixed is Verdict.MANAGED else ""
        return f"stays: {where}, but {fixed.sentence}{remedy}"
    pattern = _left_by(policy.leave, seen)
    if pattern is not None:
        return f"stays: {where}, but {pattern} of [isolation] leave names it"
    if policy.mode is IsolationMode.REPORT:
        place = cpus - kept.cpus or "the housekeeping CPUs"
        return f"stays: {where}, and [isolation] mode is report; enforce would move it to {place}"
    return f"stays: {where}; {trouble}" if trouble is not None else f"should leave these CPUs: {where}"


def _name_kept(cpus: CpuSet, kept: Kept, names: Mapping[GuestId, str]) -> str:
    guests = first_names([names.get(uuid, uuid) for uuid in kept.guests_on(cpus)])
    return f"{name_cpus('CPU', cpus)}, kept for {guests}"


def _left_by(patterns: Sequence[str], seen: HostInterrupt) -> str | None:
    """Return the first pattern that names an interrupt by a handler or by its driver."""
    names = [*(seen.interrupt.action or "").split(","), *([seen.driver] if seen.driver else [])]
    return next((pattern for pattern in patterns if any(fnmatchcase(name, pattern) for name in names)), None)
