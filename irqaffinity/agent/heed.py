# SPDX-License-Identifier: Apache-2.0
"""Decides from the wake-ups which guests the agent looks at, and how soon."""

from irqaffinity.guests.life import Life
from irqaffinity.guests.watch import Patience
from irqaffinity.listen.queue import Wakes
from irqaffinity.observe.meanings import holders
from irqaffinity.passes.auditor import Auditor


def heed(wakes: Wakes, auditor: Auditor, patience: Patience, now: float) -> None:
    """Have each guest watched to which something happened: at once, unless it has had too many events lately."""
    with auditor.lock:
        guests = auditor.guests
        remasked = [uuid for uuid, specs in wakes.specs.items() if auditor.remember(uuid, specs)]
        asking = {uuid: now for uuid in remasked if uuid in guests}
        for device, at in wakes.devices.items():
            auditor.doubt(device)
            asking |= dict.fromkeys(holders(guests, device), at)
        for uuid, at in (asking | wakes.guests).items():
            life = auditor.lives.of(uuid)
            _wake(life, at)
            life.wake(patience, now, asks=True, is_prompt=life.pace.follows_event(now))
        for uuid, at in wakes.births.items():  # they had their credit when they were born
            life = auditor.lives.of(uuid)
            _wake(life, at)
            life.wake(patience, now, asks=False)
        for uuid in wakes.placed:
            auditor.lives.of(uuid).confirm(now)


def _wake(life: Life, at: float) -> None:
    life.waiting_since = at if life.waiting_since is None else life.waiting_since
    life.backoff.lift()
