# SPDX-License-Identifier: Apache-2.0
"""Decides after a pass which guests the agent goes on watching."""

from collections.abc import Iterable

from irqaffinity.agent.counters import Counters
from irqaffinity.guests.drift import Drift
from irqaffinity.guests.life import Life, Lives
from irqaffinity.guests.watch import AGAIN, Patience
from irqaffinity.model.guest import UnreadableGuest
from irqaffinity.report.outcome import Part

FIGHT_PAUSE = 60.0
"""Seconds between two repairs of an interrupt that another program moves again and again."""


def repair(drifts: Iterable[Drift], lives: Lives, counters: Counters) -> None:
    """Count the interrupts that were put back; leave those alone for a while that another program keeps moving."""
    for drift in drifts:
        counters.drifts += 1
        if drift.is_fight:
            counters.fights += 1
            lives.of(drift.owner).backoff.hold(drift.irq, drift.belongs, FIGHT_PAUSE)


def attend(life: Life, part: Part | None, patience: Patience, now: float) -> float | None:
    """Take a pass's results for a guest, None where they are unchanged, and watch the guest on or no longer.

    Return how many seconds the guest had waited where the pass moved an interrupt of it, else None. A guest of which
    the pass found a new interrupt is watched: more may follow.
    """
    was_written = part is not None and any(result.was_written for result in part.results)
    waited = now - life.waiting_since if was_written and life.waiting_since is not None else None
    if waited is not None:
        life.waiting_since = None
    has_changed, has_grown = (False, False) if part is None else life.notice(part.results)
    if life.watch is not None:
        _go_on(life, patience, now, has_changed=was_written or has_changed)
    elif has_grown and life.seen is not None:
        life.wake(patience, now, asks=False)
    return waited


def _go_on(life: Life, patience: Patience, now: float, *, has_changed: bool) -> None:
    """Watch a guest on, or no longer: there is nothing to wait for in a guest whose devices are not placed."""
    if life.watch is None:
        return
    if life.seen is not None and isinstance(life.seen.guest, UnreadableGuest):
        is_over = life.watch.postpone(patience, now + AGAIN, asks=True)
    elif life.seen is not None and life.is_placed:
        is_over = life.watch.saw(patience, now, changed=has_changed, complete=life.is_complete)
    else:
        is_over = True
    if is_over:
        life.rest()
