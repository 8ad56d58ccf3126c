# SPDX-License-Identifier: Apache-2.0
"""Holds: which are in force, what each covers, and what is left of a plan under them."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from irqaffinity.model.action import Action
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.hold import Hold, Moment
from irqaffinity.model.host import Device
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Record, State
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.isolate import IsolationPlan
from irqaffinity.plan.place import Handled
from irqaffinity.plan.plan import Devices, Work, records_changed

_IMMOVABLE = frozenset({Verdict.MANAGED, Verdict.IMMOVABLE})
_LONG_AGO = datetime(1970, 1, 1, tzinfo=timezone.utc)


def make_hold(
    number: int,
    moment: Moment,
    until: datetime,
    reason: str,
    *,
    guest: GuestId | None = None,
    device: PciAddress | None = None,
    everything: bool = False,
) -> Hold:
    """Return a hold from now until then, in UTC; whole seconds are kept of both."""
    since, end = (at.astimezone(timezone.utc).replace(microsecond=0) for at in (moment.now, until))
    ends_at = moment.boot_time + (until - moment.now).total_seconds()
    return Hold(number, since, end, reason, moment.boot_id, ends_at, guest, device, everything)


def in_force(holds: Mapping[int, Hold], now: datetime, boot_id: str, boot_time: float) -> tuple[Hold, ...]:
    """Return the holds that are not over, by id."""
    return tuple(hold for _, hold in sorted(holds.items()) if seconds_left(hold, now, boot_id, boot_time) > 0)


def seconds_left(hold: Hold, now: datetime, boot_id: str, boot_time: float) -> float:
    """Return how long a hold lasts yet: by the boot clock in its boot, which nobody can set back, else by the date."""
    if boot_id and hold.boot_id == boot_id:
        return hold.ends_at - boot_time
    return (hold.until - now).total_seconds()


def end_hold(hold: Hold) -> Hold:
    """Return a hold that is over, by every clock and after every boot."""
    return replace(hold, until=_LONG_AGO, ends_at=0.0)


def is_ended(hold: Hold) -> bool:
    """Tell whether `end_hold` has ended it."""
    return hold.until == _LONG_AGO


def forget_ended(holds: Mapping[int, Hold], current: Iterable[Hold]) -> Mapping[int, Hold | None]:
    """Return what to store of holds that are not among the `current` ones.

    The last one of all stays, ended, so that its number is not given again: who lifts a hold by its number means no
    other one.
    """
    kept = {hold.id for hold in current}
    last = max(holds, default=0)
    over = (hold for number, hold in holds.items() if number not in kept)
    changes = {hold.id: end_hold(hold) if hold.id == last else None for hold in over}
    return {number: hold for number, hold in changes.items() if hold is None or hold != holds[number]}


def find_hold(holds: Iterable[Hold], guest: GuestId | None, device: PciAddress) -> Hold | None:
    """Return the first of the holds that covers a device's interrupts, which a guest has, or HOST or None."""
    owner = None if guest == HOST else guest
    return next((hold for hold in holds if hold.covers(owner, device)), None)


def name_hold(hold: Hold) -> str:
    """Return a hold for people: its number, why it is there, and until when."""
    return f"hold {hold.id} ({hold.reason}) until {hold.until:%Y-%m-%dT%H:%M:%SZ}"


def hold_work(work: Work, holds: Sequence[Hold], devices: Devices, state: State) -> Work:
    """Return the work without what the holds forbid: see `hold_device`."""
    if not holds:
        return work
    handled = {
        address: hold_device(each, devices[address], state.records.get(address, {}), state.fixed, holds)
        for address, each in work.handled.items()
    }
    changes = replace(work.changes, records=records_changed(handled, state))
    return replace(work, handled=handled, changes=changes)


def hold_device(
    handled: Handled,
    device: Device,
    before: Mapping[int, Record],
    fixed: Container[IrqId],
    holds: Sequence[Hold],
) -> Handled:
    """Return what is to be done with a device of guests under the holds; `before` are its records in the state.

    An interrupt with a record was placed: it stays where it is, and so does its record, unless it is in place already,
    or cannot be moved. Without a record it gets its first place, unless the hold is on everything. A record that is
    dead goes as ever: the device does not list the number any more, or has another driver.
    """
    records, actions = dict(handled.records), []
    living = {number: record for number, record in before.items() if record.driver == device.driver}
    for action in handled.actions:
        known, is_in_place = living.get(action.number), action.current == action.target
        hold = _find(holds, action, known)
        if hold is None or not _would_move(action) or (is_in_place and not action.is_release):
            actions.append(action)
            continue
        if not is_in_place:
            actions.append(_held(action, hold))
        if known is None:
            records.pop(action.number, None)
        else:
            records[action.number] = known
    return Handled({**_remembered(device, living, fixed, holds), **records}, actions)


def _remembered(
    device: Device, living: Mapping[int, Record], fixed: Container[IrqId], holds: Sequence[Hold]
) -> Mapping[int, Record]:
    """Return the records that no plan may forget while a hold is in force: it would count as never placed then."""
    return {
        interrupt.number: record
        for interrupt in device.interrupts
        if (record := living.get(interrupt.number)) is not None
        and interrupt.writable
        and IrqId(device.address, interrupt.number) not in fixed
        and find_hold(holds, record.owner, device.address) is not None
    }


def hold_isolation(plan: IsolationPlan, holds: Sequence[Hold], state: State) -> IsolationPlan:
    """Return what is to be done with the host's own interrupts under the holds: those that one covers are not moved.

    Their records stay as they are. One that was born with the narrowed default affinity is known by that alone, so it
    gets its record all the same, with what it has as the last value written.
    """
    actions, records = list[Action](), dict(plan.changes.records)
    for action in plan.actions:
        hold = find_hold(holds, HOST, action.device)
        if hold is None or not _would_move(action) or action.current == action.target:
            actions.append(action)
            continue
        actions.append(_held(action, hold))
        new, known = records.pop(action.irq, None), state.records.get(action.device, {}).get(action.number)
        if known is not None and (known.driver != action.driver or known.action not in (None, action.handler)):
            records[action.irq] = known = None
        if new is not None and known is None and new.original != action.current and action.current is not None:
            records[action.irq] = replace(new, written=action.current, previous=None)
    return plan._replace(actions=actions, changes=replace(plan.changes, records=records))


def _find(holds: Sequence[Hold], action: Action, known: Record | None) -> Hold | None:
    """Return the hold that an action has to wait for; the first placement waits for one on everything alone.

    With a guest end the interrupts that vfio had for it: those of the next guest are others.
    """
    is_placed = known is not None and (known.owner in (action.owner, HOST) or "vfio" not in (action.driver or ""))
    return find_hold(holds if is_placed else [hold for hold in holds if hold.everything], action.owner, action.device)


def _would_move(action: Action) -> bool:
    """Tell whether an action is about an interrupt that can be moved, as far as anybody knows."""
    return action.current is not None and action.foregone not in _IMMOVABLE


def _held(action: Action, hold: Hold) -> Action:
    return action._replace(foregone=Verdict.HELD, message=f"stays where it is: {name_hold(hold)}", hold=hold.id)
