# SPDX-License-Identifier: Apache-2.0
"""What goes on between this process and one irqbalance."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from irqaffinity.apply.irqbalance import BalancerGone, BalancerTrouble, Question
from irqaffinity.model.balance import Balancer, Balancing, Bans, Setup
from irqaffinity.model.isolation import Told
from irqaffinity.observe.balancers import is_stopped
from irqaffinity.observe.root import HostRoot
from irqaffinity.plan.balance import ROOMS, Order


class Known(NamedTuple):
    """What is known of an irqbalance: what the state says it was told, and what it has, or why that is not known."""

    balancer: Balancer
    told: Told | None
    bans: Bans | None = None
    trouble: str | None = None


@dataclass(slots=True)
class Talk:
    """A conversation; times are of the clock.

    `room` counts the lengths of lists that were too long for it. Where it `shows_at_once` which interrupts it was told,
    a list that was cut is sent again before the scan. An order that was `sent` shows at `due`; until it is
    known to be kept, `own` is what the irqbalance had of its own then.
    """

    balancer: Balancer
    question: Question | None = None
    asked: float = 0.0
    room: int = 0
    shows_at_once: bool = False
    sent: Order | None = None
    own: Bans = field(default_factory=Bans)
    due: float = -inf
    trouble: str | None = None

    def ask(self, root: HostRoot, patience: float, clock: Callable[[], float]) -> Setup | None:
        """Return what it has, None while it does not answer; raise BalancerGone and BalancerTrouble.

        So many seconds it waits only once: what comes later is taken by a later call.
        """
        is_new = self.question is None
        if self.question is None:
            if is_stopped(root, self.balancer.pid):
                raise BalancerTrouble(f"{self.balancer} is stopped, and is told once it goes on")
            self.question, self.asked = Question(self.balancer), clock()
        try:
            setup = self.question.answer(patience if is_new else 0.0)
        except BalancerTrouble:
            self.question = None
            raise
        if setup is not None:
            self.question = None
        return setup

    def know(self, told: Told | None, root: HostRoot, patience: float, clock: Callable[[], float]) -> Known | None:
        """Return what it has beside what it was told, None for one that has ended."""
        try:
            setup = self.ask(root, patience, clock)
        except BalancerGone:
            return None
        except BalancerTrouble as error:
            return Known(self.balancer, told, trouble=str(error))
        return Known(self.balancer, told, None if setup is None else setup.bans)

    def hear_out(self, seconds: float) -> None:
        """Wait so long for an answer that is still to come."""
        if self.question is not None:
            with contextlib.suppress(BalancerTrouble):
                self.question.answer(seconds)

    def learn(self, setup: Setup) -> None:
        """Note that lists as long as the last one are not kept, where it has another than it was sent."""
        if self.sent is None or setup.bans.irqs == self.sent.goal.irqs:
            return
        length = len(self.sent.irqs or "")
        self.room = next((room for room, most in enumerate(ROOMS) if room > self.room and most < length), self.room)

    def show(self, wish: Bans | None, bans: Bans, *, is_told: bool = False) -> Balancing:
        """Return how far it is while it has these bans; its own are not counted."""
        wished = wish or Bans()
        cpus, irqs = wished.cpus & bans.cpus, len(set(wished.irqs) & set(bans.irqs))
        whole = is_told and wish is not None and self.trouble is None
        trouble = None if self.trouble is None else f"{self.balancer}: {self.trouble}"
        return Balancing(self.balancer.pid, whole, cpus, irqs, trouble)
