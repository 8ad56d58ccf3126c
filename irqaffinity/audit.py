# SPDX-License-Identifier: Apache-2.0
"""One pass: observe, plan, apply. Whoever wants interrupts placed calls this, and nothing deeper."""

import contextlib
import gc
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from irqaffinity.apply.backoff import Backoff
from irqaffinity.apply.execute import Execution, execute, rehearse
from irqaffinity.apply.writer import AffinityWriter, DryRunWriter
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.host import HostSnapshot, MsiSource
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import RememberedSpecs, State
from irqaffinity.model.target import Narrowing, UnknownTarget
from irqaffinity.observe.domain import Domain
from irqaffinity.observe.find import find_device, find_guest
from irqaffinity.observe.guests import Seen, doubt, read_guest, read_guests
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.snapshot import Surroundings, observe, read_surroundings
from irqaffinity.observe.sysfs import Details
from irqaffinity.plan.plan import Plan, make_plan, plan_reset
from irqaffinity.plan.policy import Distribution, Numa, Policy, Scope
from irqaffinity.plan.remember import remember
from irqaffinity.report.log import PassLog, log_forgotten
from irqaffinity.report.outcome import Outcome
from irqaffinity.state.store import Keeper


class Domains(Protocol):
    """Where the active domains are asked for: libvirt."""

    def active_domains(self) -> Iterable[Domain]:
        """Return all of them; raise LibvirtUnreachable."""

    def domain(self, uuid: str) -> Domain | None:
        """Return one of them, None when it is gone; raise LibvirtUnreachable."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass saw, decided and did."""

    snapshot: HostSnapshot
    plan: Plan
    outcome: Outcome


class Auditor:
    """Makes passes over one host, one at a time.

    `policy` may be replaced between two passes, and `msi_source`, which is for the report alone.
    """

    def __init__(
        self,
        host: str,
        root: HostRoot,
        domains: Domains,
        policy: Policy,
        keeper: Keeper,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the name that reports carry, what a pass is made from, and a clock in seconds."""
        self.policy = policy
        self.msi_source = MsiSource.POLL
        self._host = host
        self._root = root
        self._domains = domains
        self._keeper = keeper
        self._guests: Seen = {}
        self._surroundings: Surroundings | None = None
        self._told: dict[GuestId, RememberedSpecs] = {}
        self._newest: dict[GuestId, RememberedSpecs] = {}
        self._born: set[int] = set()
        self._backoff = Backoff(clock)
        self._log = PassLog()

    @property
    def guests(self) -> Seen:
        """The active guests as libvirt gave them last."""
        return self._guests

    def audit(self, scope: Scope | Narrowing = Scope()) -> Pass:
        """Place every interrupt in `scope`; what a person named is looked for once libvirt has told its guests.

        Raises LibvirtUnreachable, HostUnreadable, StateError and UnknownTarget, all of them before the first write.
        """
        self._surroundings = None
        self._ask_for_all()
        return self._carry_out(lambda state: self._decide(state, scope))

    def audit_guest(self, uuid: GuestId) -> Pass:
        """Do what `audit` does for one guest; the others are as they were seen last. One that is gone is released."""
        self._guests = read_guest(self._root, uuid, self._domains.domain(uuid), self._guests)
        return self._carry_out(lambda state: self._decide_for(state, uuid, self._look_around()))

    def look(self, uuid: GuestId) -> Pass:
        """Do what `audit_guest` does without asking libvirt: only the guest's own devices and interrupts are read.

        The host's CPUs are as they were at the last `audit`, or after one that libvirt failed: a change asks for one.
        """
        return self._carry_out(
            lambda state: self._decide_for(state, uuid, self._surroundings or self._look_around()), is_look=True
        )

    def remember(self, uuid: GuestId, specs: RememberedSpecs) -> bool:
        """Take what a notification says of a guest's extra specs, and return whether that is another mask.

        Then the next pass stores and heeds it. The same mask again, as each notification brings it, is only newer.
        """
        known = self._newest.get(uuid)
        self._newest = dict(remember(self._newest, {uuid: specs}, self._guests))
        if self._newest.get(uuid) is not specs or (known is not None and known.mask == specs.mask):
            return False
        self._told[uuid] = specs
        return True

    def doubt(self, device: PciAddress) -> None:
        """Write nothing of a device until libvirt was asked about its guest again: the kernel has told of it."""
        self._guests = doubt(self._guests, device)

    def note_births(self, numbers: Iterable[int]) -> None:
        """Forget that interrupts of these numbers could not be moved: they are in a new life."""
        self._born.update(numbers)

    def hold(self, irq: IrqId, target: CpuSet, seconds: float) -> None:
        """Leave an interrupt where it is for so long, because another program takes it off `target` every time."""
        self._backoff.hold(irq, target, seconds)

    def lift(self, uuid: GuestId) -> None:
        """Take back every `hold` of a guest: something happened to it, and its interrupts are new."""
        if uuid in self._guests:
            self._backoff.lift({claim.address for claim in self._guests[uuid].claims})

    def reset(self) -> Pass:
        """Give back every interrupt that the state says was moved, without asking libvirt; raise StateError."""

        def give_back(state: State) -> tuple[HostSnapshot, Plan]:
            snapshot = self._observe(self._look_around(), {}, state)
            return snapshot, plan_reset(snapshot, state)

        return self._carry_out(give_back)

    def rehearse(self, scope: Scope | Narrowing = Scope(), *, logs: bool = True) -> Pass:
        """Tell what `audit` would do, in the log too unless told not to: take no lock, write nothing, store nothing."""
        self._ask_for_all()
        start = datetime.now(UTC)
        with _collector_paused():
            snapshot, plan = self._decide(self._keeper.peek(), scope)
            made = self._report(start, snapshot, plan, rehearse(plan, DryRunWriter()), dry_run=True)
        if logs:
            self._log.tell(made.outcome)
        return made

    def _ask_for_all(self) -> None:
        self._guests = read_guests(self._root, self._domains.active_domains(), self._guests)

    def _carry_out(self, decide: Callable[[State], tuple[HostSnapshot, Plan]], *, is_look: bool = False) -> Pass:
        with self._keeper.exclusive(), _collector_paused():
            start = datetime.now(UTC)
            stored = self._keeper.load()
            self._newest = {**stored.extra_specs, **self._newest}
            state = replace(
                stored,
                extra_specs=remember(stored.extra_specs, self._told, self._guests),
                fixed={irq: known for irq, known in stored.fixed.items() if irq.number not in self._born},
            )
            snapshot, plan = decide(state)
            log_forgotten(state, plan.state, snapshot.devices)
            writer = AffinityWriter(self._root)
            execution = execute(plan, stored, self._keeper.save, writer, self._backoff)
            self._told.clear()
            self._born.clear()
            made = self._report(start, snapshot, plan, execution, dry_run=False)
        self._log.tell(made.outcome, is_look=is_look)
        return made

    def _decide(self, state: State, wanted: Scope | Narrowing) -> tuple[HostSnapshot, Plan]:
        snapshot = self._observe(self._look_around(), self._guests, state)
        scope = self._find(wanted, state) if isinstance(wanted, Narrowing) else wanted
        plan = make_plan(snapshot, self.policy, state, scope)
        if scope.device is not None and not plan.devices:
            whose = "no active guest has" if scope.guest is None else f"guest {scope.guest} does not have"
            raise UnknownTarget(f"{whose} the device {scope.device}")
        if scope.guest is not None and not plan.guests and not plan.actions:
            raise UnknownTarget(f"no active guest has the uuid {scope.guest}")
        return snapshot, plan

    def _find(self, named: Narrowing, state: State) -> Scope:
        """Return the guest and device that were named; one that is gone is found while the state has records of it."""
        owners = {record.owner for records in state.records.values() for record in records.values()}
        return Scope(
            None if named.guest is None else find_guest(self._root, self._guests, named.guest, owners),
            None if named.device is None else find_device(self._root, self._guests, named.device),
        )

    def _decide_for(self, state: State, uuid: GuestId, surroundings: Surroundings) -> tuple[HostSnapshot, Plan]:
        claims = self._guests[uuid].claims if uuid in self._guests else ()
        moved = {
            address
            for address, records in state.records.items()
            if any(record.owner == uuid for record in records.values())
        }
        snapshot = self._observe(surroundings, self._guests, state, {claim.address for claim in claims} | moved)
        return snapshot, make_plan(snapshot, self.policy, state, Scope(guest=uuid))

    def _look_around(self) -> Surroundings:
        self._surroundings = read_surroundings(self._root, with_sockets=self.policy.numa is Numa.SOCKET)
        return self._surroundings

    def _observe(
        self, surroundings: Surroundings, guests: Seen, state: State, only: Collection[PciAddress] | None = None
    ) -> HostSnapshot:
        details = Details(
            identity=bool(self.policy.device_specs), vectors=self.policy.distribution is Distribution.SPREAD
        )
        return observe(self._root, surroundings, guests, details, state.records, state.fixed, only)

    def _report(
        self, start: datetime, snapshot: HostSnapshot, plan: Plan, execution: Execution, *, dry_run: bool
    ) -> Pass:
        outcome = Outcome(
            host=self._host,
            time=start,
            dry_run=dry_run,
            facts=replace(snapshot.facts, msi_source=self.msi_source),
            guests=plan.guests,
            devices=plan.devices,
            results=execution.results,
            unsaved=execution.unsaved,
        )
        return Pass(snapshot, plan, outcome)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep Python's cycle collector from running: a pass makes a hundred thousand small values and no cycle.

    They would set it off many times over, a sixth of the time of a pass (benchmarks/audit.py).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
