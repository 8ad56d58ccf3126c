# SPDX-License-Identifier: Apache-2.0
"""Holds from one pass to the next: those in force, and how they come and go in the state."""

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.hold import Deferred, Hold, Moment
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.record import Changes, State
from irqaffinity.model.verdict import Cause
from irqaffinity.observe.moment import read_moment
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import Details, read_device
from irqaffinity.plan.hold import find_hold, forget_ended, in_force, make_hold, name_hold
from irqaffinity.state.folder import StateError
from irqaffinity.state.store import Keeper

LOG = logging.getLogger(__name__)


class HoldInForce(Exception):
    """Holds forbid what was asked for; str() names them and the next step."""


class Holds:
    """The holds in force; the same tuple for as long as they are the same. The caller makes no other pass meanwhile."""

    def __init__(self, root: HostRoot, read: Callable[[HostRoot], Moment] = read_moment, *, logs: bool = False) -> None:
        """`read` returns what the clocks say; it is asked only where there is a hold. Log each hold if it `logs`."""
        self._root = root
        self._read = read
        self._logs = logs
        self._current: tuple[Hold, ...] = ()

    def current(self, state: State) -> tuple[Hold, ...]:
        """Return the holds in force, by id."""
        found = in_force(state.holds, *self._read(self._root)) if state.holds else ()
        if found != self._current:
            if self._logs:
                _log_changes(self._current, found)
            self._current = found
        return self._current

    def cover_host(self, state: State) -> bool:
        """Tell whether the whole host is held."""
        return find_hold(self.current(state), HOST, NO_DEVICE) is not None

    def forget_ended(self, state: State, save: Callable[[Changes], None]) -> None:
        """Have the state forget the holds that are over; where that cannot be stored, a later call does it."""
        if state.holds and (changes := forget_ended(state.holds, self.current(state))):
            with contextlib.suppress(StateError):
                save(Changes(holds=changes))

    def require_none(self, state: State) -> None:
        """Raise HoldInForce where there is one."""
        current = self.current(state)
        if current:
            names = ", ".join(map(name_hold, current))
            them = "it" if len(current) == 1 else "them"
            raise HoldInForce(f"{names}: lift {them} first with irqaffinity unhold, or use --force")


def find_drift(root: HostRoot, state: State, holds: Sequence[Hold], now: datetime) -> Mapping[IrqId, Deferred]:
    """Return what somebody has moved under these holds and no full pass has noted, as a pass would note it.

    Raises HostUnreadable.
    """
    found = {}
    for address, records in state.records.items():
        if address == NO_DEVICE or not any(find_hold(holds, record.owner, address) for record in records.values()):
            continue
        device = read_device(root, address, Details())
        for interrupt in device.interrupts:
            irq, record = IrqId(address, interrupt.number), records.get(interrupt.number)
            if record is None or record.driver != device.driver or irq in state.deferred:
                continue
            hold = find_hold(holds, record.owner, address)
            if hold is not None and interrupt.smp is not None and not record.accounts_for(interrupt.smp):
                row = Deferred(record.owner, interrupt.smp, record.written, now, 1, Cause.DRIFT, hold.id)
                found[irq] = row
    return found


def _log_changes(before: tuple[Hold, ...], now: tuple[Hold, ...]) -> None:
    for hold in now:
        if hold not in before:
            named = (f"guest {hold.guest}" if hold.guest else None, f"device {hold.device}" if hold.device else None)
            scope = next((each for each in named if each is not None), "the whole host")
            LOG.info("%s is in force for %s", name_hold(hold), scope)
    for hold in before:
        if hold not in now:
            LOG.info("hold %d (%s) is over", hold.id, hold.reason)


def add_hold(
    keeper: Keeper,
    moment: Moment,
    until: datetime,
    reason: str,
    *,
    guest: GuestId | None = None,
    device: PciAddress | None = None,
    everything: bool = False,
) -> Hold:
    """Store a new hold, and return it; raise StateError.

    It waits for the end of a pass that runs, and every later pass finds the hold.
    """
    with keeper.exclusive():
        number = max(keeper.load().holds, default=0) + 1
        hold = make_hold(number, moment, until, reason, guest=guest, device=device, everything=everything)
        keeper.save(Changes(holds={number: hold}))
    return hold


def lift_holds(keeper: Keeper, moment: Moment, is_meant: Callable[[Hold], bool]) -> tuple[Hold, ...]:
    """End the holds in force that are meant, and return them, by id; raise StateError."""
    with keeper.exclusive():
        holds = keeper.load().holds
        current = in_force(holds, *moment)
        lifted = tuple(hold for hold in current if is_meant(hold))
        kept = [hold for hold in current if hold not in lifted]
        if lifted:
            keeper.save(Changes(holds=forget_ended(holds, kept)))
    return lifted
