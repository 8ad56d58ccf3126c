# SPDX-License-Identifier: Apache-2.0
"""What must survive a restart: which interrupts were moved, from where, and what was learned of them."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.hold import Deferred, Hold
from irqaffinity.model.irq import DEFAULT, IrqId
from irqaffinity.model.isolation import Told
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.proof import Proof
from irqaffinity.model.specs import LONGEST_WAY, RememberedSpecs
from irqaffinity.model.verdict import Verdict

__all__ = ["LONGEST_WAY", "Changes", "Fixed", "Record", "Records", "RememberedSpecs", "State"]


@dataclass(frozen=True, slots=True)
class Record:
    """One interrupt that was moved, or found in place.

    `original` is what it had before, None where that is not known. `written` is the last value that the program wrote
    or was about to write; `previous` is the value before it, which stays in place where the kernel refused the write or
    a crash prevented it. `spread_over` is the target of the whole device where each interrupt gets one CPU of it: when
    that CPU is full, any other of them may be written, and `next_cpu` says that `written` is such another one. `action`
    is the name of the handler of an interrupt of the host (`owner` is HOST), which tells it from a later one of the
    same number; None for interrupts of guests.
    """

    owner: GuestId
    driver: str | None
    original: CpuSet | None
    written: CpuSet
    previous: CpuSet | None = None
    spread_over: CpuSet | None = None
    next_cpu: bool = False
    action: str | None = None

    def accounts_for(self, smp: CpuSet | None) -> bool:
        """Tell whether the program wrote the value `smp`.

        An empty set counts too: every interrupt has a CPU, but in a tree of plain files a write that is killed half-way
        leaves an empty file.
        """
        if smp is None or not smp or smp in (self.written, self.previous):
            return smp is not None
        return self.spread_over is not None and len(smp) == 1 and smp <= self.spread_over


class Fixed(NamedTuple):
    """An interrupt that cannot be moved: the name of its action, and the verdict `managed` or `immovable`.

    `is_hosts` says that no guest has it.
    """

    action: str
    verdict: Verdict
    is_hosts: bool = False


Records = Mapping[PciAddress, Mapping[int, Record]]
"""Records by device, then by interrupt number."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows of the state that are new or changed; None for a row that is deleted, and for a proof that stays."""

    records: Mapping[IrqId, Record | None] = field(default_factory=dict)
    fixed: Mapping[IrqId, Fixed | None] = field(default_factory=dict)
    extra_specs: Mapping[GuestId, RememberedSpecs | None] = field(default_factory=dict)
    proof: Proof | None = None
    told: Mapping[str, Told | None] = field(default_factory=dict)
    holds: Mapping[int, Hold | None] = field(default_factory=dict)
    deferred: Mapping[IrqId, Deferred | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return len(self) > 0

    def __len__(self) -> int:
        records, others = len(self.records) + len(self.fixed), len(self.extra_specs) + len(self.told)
        return records + others + len(self.holds) + len(self.deferred) + (self.proof is not None)

    def then(self, later: "Changes") -> "Changes":
        """Return what both change together, the later where they differ."""
        return Changes(
            {**self.records, **later.records},
            {**self.fixed, **later.fixed},
            {**self.extra_specs, **later.extra_specs},
            later.proof or self.proof,
            {**self.told, **later.told},
            {**self.holds, **later.holds},
            {**self.deferred, **later.deferred},
        )


class State:
    """All that is stored. It changes through `apply` alone, at a cost that grows with the changes, not with the state.

    `records` has those of guests and of the host. `fixed` has the interrupts that turned out not to be movable. `proof`
    tells for how long no guest has needed Nova's notifications, None where nothing is stored. `told` has what each
    irqbalance was told, by the name of its socket. `holds` has the holds by id, also those that are over until a pass
    removes them, and `deferred` what waits for their end.
    """

    def __init__(
        self,
        records: Records = MappingProxyType({}),
        fixed: Mapping[IrqId, Fixed] = MappingProxyType({}),
        extra_specs: Mapping[GuestId, RememberedSpecs] = MappingProxyType({}),
        proof: Proof | None = None,
        told: Mapping[str, Told] = MappingProxyType({}),
        holds: Mapping[int, Hold] = MappingProxyType({}),
        deferred: Mapping[IrqId, Deferred] = MappingProxyType({}),
    ) -> None:
        self._records: dict[PciAddress, dict[int, Record]] = {}
        self._fixed: dict[IrqId, Fixed] = dict(fixed)
        self._extra_specs: dict[GuestId, RememberedSpecs] = dict(extra_specs)
        self._told: dict[str, Told] = dict(told)
        self._holds: dict[int, Hold] = dict(holds)
        self._deferred: dict[IrqId, Deferred] = dict(deferred)
        self.proof = proof
        self._owned: dict[GuestId, Counter[PciAddress]] = {}
        self._marks: dict[PciAddress, object] = {}
        self._fixed_mark = object()
        for device, of_device in records.items():
            if of_device:
                self._records[device] = dict(of_device)
            for owner, count in Counter(record.owner for record in of_device.values()).items():
                self._owned.setdefault(owner, Counter())[device] = count

    @property
    def records(self) -> Records:
        """The records by device and number; a device without any is not in it."""
        return self._records

    @property
    def fixed(self) -> Mapping[IrqId, Fixed]:
        """What is known of interrupts that cannot be moved."""
        return self._fixed

    @property
    def extra_specs(self) -> Mapping[GuestId, RememberedSpecs]:
        """The extra specs of guests that notifications brought."""
        return self._extra_specs

    @property
    def told(self) -> Mapping[str, Told]:
        """What each irqbalance was told, by the name of its socket."""
        return self._told

    @property
    def holds(self) -> Mapping[int, Hold]:
        """The holds by id."""
        return self._holds

    @property
    def deferred(self) -> Mapping[IrqId, Deferred]:
        """The interrupts that would have been moved but for a hold."""
        return self._deferred

    @property
    def default(self) -> Record | None:
        """The record of /proc/irq/default_smp_affinity, None where that was not moved."""
        return self._records.get(DEFAULT.device, {}).get(DEFAULT.number)

    def devices_of(self, owner: GuestId) -> Collection[PciAddress]:
        """Return the devices with a record of an owner."""
        return self._owned.get(owner, {}).keys()

    @property
    def owners(self) -> Collection[GuestId]:
        """The owners of all records."""
        return self._owned.keys()

    def marks(self, devices: Iterable[PciAddress]) -> tuple[object, ...]:
        """Return objects that are the same ones for as long as nothing changed about these devices."""
        return (self, self._fixed_mark, *(self._marks.setdefault(device, object()) for device in devices))

    def apply(self, changes: Changes) -> None:
        """Make the changes."""
        for device in {irq.device for irq in changes.records}:
            self._marks.pop(device, None)
        if changes.fixed:
            self._fixed_mark = object()
        for irq, record in changes.records.items():
            self._remove(irq)
            if record is not None:
                self._put(irq, record)
        _change(self._fixed, changes.fixed)
        _change(self._extra_specs, changes.extra_specs)
        _change(self._told, changes.told)
        _change(self._holds, changes.holds)
        _change(self._deferred, changes.deferred)
        self.proof = changes.proof or self.proof

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, State):
            return NotImplemented
        return self._all() == other._all()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"State({', '.join(map(repr, self._all()))})"

    def _all(self) -> tuple[object, ...]:
        tables = (self._records, self._fixed, self._extra_specs, self.proof, self._told)
        return *tables, self._holds, self._deferred

    def _put(self, irq: IrqId, record: Record) -> None:
        self._records.setdefault(irq.device, {})[irq.number] = record
        self._owned.setdefault(record.owner, Counter())[irq.device] += 1

    def _remove(self, irq: IrqId) -> None:
        of_device = self._records.get(irq.device, {})
        record = of_device.pop(irq.number, None)
        if record is None:
            return
        if not of_device:
            del self._records[irq.device]
        owned = self._owned[record.owner]
        owned[irq.device] -= 1
        if not owned[irq.device]:
            del owned[irq.device]
        if not owned:
            del self._owned[record.owner]


K = TypeVar("K")
V = TypeVar("V")


def _change(rows: dict[K, V], changes: Mapping[K, V | None]) -> None:
    for key, value in changes.items():
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value
