# SPDX-License-Identifier: Apache-2.0
"""Plans actions for guests as they were seen, in the order of the rules: the guest, its devices, their interrupts."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from irqaffinity.model.action import Action
from irqaffinity.model.guest import GuestId, UnreadableGuest
from irqaffinity.model.host import Device, SeenGuest
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Changes, Fixed, Record, State
from irqaffinity.plan.dedicated import find_dedicated
from irqaffinity.plan.distribute import Share, share_out
from irqaffinity.plan.frame import Frame
from irqaffinity.plan.guests import GuestPlan, plan_guest, plan_unreadable
from irqaffinity.plan.place import Births, Handled, place_device
from irqaffinity.plan.policy import Policy, Scope
from irqaffinity.plan.release import Holding, release_device, reset_device
from irqaffinity.plan.targets import DevicePlan, plan_device


@dataclass(frozen=True, slots=True)
class Work:
    """What a pass has to do, by device, and what it stores in the state before the first write.

    `planned` are the devices that a guest of the pass has.
    """

    handled: Mapping[PciAddress, Handled]
    changes: Changes
    planned: frozenset[PciAddress] = frozenset()

    def actions(self) -> Mapping[GuestId, list[Action]]:
        """Return all actions by the guest that they are or were done for, each guest's by the interrupt's number."""
        by_owner: dict[GuestId, list[Action]] = defaultdict(list)
        for action in sorted((action for each in self.handled.values() for action in each.actions), key=_number):
            by_owner[action.owner].append(action)
        return by_owner


Devices = Mapping[PciAddress, Device]
"""Devices as they were read, by address."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for a guest, for each of its devices that was read (by address), and for what is placed."""

    guest: GuestPlan
    devices: tuple[DevicePlan, ...]
    placed: Mapping[PciAddress, Handled]


def decide(frame: Frame, seen: SeenGuest, devices: Devices, state: State, policy: Policy) -> Decision:
    """Decide which vCPUs serve a guest, where its devices belong, and what that means for each interrupt.

    The same arguments always give the same decision.
    """
    if isinstance(seen.guest, UnreadableGuest):
        return Decision(plan_unreadable(seen.guest, seen.left_out), (), {})
    dedication = find_dedicated(seen.guest, frame.occupancy, policy.dedicated_cpus)
    guest = plan_guest(seen.guest, dedication, seen.claims, seen.left_out, policy, state.extra_specs)
    plans = tuple(
        plan_device(
            claim,
            devices[claim.address],
            seen.guest,
            guest,
            claimants_of(frame, claim.address, state),
            frame.topology,
            policy,
        )
        for claim in sorted(seen.claims, key=lambda claim: claim.address)
        if claim.address in devices
    )
    return Decision(guest, plans, dict(_place(frame, seen.guest.uuid, plans, devices, state)))


def claimants_of(frame: Frame, address: PciAddress, state: State) -> frozenset[GuestId]:
    """Return the guests of a device. An unreadable guest counts if it claimed the device, or a record names it."""
    claimants = frame.claimants.get(address, frozenset())
    if not frame.unreadable:
        return claimants
    moved_for = {record.owner for record in state.records.get(address, {}).values()}
    return claimants | (frame.unreadable & moved_for)


def _place(
    frame: Frame, owner: GuestId, plans: Iterable[DevicePlan], devices: Devices, state: State
) -> Iterable[tuple[PciAddress, Handled]]:
    """Give the interrupts of each device that has a target. The devices that are spread over the same
    target have ranks.
    """
    ranks: Counter[object] = Counter()
    births = Births(state.default, frame.topology)
    for plan in plans:
        if plan.target is None:
            continue
        device, records = devices[plan.address], state.records.get(plan.address, {})
        shares: dict[int, Share] = {}
        if plan.is_spread:
            shares = share_out(device.interrupts, plan.order, ranks[plan.target], records)
            ranks[plan.target] += 1
        yield plan.address, place_device(device, owner, plan.target, shares, records, state.fixed, births)


def combine(
    frame: Frame,
    decisions: Mapping[GuestId, Decision],
    devices: Devices,
    state: State,
    scope: Scope,
    unchanged: Collection[GuestId] = (),
) -> Work:
    """Return what is to be done with the `devices` that `scope` covers: placed, kept or given back.

    `decisions` has one for each guest with one of these devices; those of `unchanged` guests need no action.
    """
    placed = {
        address: handled
        for uuid, decision in decisions.items()
        if uuid not in unchanged
        for address, handled in decision.placed.items()
        if scope.covers(uuid, address)
    }
    handled = {**placed, **_release(frame, decisions.values(), devices, state, scope)}
    planned = frozenset(
        plan.address
        for uuid, decision in decisions.items()
        for plan in decision.devices
        if scope.covers(uuid, plan.address)
    )
    return Work(handled, _changes(frame, handled, devices, state), planned)


def _release(
    frame: Frame, decisions: Iterable[Decision], devices: Devices, state: State, scope: Scope
) -> Mapping[PciAddress, Handled]:
    """Return what to do with the records of devices without a target."""
    holdings: dict[PciAddress, list[Holding]] = {}
    served: set[PciAddress] = set()
    for decision in decisions:
        for plan in decision.devices:
            holdings.setdefault(plan.address, []).append(Holding(decision.guest, plan))
        served |= decision.placed.keys()
    return {
        address: release_device(frame, device, state.records[address], holdings.get(address, ()), scope)
        for address, device in devices.items()
        if address not in served and address in state.records
    }


def reset(frame: Frame, devices: Devices, state: State) -> Work:
    """Return the work that gives back every interrupt that was moved for a guest, whoever has it now."""
    handled = {
        address: reset_device(frame, device, state.records[address])
        for address, device in devices.items()
        if address in state.records
    }
    return Work(handled, _changes(frame, handled, devices, state))


def _changes(frame: Frame, handled: Mapping[PciAddress, Handled], devices: Devices, state: State) -> Changes:
    return Changes(records_changed(handled, state), _fixed_ended(frame, state.fixed, devices))


def records_changed(handled: Mapping[PciAddress, Handled], state: State) -> Mapping[IrqId, Record | None]:
    """Return the records of these devices that are new or changed, None for those to delete."""
    changed: dict[IrqId, Record | None] = {}
    for address, each in handled.items():
        before = state.records.get(address, {})
        for number, record in each.records.items():
            if before.get(number) is not record and before.get(number) != record:
                changed[IrqId(address, number)] = record
        for number in before.keys() - each.records.keys():
            changed[IrqId(address, number)] = None
    return changed


def _fixed_ended(frame: Frame, fixed: Mapping[IrqId, Fixed], devices: Devices) -> Mapping[IrqId, None]:
    """Return the interrupts that may be movable again, or are gone.

    An interrupt stays immovable while a guest has its device, which lists the same number and name if it can be read.
    Those of the host are no concern of guests' placement until a guest has the device.
    """
    return {irq: None for irq, known in fixed.items() if not _still_holds(frame, irq, known, devices)}


def _still_holds(frame: Frame, irq: IrqId, known: Fixed, devices: Devices) -> bool:
    device, is_claimed = devices.get(irq.device), irq.device in frame.claimants
    if device is None or (known.is_hosts and not is_claimed):
        return known.is_hosts or is_claimed
    listed = ((seen.number, seen.action or "") for seen in device.interrupts)
    return device.trouble is not None or (irq.number, known.action) in listed


def _number(action: Action) -> int:
    return action.number
