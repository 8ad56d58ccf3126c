# SPDX-License-Identifier: Apache-2.0
"""Plans for all interrupts of the host that they stay off the kept CPUs; plan/keep_off.py has the rules for one.

No CPU is kept from them unless `[isolation] mode` is enforce: with any other mode all that was moved is given back.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from irqaffinity.model.action import Action
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST
from irqaffinity.model.host import Topology
from irqaffinity.model.irq import DEFAULT, Interrupt, IrqId
from irqaffinity.model.isolation import HostInterrupt, Intruder, Kept, VectorUse
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Changes, Record, State
from irqaffinity.plan.headroom import Room
from irqaffinity.plan.intruders import find_intruders
from irqaffinity.plan.keep_off import Rules, Step, plan_one
from irqaffinity.plan.policy import Isolation, IsolationMode


class IsolationPlan(NamedTuple):
    """What is to be done with the host's own interrupts, by number; the default affinity stands first.

    `changes` are stored before the first write. `intruders` are those found, `target` is where they are to go.
    `trouble` says why nothing is moved away from the kept CPUs, None where nothing is in the way. Where it `is_short`,
    the reason is that too few housekeeping CPUs are online.
    """

    actions: list[Action]
    changes: Changes
    intruders: tuple[Intruder, ...]
    trouble: str | None
    is_short: bool = False


def isolate(
    interrupts: Sequence[HostInterrupt],
    kept: Kept,
    housekeeping: CpuSet,
    topology: Topology,
    state: State,
    default: CpuSet | None,
    use: VectorUse,
    policy: Isolation,
    claimed: Container[PciAddress] = (),
    old: Container[int] = (),
) -> IsolationPlan:
    """Return what to do with the host's own `interrupts`; `default` is the default affinity, None where it is unknown.

    `state` is as the guests' placement left it: what a guest has a record of is left alone, and so are the records of
    `claimed` devices, which guests have. `old` are interrupts that were without a record before, and were not born
    since. The same arguments always give the same plan.
    """
    is_enforced = policy.mode is IsolationMode.ENFORCE
    refuge = (housekeeping & topology.online) - kept.cpus if is_enforced else CpuSet()
    is_short = len(refuge) < policy.minimum
    rules = Rules(
        topology,
        Room(topology.online, use),
        kept=kept.cpus if is_enforced else CpuSet(),
        refuge=refuge,
        leave=policy.leave,
        is_held_up=is_short or default is None,
        may_widen=kept.is_whole or not is_enforced,
        old=old,
    )
    steps = _plan(rules, interrupts, default, state)
    actions, unread = _actions(steps), _unread(interrupts)
    targets = {action.number: action.target for action in actions if not action.is_release}
    seen = () if policy.mode is IsolationMode.OFF else interrupts
    return IsolationPlan(
        actions,
        Changes(_records_changed(steps, state, claimed, unread), _fixed_ended(interrupts, state, claimed, unread)),
        find_intruders(kept, seen, state.fixed, targets),
        _find_trouble(rules, len(refuge), policy.minimum),
        is_short,
    )


def give_back_all(
    interrupts: Sequence[HostInterrupt],
    topology: Topology,
    state: State,
    default: CpuSet | None,
    old: Container[int] = (),
) -> IsolationPlan:
    """Return what gives back all that was moved of the host, as if no CPU was kept and no guest had a device.

    `old` is that of `isolate`.
    """
    rules = Rules(topology, Room(CpuSet(), VectorUse()), is_reset=True, old=old)
    steps = _plan(rules, interrupts, default, state)
    changes = Changes(_records_changed(steps, state, (), _unread(interrupts)))
    return IsolationPlan(_actions(steps), changes, (), None)


def _find_trouble(rules: Rules, usable: int, minimum: int) -> str | None:
    if not rules.kept or not rules.is_held_up:
        return None
    if usable < minimum:
        return _describe_trouble(usable, minimum)
    return (
        "/proc/irq/default_smp_affinity is no set of CPUs, so nobody knows where new interrupts of the host arrive, "
        "and none is moved away: see what the file says"
    )


def _describe_trouble(count: int, minimum: int) -> str:
    usable = {0: "no housekeeping CPU is", 1: "only 1 housekeeping CPU is"}.get(
        count, f"only {count} housekeeping CPUs are"
    )
    return (
        f"{usable} usable (online, not dedicated to a guest), but [isolation] minimum is {minimum}, so no "
        "interrupt of the host is moved away: name more in [isolation] housekeeping_cpus"
    )


def _plan(
    rules: Rules, interrupts: Iterable[HostInterrupt], default: CpuSet | None, state: State
) -> Mapping[IrqId, Step]:
    """Decide for the default affinity, and then for each interrupt that no guest has a record of."""
    if not rules.kept and not state.devices_of(HOST):
        return {}
    before = state.records.get(DEFAULT.device, {}).get(DEFAULT.number)
    as_interrupt = HostInterrupt(Interrupt(DEFAULT.number, default, None), DEFAULT.device)
    first = plan_one(rules, as_interrupt, before, state.fixed) if default is not None else Step(before)
    is_ours = before is not None and (default is None or before.accounts_for(default))
    rules = replace(
        rules,
        wide=before.original if before is not None and is_ours else default,
        before=before,
        after=None if rules.is_reset else first.record,
    )
    steps = {DEFAULT: first}
    for found in interrupts:
        irq = IrqId(found.device, found.interrupt.number)
        known = state.records.get(irq.device, {}).get(irq.number)
        if known is None or known.owner == HOST:
            steps[irq] = plan_one(rules, found, known, state.fixed)
    return steps


def _actions(steps: Mapping[IrqId, Step]) -> list[Action]:
    return sorted((step.action for step in steps.values() if step.action is not None), key=lambda each: each.number)


def _unread(interrupts: Iterable[HostInterrupt]) -> frozenset[int]:
    """Return the numbers of the interrupts that cannot be read; even their devices may be unknown."""
    return frozenset(found.interrupt.number for found in interrupts if found.is_unread)


def _records_changed(
    steps: Mapping[IrqId, Step], state: State, claimed: Container[PciAddress], unread: Container[int]
) -> Mapping[IrqId, Record | None]:
    """Return the host's records that are new or changed, None for those to delete: of what has vanished, too."""
    changed: dict[IrqId, Record | None] = {}
    for device in state.devices_of(HOST):
        for number, record in state.records[device].items():
            irq = IrqId(device, number)
            if record.owner != HOST or device in claimed or number in unread:
                continue
            if irq not in steps or steps[irq].record is None:
                changed[irq] = None
    for irq, step in steps.items():
        known = state.records.get(irq.device, {}).get(irq.number)
        if step.record is not None and step.record != known:
            changed[irq] = step.record
    return changed


def _fixed_ended(
    interrupts: Iterable[HostInterrupt], state: State, claimed: Container[PciAddress], unread: Container[int]
) -> Mapping[IrqId, None]:
    """Return the host's interrupts that could not be moved and are gone, or are others now."""
    hosts = [irq for irq, known in state.fixed.items() if known.is_hosts and irq.device not in claimed]
    if not hosts:
        return {}
    now = {IrqId(found.device, found.interrupt.number): found.interrupt.action or "" for found in interrupts}
    return {irq: None for irq in hosts if irq.number not in unread and now.get(irq) != state.fixed[irq].action}
