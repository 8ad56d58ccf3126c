# SPDX-License-Identifier: Apache-2.0
"""The counts and the state of a relay, for the log, systemd and the metrics."""

from collections import Counter
from dataclasses import dataclass, field

from irqaffinity.relay.route import Fate


@dataclass
class Counters:
    """Counts since the relay started. Only its own thread changes them; the keys are all there from the start.

    `messages` counts those that came, by fate; `confirmed` and `refused` the copies that the broker took and refused.
    `unconfirmed` is how many copies are under way. `waiting` is how many messages stood in the queue when the relay
    last asked, None while it cannot ask. `is_active` is true from the first message on until the connection breaks: of
    all relays this one gets the messages. `blocked` is why the broker takes nothing, None while it takes messages.
    """

    messages: Counter[Fate] = field(default_factory=lambda: Counter(dict.fromkeys(Fate, 0)))
    confirmed: int = 0
    refused: int = 0
    unconfirmed: int = 0
    waiting: int | None = None
    is_active: bool = False
    blocked: str | None = None

    def disconnect(self) -> None:
        """Reset what is true for one connection only."""
        self.unconfirmed, self.waiting, self.is_active, self.blocked = 0, None, False, None
