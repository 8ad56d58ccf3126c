# SPDX-License-Identifier: Apache-2.0
"""Makes passes over one host, one at a time: the way in for the command line and the agent."""

import threading
import time
from collections.abc import Callable, Collection, Sequence

from irqaffinity.apply.writer import AffinityWriter
from irqaffinity.guests.life import Lives
from irqaffinity.model.action import Result
from irqaffinity.model.balance import Bans
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.hold import Moment
from irqaffinity.model.host import MsiSource
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.proof import Proof
from irqaffinity.model.record import RememberedSpecs
from irqaffinity.model.target import Narrowing
from irqaffinity.observe.guests import Seen, read_guests
from irqaffinity.observe.moment import read_moment
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.account import Account
from irqaffinity.passes.birth import Newborn, Nursery
from irqaffinity.passes.counting import Counting
from irqaffinity.passes.deferring import Deferring
from irqaffinity.passes.draft import Drafter
from irqaffinity.passes.finish import Finish
from irqaffinity.passes.holds import Holds
from irqaffinity.passes.host import HostPart
from irqaffinity.passes.isolation import Isolation, Looked
from irqaffinity.passes.made import Pass
from irqaffinity.passes.making import Making
from irqaffinity.passes.news import News
from irqaffinity.passes.scope import find_scope
from irqaffinity.passes.sight import Domains, Sight
from irqaffinity.passes.turns import Turns, collector_paused
from irqaffinity.plan.policy import IsolationMode, Policy, Scope
from irqaffinity.state.history import History, NoHistory
from irqaffinity.state.store import Keeper


class Auditor:
    """Makes passes over one host. For any number of threads: a pass holds `lock` to its end.

    `policy` may be replaced between two passes. `lives` has all that is known of each guest, and `counting` counts
    arrivals.
    """

    def __init__(
        self,
        host: str,
        root: HostRoot,
        domains: Domains,
        policy: Policy,
        keeper: Keeper,
        clock: Callable[[], float] = time.monotonic,
        *,
        gathers: bool = False,
        history: History | None = None,
        read: Callable[[HostRoot], Moment] = read_moment,
    ) -> None:
        """`host` is the name in reports; `clock` returns seconds, `read` returns what the clocks that end holds say.

        Where the auditor `gathers`, as an agent's does, `settle` reports to log and `history` what was done once it has
        settled; else each pass does that at its end.
        """
        self.policy = policy
        self.lives = Lives(clock)
        self.lock = threading.RLock()
        self.counting = Counting(root, clock)
        self._root = root
        self._domains = domains
        self._keeper = keeper
        self._clock = clock
        self._history = NoHistory() if history is None else history
        self._account = Account(self.lives, self._history, self.lock, clock, gathers=gathers)
        self._sight, self._news, self._holds = Sight(root), News(clock), Holds(root, read, logs=True)
        self._turns = Turns(root, keeper, self._news)
        self._finish = Finish(keeper, AffinityWriter(root), self.lives)
        self._isolation = Isolation(root, keeper, self._finish, self.lives)
        deferring = Deferring(keeper)
        self._host_part = HostPart(self._isolation, self._account, deferring)
        parts = self._finish, self._host_part, self._account, self.lives, self._holds, deferring
        self._making = Making(host, self._sight, Drafter(root, self.lives), *parts)
        self._nursery = Nursery(
            root, self._sight, self._news, self._turns, self._holds, self._finish, keeper, self.lives, domains, clock
        )

    @property
    def guests(self) -> Seen:
        """The active guests as libvirt gave them last."""
        return self._sight.guests

    def learn_from(self, source: MsiSource) -> None:
        """Have reports say how the program learns of new interrupts."""
        self._making.msi_source = source

    @property
    def is_isolating(self) -> bool:
        """Whether passes keep the host's own interrupts off the guests' CPUs."""
        return self.policy.isolation.mode is IsolationMode.ENFORCE

    def bans(self) -> Bans | None:
        """Return what other programs shall leave alone: guests' CPUs and interrupts; None before the first pass."""
        with self.lock:
            return self._isolation.bans()

    def audit(self, scope: Scope | Narrowing = Scope()) -> Pass:
        """Place every interrupt in `scope`; it is looked up after libvirt has listed its guests.

        Raises LibvirtUnreachable, HostUnreadable, StateError and UnknownTarget, all of them before the first write.
        """
        self._sight.look_around_again()
        guests = read_guests(self._root, self._domains.active_domains(), self.guests)
        with self.lock:
            self._sight.see(guests)
            self.lives.leave_those_without(self.guests)
            with self._turns.begun(self.guests) as state:
                found = find_scope(self._root, self.guests, scope, state)
                made = self._making.make(state, found, self.policy, is_named=True)
                self._keeper.tidy()
                if found == Scope():
                    self._holds.forget_ended(state, self._keeper.save)
                    self.lives.end_those_without({HOST, *self.guests, *state.owners})
                    self._account.first_pass_is_over()
        self._account.store()
        self._history.tidy()
        return self.counting.count(made, self._isolation.total) if found == Scope() else made

    def audit_guest(self, uuid: GuestId) -> Pass:
        """Do what `audit` does for one guest, with the others as they were seen last; release a guest that is gone."""
        self._sight.look_around_again()
        domain = self._domains.domain(uuid)
        with self.lock:
            self._sight.see_one(uuid, domain)
            return self.look(uuid)

    def look(self, uuid: GuestId) -> Pass:
        """Do what `audit_guest` does without asking libvirt: only the guest's own devices and interrupts are read.

        The host's CPUs are as at the last `audit`, or read anew where libvirt failed that one: a change of CPUs asks
        for one.
        """
        with self.lock, self._turns.begun(self.guests) as state:
            self.lives.leave_those_without(self.guests, {uuid})
            made = self._making.make(state, Scope(guest=uuid), self.policy)
            if uuid not in self.guests:
                self.lives.end_those_without(state.owners, {uuid})
        self._account.store()
        return made

    def birth(self, number: int) -> Newborn:
        """Place an interrupt that was just born, if it is a guest's: the smallest pass there is.

        Where the interrupt itself is not enough to decide, only return whose it may be. Raises LibvirtUnreachable,
        HostUnreadable, StateError and OSError before anything is written.
        """
        with self.lock:
            newborn = self._nursery.birth(number, self.policy)
            if newborn.may_be_hosts:
                self._isolation.meet(number)
            return newborn

    def place_throttled(self, uuid: GuestId) -> tuple[Result, ...] | None:
        """Place a guest's waiting interrupts together; return None where a look at the guest has to do it.

        Raises what `birth` raises.
        """
        with self.lock:
            return self._nursery.place_throttled(self.lives.of(uuid), self.policy)

    @property
    def has_lost(self) -> bool:
        """Whether interrupts were born that nobody looked for among all devices, because too many were born."""
        return self._nursery.has_lost

    def find_lost(self) -> frozenset[GuestId]:
        """Return the guests that may have these interrupts; raise HostUnreadable and OSError."""
        with self.lock:
            return self._nursery.find_lost(self.policy)

    def settle(self, *, everything: bool = False, rivals: Sequence[str] = ()) -> None:
        """Report the changes that have settled, or all; `rivals` are other programs that move interrupts."""
        self._account.settle(everything=everything, rivals=rivals)

    def isolate(self) -> Looked | None:
        """Do that part of a pass which is about the host's own interrupts; raise HostUnreadable and StateError.

        Do nothing, and return None, before the first full pass: until libvirt has named the guests, none of their CPUs
        are known, and all would be given back.
        """
        with self.lock:
            if not self._isolation.has_looked:
                return None
            with self._turns.begun(self.guests) as state:
                frame = self._sight.frame(self.policy, state)
                looked = self._host_part.look(frame, self.guests, state, self.policy, self._holds.current(state))
        self._account.store()
        return looked

    def reset(self, *, is_forced: bool = False) -> Pass:
        """Give back every interrupt that the state says was moved, without asking libvirt.

        Raises StateError, and HoldInForce under any hold unless it is forced.
        """
        with self.lock:
            self._sight.look_around_again()
            with self._turns.begun(self.guests) as state:
                if not is_forced:
                    self._holds.require_none(state)
                made = self._making.reset(state, self.policy)
        self._account.store()
        return made

    def rehearse(self, scope: Scope | Narrowing = Scope(), *, logs: bool = True) -> Pass:
        """Return what `audit` would do, and log it unless `logs` is false; take no lock, write and store nothing."""
        self._sight.see(read_guests(self._root, self._domains.active_domains(), self.guests))
        self._sight.look_around_again()
        state = self._keeper.peek()
        with collector_paused():
            made = self._making.rehearse(state, find_scope(self._root, self.guests, scope, state), self.policy)
        if logs:
            self._account.rehearsed(made)
        return made

    def remember(self, uuid: GuestId, specs: RememberedSpecs) -> bool:
        """Take a guest's extra specs from a notification, and tell whether they have another mask than before.

        If so, the next pass stores the mask and places by it. Most notifications bring the same mask again.
        """
        with self.lock:
            return self._news.remember(uuid, specs, self.guests)

    def keep_proof(self, proof: Proof) -> None:
        """Store with the next pass for how long no guest has needed Nova's notifications."""
        with self.lock:
            self._news.keep_proof(proof)

    def doubt(self, device: PciAddress) -> None:
        """Write nothing of a device until libvirt was asked about its guest again: the kernel reported a change."""
        with self.lock:
            self._sight.doubt(device)

    def note_ends(self, numbers: Collection[int]) -> None:
        """Forget what is known of interrupts of these numbers: they have ended, and the next ones are others."""
        with self.lock:
            self._nursery.note_ends(numbers)
            self._isolation.stir(numbers)
