# SPDX-License-Identifier: Apache-2.0
"""Tells the log of a pass: a line for each guest that changed, and in detail a line for each interrupt."""

import logging
from collections import defaultdict
from collections.abc import Mapping

from irqaffinity.model.action import Action
from irqaffinity.model.host import Device
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import State
from irqaffinity.model.text import counted
from irqaffinity.model.verdict import Verdict
from irqaffinity.report.outcome import Outcome

LOG = logging.getLogger(__name__)

_CHANGED = frozenset({Verdict.SET, Verdict.PENDING})


def log_outcome(outcome: Outcome) -> None:
    """Log what a pass did: nothing at INFO when nothing changed."""
    if LOG.isEnabledFor(logging.INFO):
        _log_changes(outcome)
    if LOG.isEnabledFor(logging.DEBUG):
        _log_each(outcome)


def log_forgotten(before: State, after: State, devices: Mapping[PciAddress, Device]) -> None:
    """Warn of each interrupt that is not given back because somebody else has moved it since: it is forgotten now."""
    for address, records in before.records.items():
        kept = after.records.get(address, {})
        for interrupt in devices[address].interrupts:
            record = records.get(interrupt.number)
            if record is not None and interrupt.number not in kept and interrupt.writable:
                LOG.warning(
                    "guest %s: %s irq %d is left as it is: it has %s, and not the %s that was written",
                    record.owner,
                    address,
                    interrupt.number,
                    interrupt.smp,
                    record.written,
                )


def _log_changes(outcome: Outcome) -> None:
    moved: dict[str, list[Action]] = defaultdict(list)
    for result in outcome.results:
        if result.verdict in _CHANGED and result.action.current != result.asked:
            moved[result.action.owner].append(result.action)
    for owner, actions in sorted(moved.items()):
        devices = ", ".join(sorted({str(action.device) for action in actions}))
        LOG.info("guest %s: moved %s of %s", owner, counted(len(actions), "interrupt"), devices)


def _log_each(outcome: Outcome) -> None:
    for guest in outcome.guests:
        LOG.debug("guest %s: %s %s", guest.uuid, guest.status.value, guest.message or f"on CPUs {guest.irq_pcpus}")
    for device in outcome.devices:
        LOG.debug("guest %s: %s: target %s %s", device.guest, device.address, device.target, device.message or "")
    for result in outcome.results:
        action = result.action
        LOG.debug(
            "guest %s: %s irq %d: had %s, belongs on %s, has %s, effective %s: %s",
            action.owner,
            action.device,
            action.number,
            action.current,
            result.asked,
            result.smp,
            result.effective,
            result.message or result.verdict.value,
        )
