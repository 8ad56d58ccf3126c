# SPDX-License-Identifier: Apache-2.0
"""What one pass found and did, its counts, and the exit status that follows."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from irqaffinity.model.action import Result
from irqaffinity.model.hold import Hold
from irqaffinity.model.host import HostFacts
from irqaffinity.model.irq import IrqId
from irqaffinity.model.isolation import Isolated
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import FAILED, Verdict
from irqaffinity.plan.guests import GuestPlan
from irqaffinity.plan.targets import DevicePlan

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_WOULD_CHANGE = 2

_COUNTED = {
    Verdict.OK: (Verdict.OK,),
    Verdict.SET: (Verdict.SET,),
    Verdict.WOULD_SET: (Verdict.WOULD_SET,),
    Verdict.PENDING: (Verdict.PENDING, Verdict.UNREAD, Verdict.THROTTLED),
    Verdict.MANAGED: (Verdict.MANAGED, Verdict.IMMOVABLE),
    Verdict.HELD: (Verdict.HELD,),
    Verdict.GONE: (Verdict.GONE,),
}
"""The verdicts that each count of the summary stands for; those that failed are counted apart."""


def by_device(results: Iterable[Result]) -> Mapping[PciAddress, Sequence[Result]]:
    """Return the results of each device that has any."""
    found: dict[PciAddress, list[Result]] = defaultdict(list)
    for result in results:
        found[result.action.device].append(result)
    return dict(found)


@dataclass(frozen=True, slots=True)
class Part:
    """What one pass decided, did and gave back for one guest; `guest` is None once the guest is gone."""

    guest: GuestPlan | None
    devices: tuple[DevicePlan, ...]
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One pass: `time` is its start in UTC; `unsaved` is why the state could not be stored after the writes, if so.

    `isolated` is what was found and done with the host's own interrupts, None where nobody looked at them. `holds` are
    those in force, by id.
    """

    host: str
    time: datetime
    dry_run: bool
    facts: HostFacts
    guests: Sequence[GuestPlan]
    devices: Sequence[DevicePlan]
    results: Sequence[Result]
    unsaved: str | None = None
    isolated: Isolated | None = None
    holds: Sequence[Hold] = ()

    @classmethod
    def of(
        cls,
        parts: Iterable[Part],
        host: str,
        time: datetime,
        facts: HostFacts,
        *,
        dry_run: bool = False,
        unsaved: str | None = None,
        isolated: Isolated | None = None,
        holds: Sequence[Hold] = (),
    ) -> "Outcome":
        """Return the parts as a whole: guests by uuid, devices by address, interrupts by number.

        A device may give back what was moved for several guests: it is in several parts then, and once in the outcome.
        """
        known = list(parts)
        devices = {(plan.address, plan.guest or ""): plan for part in known for plan in part.devices}
        return cls(
            host,
            time,
            dry_run,
            facts,
            sorted((part.guest for part in known if part.guest is not None), key=lambda plan: plan.uuid),
            [devices[key] for key in sorted(devices)],
            sorted((result for part in known for result in part.results), key=lambda result: result.action.number),
            unsaved,
            isolated,
            holds,
        )

    def with_results(self, others: Mapping[IrqId, Result]) -> "Outcome":
        """Return the outcome with other results for these interrupts."""
        kept = (result for result in self.results if result.action.irq not in others)
        return replace(self, results=sorted([*kept, *others.values()], key=lambda result: result.action.number))

    def summary(self) -> Mapping[str, int]:
        """Return the counts of the report: `failed` is no_vector, offline and denied; `skipped` counts guests.

        `pending` counts unread and throttled interrupts too, and `managed` immovable ones.
        """
        verdicts = Counter(result.verdict for result in self.results)
        return {
            "guests": len(self.guests),
            "devices": len(self.devices),
            "irqs": len(self.results),
            **{name.value: sum(verdicts[verdict] for verdict in counted) for name, counted in _COUNTED.items()},
            "failed": sum(verdicts[verdict] for verdict in FAILED),
            "skipped": sum(guest.status.is_skipped for guest in self.guests),
        }

    def exit_status(self) -> int:
        """Return 1 when not all the work could be done, 2 when a dry run would change something, else 0."""
        verdicts = {result.verdict for result in self.results}
        if self.isolated is not None:
            verdicts.update(result.verdict for result in self.isolated.results)
        is_held_up = self.isolated is not None and self.isolated.trouble is not None
        if verdicts & FAILED or is_held_up or self.unsaved or any(guest.status.is_error for guest in self.guests):
            return EXIT_FAILED
        return EXIT_WOULD_CHANGE if Verdict.WOULD_SET in verdicts else EXIT_DONE
