# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity explain TARGET`."""

import argparse
from collections.abc import Callable, Iterator, Sequence

from irqaffinity.cli.explain_cpu import explain_cpu_of
from irqaffinity.cli.output import say
from irqaffinity.cli.session import Session, explained
from irqaffinity.model.action import Result
from irqaffinity.model.guest import HOST, Guest, GuestId
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.isolation import HostInterrupt
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.target import Cpu, Target
from irqaffinity.model.verdict import FAILED, Verdict
from irqaffinity.observe.find import Owned, find_target
from irqaffinity.observe.meanings import holders
from irqaffinity.observe.owners import Owner, find_owners
from irqaffinity.observe.procfs import read_interrupt
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import (
    Details,
    action_name,
    devices_of_interrupt,
    devices_on_line,
    driver_of,
    read_device,
)
from irqaffinity.passes.made import Pass
from irqaffinity.plan.dedicated import refuse_vcpu
from irqaffinity.plan.intruders import find_fixed
from irqaffinity.plan.kept import find_kept
from irqaffinity.plan.policy import Policy
from irqaffinity.report.explain import (
    Rule,
    explain_device,
    explain_device_of_unreadable,
    explain_free_device,
    explain_guest,
    render_rules,
)
from irqaffinity.report.explain_hold import explain_holds
from irqaffinity.report.explain_host import explain_isolation
from irqaffinity.report.explain_interrupt import explain_free_interrupt, explain_idle_interrupt, explain_result
from irqaffinity.report.explain_intruders import explain_intruders


def run(arguments: argparse.Namespace) -> int:
    """Print the rules that lead to the place of an interrupt, a device or a guest, or the facts on a CPU."""
    session = Session.open(arguments)
    with explained():
        made = session.auditor.rehearse(logs=False)
        target = find_target(session.root, session.auditor.guests, arguments.target)
        rules = [*_explain(target, made, session), *_explain_holds(target, made, session)]
    say(render_rules(rules))
    return 0


def _explain(target: Target, made: Pass, session: Session) -> Iterator[Rule]:
    policy, root = session.settings.policy, session.root
    if isinstance(target, int):
        yield from _explain_interrupt(target, made, session)
    elif isinstance(target, Cpu):
        yield from explain_cpu_of(target.number, made, policy, root, session.store.peek().fixed)
    elif isinstance(target, PciAddress):
        yield from _explain_device(target, made, policy, root)
        if not holders(made.guests, target):
            from irqaffinity.cli.explain_use import explain_use_of  # noqa: PLC0415  few targets need it

            yield from explain_use_of(target, session)
    else:
        yield from _explain_guest(target, made, policy)
        for address in sorted({claim.address for claim in made.guests[target].claims}):
            yield from _explain_device_of(target, address, made, policy)
        if made.isolated is not None:
            yield from explain_intruders(target, made.isolated, _names(made))


def _explain_interrupt(number: int, made: Pass, session: Session) -> Iterator[Rule]:
    policy, root = session.settings.policy, session.root
    seen = read_interrupt(root, number)
    devices = devices_of_interrupt(root, number)
    if not devices:
        yield from explain_free_interrupt(number, devices_on_line(root, number), action_name(root, number))
    for address in devices:
        yield from _explain_device(address, made, policy, root)
    results = _results(number, made)
    for result in results:
        yield from explain_result(result)
    if not results:
        yield from explain_idle_interrupt(number, seen)
    if seen is not None and not any(address in made.frame.claimants for address in devices):
        yield from _explain_host_interrupt(seen, results, made, session)


def _explain_holds(target: Target, made: Pass, session: Session) -> Iterator[Rule]:
    """Give the holds that cover a target, and what waits for their end; none where nothing is held."""
    if not made.holds or isinstance(target, Cpu):
        return
    pairs = set(_owned(target, made, session.root))
    names = {str(uuid): guest.guest.name for uuid, guest in made.guests.items()}
    held = [hold for hold in made.holds if any(hold.covers(guest, device) for guest, device in pairs)]
    deferred = session.store.peek(logs=False).deferred
    devices = {device for _, device in pairs}
    waiting = {
        irq: row
        for irq, row in deferred.items()
        if (irq.number == target if isinstance(target, int) else irq.device in devices)
    }
    yield from explain_holds(held, made.time, names, waiting)


def _owned(target: Owned, made: Pass, root: HostRoot) -> Iterator[tuple[GuestId | None, PciAddress]]:
    """Give the devices of a target, each with the guests that have it; a guest without one has none of them."""
    if isinstance(target, str):
        yield from ((target, address) for address in {NO_DEVICE, *(c.address for c in made.guests[target].claims)})
        return
    addresses = [target] if isinstance(target, PciAddress) else devices_of_interrupt(root, target) or [NO_DEVICE]
    for address in addresses:
        guests = holders(made.guests, address)
        yield from ((uuid, address) for uuid in guests)
        yield from () if guests else [(None, address)]


def _results(number: int, made: Pass) -> list[Result]:
    """Return what would be done with an interrupt, a guest's or the host's."""
    hosts = () if made.isolated is None else made.isolated.results
    return [result for result in (*made.outcome.results, *hosts) if result.action.number == number]


def _explain_host_interrupt(seen: Interrupt, results: Sequence[Result], made: Pass, session: Session) -> Iterator[Rule]:
    """Give what isolation makes of an interrupt that no guest has; `results` say what would be done with it."""
    root, policy = session.root, session.settings.policy
    device = find_owners(root, {seen.number}).get(seen.number, Owner(NO_DEVICE)).device
    driver = None if device == NO_DEVICE else driver_of(root, device)
    found = HostInterrupt(seen._replace(action=action_name(root, seen.number)), device, driver)
    state = session.store.peek()
    record = state.records.get(device, {}).get(seen.number)
    hosts = record if record is not None and record.owner == HOST else None
    kept = find_kept(made.frame.occupancy, made.guests.values(), policy.dedicated_cpus)
    trouble = _find_trouble(results, made)
    fixed = find_fixed(found, state.fixed)
    yield from explain_isolation(found, kept, _names(made), policy.isolation, hosts, trouble, fixed)


def _names(made: Pass) -> dict[GuestId, str]:
    """Return the names of all guests."""
    return {uuid: guest.guest.name for uuid, guest in made.guests.items()}


def _find_trouble(results: Sequence[Result], made: Pass) -> str | None:
    """Return why an interrupt of the host stays although it should leave, None where nothing is in the way."""
    for result in results:
        if result.verdict in FAILED:
            return result.message or result.verdict.sentence
        if result.verdict is Verdict.HELD:
            return "a hold keeps it where it is"
    return None if made.isolated is None else made.isolated.trouble


def _explain_device(address: PciAddress, made: Pass, policy: Policy, root: HostRoot) -> Iterator[Rule]:
    """Give the rules of a device and of each guest that has it."""
    claimants = sorted(holders(made.guests, address))
    for uuid in claimants:
        yield from _explain_guest(uuid, made, policy)
        yield from _explain_device_of(uuid, address, made, policy)
    if not claimants:
        known = made.draft.devices.get(address)
        device = known if known is not None else read_device(root, address, Details())
        released = [result for result in made.outcome.results if result.action.device == address]
        handled = made.draft.work.handled.get(address)
        records = {} if handled is None else handled.records
        yield from explain_free_device(device, made.frame.topology, records, released)


def _explain_guest(uuid: GuestId, made: Pass, policy: Policy) -> Iterator[Rule]:
    decision, guest = made.draft.decisions[uuid], _readable(uuid, made)
    yield from explain_guest(decision.guest, guest, decision.devices, judge_vcpus(guest, made, policy), policy)


def _explain_device_of(uuid: GuestId, address: PciAddress, made: Pass, policy: Policy) -> Iterator[Rule]:
    guest = _readable(uuid, made)
    if guest is None:
        yield from explain_device_of_unreadable(address)
    for plan in made.draft.decisions[uuid].devices:
        if plan.address == address:
            yield from explain_device(plan, made.draft.devices[address], guest, made.frame.topology, policy)


def judge_vcpus(guest: Guest | None, made: Pass, policy: Policy) -> Callable[[int], str | None]:
    """Return a function that returns, for a vCPU of the guest, why it is not dedicated, None where it is."""
    if guest is None:
        return lambda _vcpu: None
    return lambda vcpu: refuse_vcpu(guest, vcpu, made.frame.occupancy, policy.dedicated_cpus)


def _readable(uuid: GuestId, made: Pass) -> Guest | None:
    """Return the guest as its domain describes it, None where that cannot be read."""
    guest = made.guests[uuid].guest
    return guest if isinstance(guest, Guest) else None
