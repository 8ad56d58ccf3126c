# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity explain IRQ|ADDRESS|UUID`."""

import argparse
from collections.abc import Iterator, Sequence

from irqaffinity.audit import Pass
from irqaffinity.cli.main import CommandError
from irqaffinity.cli.output import say
from irqaffinity.cli.session import Session, explained
from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.procfs import read_interrupt
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import action_name, device_folder, owner_of_interrupt
from irqaffinity.plan.guests import GuestPlan
from irqaffinity.plan.plan import judge_vcpus
from irqaffinity.plan.policy import Policy
from irqaffinity.plan.targets import DevicePlan
from irqaffinity.report.explain import Rule, explain_device, explain_guest, explain_result, find_guest, render_rules


def run(arguments: argparse.Namespace) -> int:
    """Print the rules that lead to the place of an interrupt, a device or a guest; write nothing."""
    session = Session.open(arguments)
    with explained():
        made = session.auditor.rehearse()
        rules = list(_explain(arguments.target, made, session.settings.policy, session.root))
    say(render_rules(rules))
    return 0


def _explain(target: int | PciAddress | str, made: Pass, policy: Policy, root: HostRoot) -> Iterator[Rule]:
    if isinstance(target, int):
        yield from _explain_interrupt(target, made, policy, root)
    elif isinstance(target, PciAddress):
        yield from _explain_device(target, made, policy, root)
    else:
        guest = next((plan for plan in made.plan.guests if plan.uuid == target), None)
        if guest is None:
            raise CommandError(f"no active guest has the uuid {target}; virsh list --uuid shows those that there are")
        yield from _explain_guest(guest, made, policy)
        for plan in made.plan.devices:
            if plan.guest == target:
                yield from explain_device(plan, made.snapshot.devices[plan.address], made.snapshot.topology, policy)


def _explain_guest(plan: GuestPlan, made: Pass, policy: Policy) -> Iterator[Rule]:
    guest = find_guest(made.snapshot, plan)
    yield from explain_guest(plan, guest, judge_vcpus(guest, made.snapshot, policy), policy)


def _explain_interrupt(number: int, made: Pass, policy: Policy, root: HostRoot) -> Iterator[Rule]:
    seen = read_interrupt(root, number)
    if seen is None:
        raise CommandError(f"there is no interrupt {number}: {root.irq_folder(number)} does not exist")
    results = [result for result in made.outcome.results if result.action.number == number]
    address = results[0].action.device if results else owner_of_interrupt(root, number)
    if address is None:
        name = action_name(root, number) or "no handler"
        yield f"irq {number}", f"of no PCI device ({name}), smp_affinity_list {seen.smp}: never touched"
        return
    yield from _explain_device(address, made, policy, root)
    for result in results:
        yield from explain_result(result)
    if not results:
        yield f"irq {number}", f"smp_affinity_list {seen.smp}: left as it is"


def _explain_device(address: PciAddress, made: Pass, policy: Policy, root: HostRoot) -> Iterator[Rule]:
    plans: Sequence[DevicePlan] = [plan for plan in made.plan.devices if plan.address == address]
    if not plans:
        if not root.exists(device_folder(root, address)):
            raise CommandError(f"there is no PCI device {address}: {device_folder(root, address)} does not exist")
        yield "device", f"{address}: no active guest has it, so its interrupts are never touched"
    for plan in plans:
        for guest in made.plan.guests:
            if guest.uuid == plan.guest:
                yield from _explain_guest(guest, made, policy)
        yield from explain_device(plan, made.snapshot.devices[address], made.snapshot.topology, policy)
