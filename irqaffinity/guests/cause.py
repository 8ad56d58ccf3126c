# SPDX-License-Identifier: Apache-2.0
"""Why an interrupt was moved: one table for guests and one for the host, whose first line that applies decides."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from irqaffinity.guests.drift import Drift
from irqaffinity.model.action import Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Record
from irqaffinity.model.verdict import FAILED, Cause, Verdict
from irqaffinity.plan.plan import Decision
from irqaffinity.plan.policy import Policy


class Grounds(NamedTuple):
    """What decided, at one pass, where a guest's interrupts belong."""

    policy: Policy
    decision: Decision

    @property
    def mask(self) -> object:
        """The guest's mask and where it comes from."""
        return self.decision.guest.mask, self.decision.guest.mask_source

    @property
    def cpus(self) -> CpuSet | None:
        """The CPUs of the guest that serve its interrupts, None where none do."""
        return self.decision.guest.irq_pcpus

    def has(self, device: PciAddress) -> bool:
        """Tell whether a device was the guest's."""
        return any(plan.address == device for plan in self.decision.devices)


@dataclass(frozen=True, slots=True)
class Occasion:
    """What is known of a guest when something was done with its interrupts.

    `of_pass` is one cause for all that this pass does, None where each interrupt has a cause of its own. `before` and
    `now` are the grounds of the last pass and of this one, None for a guest that is new or gone. `places` is where the
    last pass left its interrupts, `failing` are those that could not be moved then, and `drifted` those that somebody
    has moved since. `has_new_policy` is for the host, which has no grounds: the configuration has changed since the
    last pass. `deferred` are interrupts that a hold kept from being moved until now.
    """

    of_pass: Cause | None = None
    is_gone: bool = False
    before: Grounds | None = None
    now: Grounds | None = None
    places: Mapping[IrqId, CpuSet] = field(default_factory=dict)
    failing: Collection[IrqId] = ()
    drifted: Mapping[IrqId, Drift] = field(default_factory=dict)
    has_new_policy: bool = False
    deferred: Collection[IrqId] = ()

    def differs(self, what: Callable[[Grounds], object]) -> bool:
        """Tell whether `what` gives another value for this pass than for the last; False where one has no grounds."""
        return self.before is not None and self.now is not None and what(self.before) != what(self.now)


BORN = Occasion(Cause.BIRTH)
"""Interrupts were born, and none is failing."""

Applies = Callable[[Result, Occasion], bool]


def _is_known_failure(result: Result, at: Occasion) -> bool:
    return result.verdict in FAILED and result.action.irq in at.failing


def _is_old_fight(result: Result, at: Occasion) -> bool:
    return result.action.irq in at.drifted and not at.drifted[result.action.irq].is_news


def _is_fight(result: Result, at: Occasion) -> bool:
    return result.action.irq in at.drifted and at.drifted[result.action.irq].is_fight


def _came_or_went(result: Result, at: Occasion) -> bool:
    grounds = at.now if result.action.is_release else at.before
    return grounds is not None and not grounds.has(result.action.device)


def _belongs_elsewhere(result: Result, at: Occasion) -> bool:
    return result.action.is_release or at.places.get(result.action.irq, result.action.target) != result.action.target


Table = Sequence[tuple[Cause | None, Applies]]

TABLE: Table = (
    (None, _is_known_failure),
    (Cause.ERROR, lambda result, _: result.verdict in FAILED),
    (None, lambda result, _: not result.was_written),
    (Cause.RESET, lambda _, at: at.of_pass is Cause.RESET),
    (Cause.HOLD, lambda result, at: result.action.irq in at.deferred),
    (Cause.GONE, lambda result, at: result.action.is_release and at.is_gone),
    (Cause.START, lambda _, at: at.of_pass is Cause.START),
    (Cause.AUDIT, lambda _, at: at.of_pass is Cause.AUDIT),
    (Cause.RECOVERED, lambda result, at: result.action.irq in at.failing),
    (Cause.BIRTH, lambda _, at: at.of_pass is Cause.BIRTH),
    (None, _is_old_fight),
    (Cause.FIGHT, _is_fight),
    (Cause.DRIFT, lambda result, at: result.action.irq in at.drifted),
    (Cause.DEVICE, _came_or_went),
    (Cause.CONFIG, lambda _, at: at.differs(lambda grounds: grounds.policy)),
    (Cause.MASK, lambda _, at: at.differs(lambda grounds: grounds.mask)),
    (Cause.PINS, lambda _, at: at.differs(lambda grounds: grounds.cpus)),
    (Cause.PINS, _belongs_elsewhere),
    (Cause.BIRTH, lambda *_: True),
)
"""None marks what is not reported: nothing was done, or a report was made before."""

HOST_TABLE: Table = (
    (None, _is_known_failure),
    (Cause.ERROR, lambda result, _: result.verdict in FAILED),
    (None, lambda result, _: not result.was_written),
    (Cause.RESET, lambda _, at: at.of_pass is Cause.RESET),
    (Cause.HOLD, lambda result, at: result.action.irq in at.deferred),
    (Cause.RECOVERED, lambda result, at: result.action.irq in at.failing),
    (None, _is_old_fight),
    (Cause.FIGHT, _is_fight),
    (Cause.DRIFT, lambda result, at: result.action.irq in at.drifted),
    (Cause.CONFIG, lambda _, at: at.has_new_policy),
    (Cause.ISOLATION, lambda *_: True),
)
"""For interrupts of the host, which are moved for the CPUs of all guests together."""


def find_cause(result: Result, at: Occasion, table: Table = TABLE) -> Cause | None:
    """Return why this was done, None where it is not to be reported."""
    for cause, applies in table:  # new interrupts wait for this, and a generator would be slower
        if applies(result, at):
            return cause
    return None


def find_causes(results: Iterable[Result], at: Occasion, table: Table = TABLE) -> Iterator[tuple[Result, Cause]]:
    """Yield each result that is to be reported, with its cause."""
    for result in results:
        if (result.was_written or result.verdict in FAILED) and (cause := find_cause(result, at, table)) is not None:
            yield result, cause


def find_deferred_cause(result: Result, at: Occasion, record: Record | None, table: Table = TABLE) -> Cause:
    """Return why an interrupt, whose record this is, would have been moved, but for a hold.

    One that has other CPUs than its record says, although it belongs on these, was moved by somebody else: that is
    known even to a process that has just begun.
    """
    action = result.action
    if record is not None and not action.is_release and record.written == action.target:
        return Cause.DRIFT
    asked = result._replace(verdict=Verdict.SET, was_written=True)
    return find_cause(asked, replace(at, deferred=()), table) or Cause.FIGHT
