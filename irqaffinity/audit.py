# SPDX-License-Identifier: Apache-2.0
"""One pass: observe, plan, apply. Whoever wants interrupts placed calls this, and nothing deeper."""

import contextlib
import functools
import gc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from irqaffinity.apply.backoff import Backoff
from irqaffinity.apply.execute import Execution, execute, rehearse
from irqaffinity.apply.writer import AffinityWriter, DryRunWriter
from irqaffinity.model.host import HostSnapshot
from irqaffinity.model.record import State
from irqaffinity.observe.domain import Domain
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.snapshot import observe
from irqaffinity.observe.sysfs import Details, action_name
from irqaffinity.plan.plan import Plan, make_plan, plan_reset
from irqaffinity.plan.policy import Distribution, Policy, Scope
from irqaffinity.report.log import log_forgotten, log_outcome
from irqaffinity.report.outcome import Outcome
from irqaffinity.state.store import Keeper

ListDomains = Callable[[], Iterable[Domain]]


class UnknownTarget(Exception):
    """The guest or device that a pass was narrowed to is not there; str() names it."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass saw, decided and did."""

    snapshot: HostSnapshot
    plan: Plan
    outcome: Outcome


class Auditor:
    """Makes passes over one host, one at a time."""

    def __init__(self, host: str, root: HostRoot, list_domains: ListDomains, policy: Policy, keeper: Keeper) -> None:
        """Take the name that reports carry, and what returns the active domains or raises LibvirtUnreachable."""
        self._host = host
        self._root = root
        self._list_domains = list_domains
        self._policy = policy
        self._keeper = keeper
        self._backoff = Backoff()

    def audit(self, scope: Scope = Scope()) -> Pass:
        """Place every interrupt in `scope`.

        Raises LibvirtUnreachable, HostUnreadable, StateError and UnknownTarget, all of them before the first write.
        """
        return self._carry_out(lambda state: self._decide(state, scope))

    def reset(self) -> Pass:
        """Give back every interrupt that the state says was moved, without asking libvirt; raise StateError."""

        def give_back(state: State) -> tuple[HostSnapshot, Plan]:
            snapshot = self._observe((), state)
            return snapshot, plan_reset(snapshot, state)

        return self._carry_out(give_back)

    def rehearse(self, scope: Scope = Scope()) -> Pass:
        """Tell what `audit` would do: take no lock, write nothing, store nothing."""
        start = datetime.now(UTC)
        with _collector_paused():
            snapshot, plan = self._decide(self._keeper.peek(), scope)
            return self._report(start, snapshot, plan, rehearse(plan, DryRunWriter()), dry_run=True)

    def _carry_out(self, decide: Callable[[State], tuple[HostSnapshot, Plan]]) -> Pass:
        with self._keeper.exclusive(), _collector_paused():
            start = datetime.now(UTC)
            state = self._keeper.load()
            snapshot, plan = decide(state)
            log_forgotten(state, plan.state, snapshot.devices)
            writer = AffinityWriter(self._root)
            name = functools.partial(action_name, self._root)
            execution = execute(plan, state, self._keeper.save, writer, self._backoff, name)
            return self._report(start, snapshot, plan, execution, dry_run=False)

    def _decide(self, state: State, scope: Scope) -> tuple[HostSnapshot, Plan]:
        snapshot = self._observe(self._list_domains(), state)
        plan = make_plan(snapshot, self._policy, state, scope)
        if scope.device is not None and not plan.devices:
            whose = "no active guest has" if scope.guest is None else f"guest {scope.guest} does not have"
            raise UnknownTarget(f"{whose} the device {scope.device}")
        if scope.guest is not None and not plan.guests and not plan.actions:
            raise UnknownTarget(f"no active guest has the uuid {scope.guest}")
        return snapshot, plan

    def _observe(self, domains: Iterable[Domain], state: State) -> HostSnapshot:
        details = Details(
            identity=bool(self._policy.device_specs), vectors=self._policy.distribution is Distribution.SPREAD
        )
        return observe(self._root, domains, details, state.records, state.managed)

    def _report(
        self, start: datetime, snapshot: HostSnapshot, plan: Plan, execution: Execution, *, dry_run: bool
    ) -> Pass:
        outcome = Outcome(
            host=self._host,
            time=start,
            dry_run=dry_run,
            facts=snapshot.facts,
            guests=plan.guests,
            devices=plan.devices,
            results=execution.results,
            unsaved=execution.unsaved,
        )
        log_outcome(outcome)
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
