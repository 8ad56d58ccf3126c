# SPDX-License-Identifier: Apache-2.0
"""Decides and places interrupts that were just born, and nothing else: the smallest pass."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from irqaffinity.guests.life import Life, Lives
from irqaffinity.model.action import Result
from irqaffinity.model.guest import GuestId
from irqaffinity.model.host import Device
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Changes, State
from irqaffinity.observe.procfs import read_newborn
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.surroundings import require_host
from irqaffinity.observe.sysfs import driver_of, irq_numbers
from irqaffinity.passes.cradle import Cradle
from irqaffinity.passes.finish import Finish
from irqaffinity.passes.holds import Holds
from irqaffinity.passes.newborn import Placement, await_interrupt, is_confirmed, place_newborn, plan_of
from irqaffinity.passes.news import News
from irqaffinity.passes.sight import Domains, Sight
from irqaffinity.passes.turns import Turns
from irqaffinity.plan.frame import Frame
from irqaffinity.plan.policy import Policy
from irqaffinity.state.store import Keeper

Read = Callable[[HostRoot, int], Interrupt | None]
"""Reads an interrupt, None where it is not there."""


class Newborn(NamedTuple):
    """The owner of a new interrupt (or several guests that may be its owner), and what was done with it.

    `result` is None where the interrupt itself is not enough to decide. An interrupt that `is_throttled` waits until it
    is placed together with others of its guest. The owner of one that `is_lost` is unknown, for nobody looked for it.
    `is_first` says that no other one that is throttled, or lost, waited before.
    """

    owners: frozenset[GuestId]
    result: Result | None = None
    is_throttled: bool = False
    is_first: bool = False
    is_lost: bool = False

    @property
    def may_be_hosts(self) -> bool:
        """Whether no guest is known to have the interrupt: it may be one of the host's own."""
        return not self.owners and self.result is None


class Nursery:
    """Places interrupts that were just born. The caller makes no other pass meanwhile."""

    def __init__(
        self,
        root: HostRoot,
        sight: Sight,
        news: News,
        turns: Turns,
        holds: Holds,
        finish: Finish,
        keeper: Keeper,
        lives: Lives,
        domains: Domains,
        clock: Callable[[], float],
    ) -> None:
        self._root = root
        self._sight = sight
        self._news = news
        self._turns = turns
        self._holds = holds
        self._finish = finish
        self._keeper = keeper
        self._lives = lives
        self._domains = domains
        self._clock = clock
        self._cradle = Cradle(root, lives, clock)
        self._lost: set[int] = set()

    @property
    def has_lost(self) -> bool:
        """Whether interrupts were born whose owners are unknown."""
        return bool(self._lost)

    def birth(self, number: int, policy: Policy) -> Newborn:
        """Place one interrupt, if a guest has it and has not had too many."""
        self._news.note_births([number])
        owners, address, is_sought = self._cradle.place_of(number, self._sight.frame(policy))
        if not owners:
            require_host(self._root)  # else every interrupt would seem to have no owner
        if not is_sought:
            is_first = not self._lost
            self._lost.add(number)
            return Newborn(owners, is_lost=True, is_first=is_first)
        now = self._clock()
        lives = [self._lives.of(uuid) for uuid in owners]
        followed = [life.pace.follows_birth(now) for life in lives]
        if not all(followed):
            firsts = [life.throttle(number, address, now) for life in lives]
            return Newborn(owners, is_throttled=True, is_first=any(firsts))
        if len(owners) != 1 or address is None:
            return Newborn(owners)
        (uuid,) = owners
        results = self._place({address: [number]}, uuid, policy, await_interrupt)
        if results is None:
            return Newborn(self._sight.frame(policy).claimants.get(address, frozenset()))
        return Newborn(owners, results[0] if results else None)

    def note_ends(self, numbers: Collection[int]) -> None:
        """Stop looking for interrupts that have ended."""
        self._news.note_ends(numbers)
        self._lost.difference_update(numbers)

    def find_lost(self, policy: Policy) -> frozenset[GuestId]:
        """Return the owners of the lost interrupts, by one search; a guest whose devices cannot be read counts as one.

        An interrupt that no guest has is the host's own, or has ended.
        """
        lost, self._lost = self._lost, set()
        owners = frozenset[GuestId]()
        for address, claimants in self._sight.frame(policy).claimants.items():
            try:
                is_here = not lost.isdisjoint(irq_numbers(self._root, address))
            except OSError:
                is_here = True
            owners |= claimants if is_here else frozenset()
        return owners

    def place_throttled(self, life: Life, policy: Policy) -> tuple[Result, ...] | None:
        """Place a guest's waiting interrupts together; None where more has to be read than these interrupts."""
        throttled, life.throttled = life.throttled, {}
        born: dict[PciAddress, list[int]] = {}
        for number, address in throttled.items():
            if address is None:
                return None
            if self._cradle.lists(address, number):
                born.setdefault(address, []).append(number)
        return self._place(born, life.uuid, policy, read_newborn) if born else ()

    def _place(
        self, born: Mapping[PciAddress, Iterable[int]], uuid: GuestId, policy: Policy, read: Read
    ) -> tuple[Result, ...] | None:
        """Place interrupts of devices that were read before; return None where that is not enough to decide."""
        if uuid not in self._sight.guests:
            return None
        require_host(self._root)
        drivers = {address: driver_of(self._root, address) for address in born}
        seen = self._sight.guests[uuid]
        if not all(is_confirmed(seen, address, driver) for address, driver in drivers.items()):
            self._sight.see_one(uuid, self._domains.domain(uuid))
        frame, life = self._sight.frame(policy), self._lives.get(uuid)
        if life is None or self._news.has_specs_of(uuid):
            return None
        if any(frame.claimants.get(address, frozenset()) != {uuid} or address not in life.readings for address in born):
            return None
        devices = {address: replace(life.readings[address].device, driver=drivers[address]) for address in born}
        with self._turns.alone() as state:
            found = self._decide(born, devices, life, frame, state, policy, read)
            return None if found is None else self._carry_out(found, life, state)

    def _decide(
        self,
        born: Mapping[PciAddress, Iterable[int]],
        devices: Mapping[PciAddress, Device],
        life: Life,
        frame: Frame,
        state: State,
        policy: Policy,
        read: Read,
    ) -> Placement | None:
        """Return what to do with the interrupts that are there and have a place.

        None is for devices whose interrupts share their target: all of a device have to be read for that.
        """
        placement, holds = Placement([], Changes()), self._holds.current(state)
        seen = self._sight.guests[life.uuid]
        plans = {at: plan_of(frame, life, seen, device, state, policy) for at, device in devices.items()}
        if any(plan is not None and plan.is_spread for plan in plans.values()):
            return None
        for address, numbers in born.items():
            device, plan = devices[address], plans[address]
            target = None if plan is None else plan.birthplace
            if target is None:
                continue
            found = (read(self._root, number) for number in numbers)
            device = replace(device, interrupts=tuple(interrupt for interrupt in found if interrupt is not None))
            heard = self._news.take_of(address, device.interrupts, state)
            placement = placement.then(place_newborn(device, life.uuid, target, state, heard, frame.topology, holds))
        return placement

    def _carry_out(self, placement: Placement, life: Life, state: State) -> tuple[Result, ...]:
        if placement.changes:
            self._keeper.save(placement.changes)
        self._news.taken_of(action.number for action in placement.actions)
        life.backoff.lift()  # the fight was over earlier interrupts, not over these
        done = self._finish.execute(placement.actions, life.uuid, state)
        self._finish.learn([done])
        for result in done.results:
            if result.action.hold is None:
                life.drifts.left(result.action.irq, result.asked)
        life.tell_births(done.results, self._clock())
        return done.results
