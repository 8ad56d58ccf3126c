# SPDX-License-Identifier: Apache-2.0
"""What a relay counts, and how it is, for the log, systemd and the metrics."""

from collections import Counter
from dataclasses import dataclass, field

from irqaffinity.relay.route import Fate


@dataclass
class Counters:
    """Counts since the relay started. Only its own thread changes them; the keys are all there from the start.

    `messages` are what came, by fate; `confirmed` and `refused` are the copies that the broker took and did not take.
    `unconfirmed` is how many copies are under way, `waiting` how many messages stood in the queue when it was last
    asked, None while nobody can ask. `is_active` tells that this one of the relays gets the messages: it is known from
    the first message on, and holds until the connection breaks. `blocked` is why the broker takes nothing, None while
    it does.
    """

    messages: Counter[Fate] = field(default_factory=lambda: Counter(dict.fromkeys(Fate, 0)))
    confirmed: int = 0
    refused: int = 0
    unconfirmed: int = 0
    waiting: int | None = None
    is_active: bool = False
    blocked: str | None = None

    def disconnect(self) -> None:
        """Forget what holds for a connection alone."""
        self.unconfirmed, self.waiting, self.is_active, self.blocked = 0, None, False, None
