# SPDX-License-Identifier: Apache-2.0
"""From a snapshot of the host to a sorted list of actions."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

from irqaffinity.model.action import Action
from irqaffinity.model.guest import Guest, GuestId
from irqaffinity.model.host import Device, HostSnapshot
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Fixed, Record, State
from irqaffinity.plan.dedicated import Occupancy, find_dedicated, refuse_vcpu, survey
from irqaffinity.plan.distribute import share_out
from irqaffinity.plan.guests import GuestPlan, plan_guest, plan_unreadable
from irqaffinity.plan.place import Handled, place_device
from irqaffinity.plan.policy import Distribution, Policy, Scope
from irqaffinity.plan.release import release_device
from irqaffinity.plan.targets import EXCLUDED_BY_CONFIGURATION, DevicePlan, plan_device


@dataclass(frozen=True, slots=True)
class Plan:
    """Guests by uuid, devices by address, actions by number; and the state as it has to be before the first write."""

    guests: tuple[GuestPlan, ...]
    devices: tuple[DevicePlan, ...]
    actions: tuple[Action, ...]
    state: State


def make_plan(snapshot: HostSnapshot, policy: Policy, state: State, scope: Scope = Scope()) -> Plan:
    """Decide the place of every interrupt; of what is outside `scope`, nothing is written, given back or reported.

    The same arguments always give the same plan. Of devices that `snapshot` does not hold, the records stay.
    """
    guests = {plan.uuid: plan for plan in _plan_guests(snapshot, policy, state, scope)}
    plans = _plan_devices(snapshot, policy, state, guests)
    plans_of = defaultdict(list)
    for plan in plans:
        plans_of[plan.address].append(plan)
    ranks = _rank_devices(plans)
    unknown = snapshot.unsure.union(guest.uuid for guest in snapshot.unreadable)
    held = {claim.address for uuid in unknown for claim in snapshot.claims.get(uuid, ())}

    def handle(address: PciAddress) -> Handled:
        device, records, claims = snapshot.devices[address], state.records.get(address, {}), plans_of[address]
        for plan in claims:
            if plan.target is not None and plan.guest is not None and scope.covers(plan.guest, address):
                spread = policy.distribution is Distribution.SPREAD
                shares = share_out(device.interrupts, plan.order, ranks[address], records) if spread else {}
                return place_device(device, plan.guest, plan.target, shares, records, state.fixed)

        def is_due(record: Record) -> bool:
            is_ours_to_judge = (
                scope.covers(record.owner, address) and record.owner not in unknown and address not in held
            )
            return is_ours_to_judge and all(_gives_back(plan, guests) for plan in claims)

        return release_device(device, records, is_due, snapshot.default_affinity, snapshot.topology.online)

    return _assemble(
        snapshot,
        {address: handle(address) for address in sorted(plans_of.keys() | state.records.keys() & snapshot.devices)},
        [plan for plan in plans if scope.covers(plan.guest, plan.address)],
        [plan for plan in guests.values() if _is_reported(plan, plans, scope)],
        state,
    )


def plan_reset(snapshot: HostSnapshot, state: State) -> Plan:
    """Give back every interrupt that `state` says was moved, whoever owns it now."""

    def handle(address: PciAddress) -> Handled:
        device, records = snapshot.devices[address], state.records[address]
        online = snapshot.topology.online
        return release_device(device, records, lambda _record: True, snapshot.default_affinity, online)

    return _assemble(snapshot, {address: handle(address) for address in sorted(state.records)}, [], [], state)


def _plan_guests(snapshot: HostSnapshot, policy: Policy, state: State, scope: Scope) -> Iterable[GuestPlan]:
    """Plan the guests that are reported and those that have one of the devices in the snapshot."""
    occupancy = _survey(snapshot, policy)
    readable = (
        plan_guest(
            guest,
            find_dedicated(guest, occupancy, policy.dedicated_cpus),
            snapshot.claims[guest.uuid],
            snapshot.left_out.get(guest.uuid, ()),
            policy,
            state.extra_specs,
        )
        for guest in snapshot.guests
        if scope.guest in (None, guest.uuid)
        or any(claim.address in snapshot.devices for claim in snapshot.claims[guest.uuid])
    )
    unreadable = (plan_unreadable(guest, snapshot.left_out.get(guest.uuid, ())) for guest in snapshot.unreadable)
    return sorted([*readable, *unreadable], key=lambda plan: plan.uuid)


def _survey(snapshot: HostSnapshot, policy: Policy) -> Occupancy:
    """Return who has which CPU; the pins of a guest that cannot be read count as they were last."""
    known = [guest.known for guest in snapshot.unreadable if guest.known is not None]
    return survey([*snapshot.guests, *known], policy.dedicated_cpus)


def judge_vcpus(guest: Guest | None, snapshot: HostSnapshot, policy: Policy) -> Callable[[int], str | None]:
    """Return what tells of each vCPU of `guest` why it is not dedicated, None where it is."""
    if guest is None:
        return lambda _vcpu: None
    occupancy = _survey(snapshot, policy)
    return lambda vcpu: refuse_vcpu(guest, vcpu, occupancy, policy.dedicated_cpus)


def _plan_devices(
    snapshot: HostSnapshot, policy: Policy, state: State, guests: Mapping[GuestId, GuestPlan]
) -> Sequence[DevicePlan]:
    claimants = _claimants(snapshot, state)
    plans = [
        plan_device(
            claim,
            snapshot.devices[claim.address],
            guest,
            guests[guest.uuid],
            claimants[claim.address],
            snapshot.topology,
            policy,
        )
        for guest in snapshot.guests
        for claim in snapshot.claims[guest.uuid]
        if claim.address in snapshot.devices
    ]
    return sorted(plans, key=lambda plan: (plan.address, plan.guest or ""))


def _claimants(snapshot: HostSnapshot, state: State) -> Mapping[PciAddress, Collection[GuestId]]:
    """Return the guests of each device. An unreadable one has what it had, and what was moved for it."""
    claimants: dict[PciAddress, set[GuestId]] = defaultdict(set)
    for uuid, claims in snapshot.claims.items():
        for claim in claims:
            claimants[claim.address].add(uuid)
    unreadable = {guest.uuid for guest in snapshot.unreadable}
    for address, records in state.records.items() if unreadable else ():
        claimants[address] |= unreadable.intersection(record.owner for record in records.values())
    return claimants


def _rank_devices(plans: Iterable[DevicePlan]) -> Mapping[PciAddress, int]:
    """Return the rank by address of each placed device among those of its guest with the same target."""
    seen: Counter[tuple[object, object]] = Counter()
    ranks = {}
    for plan in plans:
        if plan.target is not None:
            ranks[plan.address] = seen[plan.guest, plan.target]
            seen[plan.guest, plan.target] += 1
    return ranks


def _gives_back(plan: DevicePlan, guests: Mapping[GuestId, GuestPlan]) -> bool:
    """Tell whether a device that a guest still has is no longer to be served."""
    is_skipped = plan.guest is not None and guests[plan.guest].status.is_skipped
    return is_skipped or plan.reason in EXCLUDED_BY_CONFIGURATION


def _is_reported(guest: GuestPlan, devices: Iterable[DevicePlan], scope: Scope) -> bool:
    if scope.device is None:
        return scope.guest in (None, guest.uuid)
    return any(plan.guest == guest.uuid and scope.covers(plan.guest, plan.address) for plan in devices)


def _assemble(
    snapshot: HostSnapshot,
    handled: Mapping[PciAddress, Handled],
    devices: Sequence[DevicePlan],
    guests: Sequence[GuestPlan],
    state: State,
) -> Plan:
    listed = {plan.address for plan in devices}
    released = [
        DevicePlan(address, None, snapshot.devices[address].numa_node, snapshot.devices[address].driver)
        for address, device in handled.items()
        if device.actions and address not in listed
    ]
    actions = [action for device in handled.values() for action in device.actions]
    actions.sort(key=itemgetter(0))
    after = replace(
        state,
        records={
            **{address: records for address, records in state.records.items() if address not in handled},
            **{address: device.records for address, device in handled.items() if device.records},
        },
        fixed=_still_fixed(snapshot, state.fixed),
    )
    return Plan(
        guests=tuple(guests),
        devices=tuple(sorted([*devices, *released], key=lambda plan: plan.address)),
        actions=tuple(actions),
        state=after,
    )


def _still_fixed(snapshot: HostSnapshot, fixed: Mapping[IrqId, Fixed]) -> Mapping[IrqId, Fixed]:
    """Return what may still be true of the interrupts that could not be moved: same device, same number, same name.

    Those of a device that no guest has are forgotten.
    """
    claimed = {claim.address for claims in snapshot.claims.values() for claim in claims} if fixed else set()
    return {
        irq: known
        for irq, known in fixed.items()
        if ((device := snapshot.devices.get(irq.device)) is None and irq.device in claimed)
        or (device is not None and _is_still_there(device, irq.number, known))
    }


def _is_still_there(device: Device, number: int, known: Fixed) -> bool:
    """Tell whether a device still has an interrupt of this number and name, as far as it can be read."""
    listed = ((seen.number, seen.action or "") for seen in device.interrupts)
    return device.trouble is not None or (number, known.action) in listed
