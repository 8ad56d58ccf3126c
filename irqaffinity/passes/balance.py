# SPDX-License-Identifier: Apache-2.0
"""Keeps what irqbalance was told in step with what guests have, and with the state, which knows it beforehand."""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from math import inf
from typing import NamedTuple

from irqaffinity.apply.irqbalance import BalancerGone, BalancerTrouble, tell
from irqaffinity.model.balance import Balancer, Balancing, Bans, Setup
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.hold import Moment
from irqaffinity.model.isolation import Told
from irqaffinity.model.record import Changes, State
from irqaffinity.observe.balancers import can_miss, find_balancers, find_folder, find_others
from irqaffinity.observe.moment import read_moment
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.topology import read_online
from irqaffinity.passes.holds import Holds
from irqaffinity.passes.talk import Known, Talk
from irqaffinity.plan.balance import ROOMS, Order, confirm, decide, find_own, give_back, note
from irqaffinity.state.store import Keeper


class Times(NamedTuple):
    """How long what takes, in seconds.

    `look` is the time between two looks at what irqbalance has: it may have been started anew, or somebody else may
    tell it. `again` is the time until the next look for an answer that is missed once it is `late`. A scan of
    irqbalance takes `scan`, after its sleep. One that does not keep what it is told is told again after `refused`.
    `search` is the time between two searches among all processes for one that has no socket in the folder.
    """

    look: float = 10.0
    again: float = 1.0
    late: float = 5.0
    scan: float = 2.0
    refused: float = 60.0
    search: float = 60.0


class Balance:
    """Tells the irqbalance daemons of a host what to leave alone. For one thread.

    `folder` is that of the sockets as it is configured. `patience` is how many seconds it waits for one answer; a
    later one is taken by the next look.
    """

    def __init__(
        self,
        root: HostRoot,
        folder: str | None,
        keeper: Keeper,
        lock: AbstractContextManager[object],
        patience: float = 0.25,
        clock: Callable[[], float] = time.monotonic,
        times: Times = Times(),
        read: Callable[[HostRoot], Moment] = read_moment,
    ) -> None:
        """`lock` is held with the state, which belongs to the passes too; `read` returns the clocks that end holds."""
        self.due = -inf
        self.folder = folder
        self._root = root
        self._keeper = keeper
        self._lock = lock
        self._holds = Holds(root, read)
        self._patience = patience
        self._clock = clock
        self._times = times
        self._talks: dict[str, Talk] = {}
        self._others: list[Balancer] = []
        self._search_due = -inf

    @property
    def owes(self) -> bool:
        """Whether the state has something that was told and is not given back; raise StateError."""
        with self._turn() as state:
            return bool(state.told)

    def follow(self, wish: Bans | None) -> Balancing:
        """Bring what irqbalance leaves alone closer to the wish, or to what it had before where the wish is None.

        A change shows when irqbalance scans next, and `due` says when to look again. Return how far it is, with the
        first trouble. Raises StateError, HostUnreadable and OSError.
        """
        self.due = self._clock() + self._times.look
        folder = find_folder(self._root, self.folder)
        if folder is None:
            return Balancing(trouble=_no_folder(self._root))
        balancers = {balancer.name: balancer for balancer in self._find(folder)}
        followed = {name: self._follow_one(balancer, wish) for name, balancer in balancers.items()}
        shown = [balancing for balancing in followed.values() if balancing is not None]
        if not can_miss(self._root, folder):
            self._forget_others({name for name, balancing in followed.items() if balancing is not None})
        return next((found for found in shown if found.trouble is not None), shown[0] if shown else Balancing())

    def read(self, *, tells: bool) -> list[Known]:
        """Return what each irqbalance was told and has, and tell it nothing; raise OSError.

        Unless the program `tells` them, one that was told nothing is not even asked.
        """
        told = self._keeper.peek().told
        folder = find_folder(self._root, self.folder) if tells or told else None
        found = [] if folder is None else self._find(folder)
        asked = (balancer for balancer in found if tells or balancer.name in told)
        known = (Talk(each).know(told.get(each.name), self._root, self._patience, self._clock) for each in asked)
        return [found for found in known if found is not None]

    def why_none(self) -> str | None:
        """Return why none can be found, None where it can."""
        return _no_folder(self._root) if find_folder(self._root, self.folder) is None else None

    def give_back(self, *, is_forced: bool = False) -> list[str]:
        """Give back at once, without asking, all that the state says was told; return what is in the way.

        A hold on the host leaves it, unless this is forced. The state goes on to know it until `follow` finds that it
        is gone: before the next scan it would be taken for the irqbalance's own. Raises StateError, HostUnreadable and
        OSError.
        """
        with self._turn() as state:
            told = {} if self._holds.cover_host(state) and not is_forced else dict(state.told)
        folder = find_folder(self._root, self.folder) if told else None
        if folder is None or can_miss(self._root, folder):
            return [_no_folder(self._root)] if told else []
        balancers = {balancer.name: balancer for balancer in self._find(folder)}
        return [trouble for name in told if (trouble := self._end(balancers.get(name), name, told[name]))]

    def hear_out(self, seconds: float) -> None:
        """Wait so long for an answer that is still to come: when nobody takes it, it ends an irqbalance."""
        for talk in self._talks.values():
            talk.hear_out(seconds)

    def _find(self, folder: str) -> list[Balancer]:
        found = find_balancers(self._root, folder)
        if not found and self._clock() >= self._search_due:
            self._search_due = self._clock() + self._times.search
            self._others = find_others(self._root)
        return found or self._others

    def _end(self, balancer: Balancer | None, name: str, told: Told) -> str | None:
        """Give back what one had, and forget one that has ended; return what is in the way."""
        try:
            if balancer is not None:
                order = give_back(told)
                tell(balancer, order.cpus, order.irqs)
                return None
        except BalancerTrouble as error:
            return str(error)
        except BalancerGone:
            pass
        with self._turn() as state:
            if state.told.get(name) == told:
                self._store(name, told, None)
        return None

    def _follow_one(self, balancer: Balancer, wish: Bans | None) -> Balancing | None:
        """Return how far an irqbalance is, None for one that has ended."""
        talk = self._talks.setdefault(balancer.name, Talk(balancer))
        try:
            setup = talk.ask(self._root, self._patience, self._clock)
            if setup is not None:
                return self._agree(talk, setup, wish)
        except BalancerGone:
            return None
        except BalancerTrouble as error:
            return Balancing(balancer.pid, trouble=str(error))
        self.due = min(self.due, self._clock() + self._times.again)
        if self._clock() - talk.asked >= self._times.late:
            talk.trouble = f"it has not answered for {self._times.late:g} s or more: see whether it hangs"
        return talk.show(wish, Bans())

    def _agree(self, talk: Talk, setup: Setup, wish: Bans | None) -> Balancing:
        """Compare what it has with the wish, and tell it the difference, at most once between two of its scans."""
        name, wished = talk.balancer.name, wish or Bans()
        with self._turn() as state:
            told = state.told.get(name)
            if self._holds.cover_host(state):
                has_all = wished.cpus <= setup.bans.cpus and set(wished.irqs) <= set(setup.bans.irqs)
                return talk.show(wish, setup.bans, is_told=has_all)
            if told is None and wish is None:
                return Balancing(talk.balancer.pid)
            own = find_own(told, setup.bans) if talk.sent is None else talk.own
            order = self._decide(talk, told, wished, own, setup.bans)
            waits = self._clock() < talk.due
            if order.is_empty and not (waits and talk.sent is not None and talk.sent.goal != order.goal):
                talk.sent, talk.due, talk.trouble = None, -inf, order.trouble
                self._store(name, told, None if wish is None else confirm(own, order))
                return talk.show(wish, order.goal, is_told=True)
            if waits:
                self.due = min(self.due, talk.due)
                return talk.show(wish, setup.bans)
            talk.learn(setup)
            order = self._decide(talk, told, wished, own, setup.bans)
            self._store(name, told, note(told, own, order))
        return self._send(talk, setup, wish, own, order)

    def _send(self, talk: Talk, setup: Setup, wish: Bans | None, own: Bans, order: Order) -> Balancing:
        """Tell it, and see at once whether the list was cut: that shows before the scan, and needs no other one."""
        is_refused = talk.sent is not None and talk.sent.goal == order.goal
        tell(talk.balancer, order.cpus, order.irqs)
        talk.sent, talk.own, talk.trouble = order, own, order.trouble
        if is_refused:
            talk.trouble = "it does not keep what it is told: look for another program that tells it something else"
        talk.due = self._clock() + (self._times.refused if is_refused else setup.sleep + self._times.scan)
        self.due = min(self.due, talk.due)
        after = None if order.irqs is None or is_refused else talk.ask(self._root, self._patience, self._clock)
        if after is not None:
            talk.shows_at_once |= after.bans.irqs != setup.bans.irqs
            if talk.shows_at_once and after.bans.irqs != order.goal.irqs:
                talk.due = -inf
                return self._agree(talk, after, wish)
        return talk.show(wish, setup.bans)

    def _decide(self, talk: Talk, told: Told | None, wish: Bans, own: Bans, has: Bans) -> Order:
        online = read_online(self._root) if wish.cpus else CpuSet()
        last = talk.sent.goal.cpus if talk.sent is not None else has.cpus if told is None else told.cpus
        return decide(wish, own, has, online, ROOMS[talk.room], is_sure=last == has.cpus)

    def _forget_others(self, names: set[str]) -> None:
        """Forget what was told to daemons that have ended."""
        for name in self._talks.keys() - names:
            question = self._talks.pop(name).question
            if question is not None:
                question.drop()
        with self._turn() as state:
            for name in state.told.keys() - names:
                self._store(name, state.told[name], None)

    def _store(self, name: str, told: Told | None, new: Told | None) -> None:
        if told != new:
            self._keeper.save(Changes(told={name: new}))

    @contextlib.contextmanager
    def _turn(self) -> Iterator[State]:
        """Give the state, which the passes wait for meanwhile."""
        with self._lock, self._keeper.exclusive():
            yield self._keeper.load()


def _no_folder(root: HostRoot) -> str:
    return (
        f"its socket is not looked for, because [host] proc is {root.proc}: mount its folder, and name that in "
        "[isolation] irqbalance_sockets"
    )
