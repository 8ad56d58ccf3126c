# SPDX-License-Identifier: Apache-2.0
"""A fake host, libvirt's own test driver with some domains, and a real state folder: all that an audit needs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema

from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.model.record import Changes
from irqaffinity.observe.domain import Domain
from irqaffinity.passes.auditor import Auditor
from irqaffinity.plan.policy import Policy, Scope
from irqaffinity.report.document import render_json
from irqaffinity.report.outcome import Outcome
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.store import Store
from tests.fakes.domains import domain, hostdev, make_libvirt, nova_metadata
from tests.fakes.host import FakeHost

SCHEMA = json.loads((Path(__file__).parents[1] / "schema/audit-1.json").read_text())

GUEST = "11111111-1111-1111-1111-111111111111"
OTHER = "22222222-2222-2222-2222-222222222222"
VF0 = "0000:41:00.1"
VF1 = "0000:81:00.1"
IRQS0 = (40, 41)
IRQS1 = (50, 51)
PINS = ("2", "3", "10", "11")
DEDICATED = {"hw:cpu_policy": "dedicated"}


class FragileStore(Store):
    """A state folder whose disk is full whenever a test says so."""

    is_full = False
    saves = 0

    def save(self, changes: Changes) -> None:
        """Store changes, or raise StateError."""
        self.saves += 1
        if self.is_full:
            raise StateError("state.db cannot be written: No space left on device")
        super().save(changes)


class Scene:
    """Two nodes (CPUs 0-7 and 8-15), a virtual function with two interrupts on each, and no guest yet."""

    def __init__(self, folder: Path, policy: Policy = Policy()) -> None:
        self.host = FakeHost(folder / "host")
        self.folder = folder
        self.policy = policy
        self.domains: list[str] = []
        self.list_domains: Callable[[], list[Domain]] | None = None
        for address, node, irqs in ((VF0, 0, IRQS0), (VF1, 1, IRQS1)):
            self.host.add_device(address, node)
            self.host.add_vectors(address, irqs, "0-15", effective="0")
        self._generation = 0
        self._auditor: Auditor | None = None
        self._store: FragileStore | None = None

    def add_guest(self, *devices: str, uuid: str = GUEST, pins: tuple[str, ...] = PINS, **options: Any) -> None:
        """Start a guest with these devices (addresses, or whole elements); by default with Nova's dedicated policy."""
        options.setdefault("metadata", nova_metadata("nfv", DEDICATED))
        elements = [device if device.startswith("<") else hostdev(device) for device in devices]
        self.domains.append(domain(f"instance-{len(self.domains)}", uuid, pins, elements, **options))

    def add_masked_guest(self, mask: str, *devices: str, **options: Any) -> None:
        """Start a guest whose Nova metadata carry a mask."""
        specs = DEDICATED | {"hw:pci_irq_affinity_mask": mask}
        self.add_guest(*devices, metadata=nova_metadata("nfv", specs), **options)

    def restart(self) -> None:
        """Forget all that a process would forget."""
        self._auditor = self._store = None

    @property
    def store(self) -> Store:
        """The state folder as another process sees it."""
        return Store(StateFolder(str(self.folder / "state")), "boot-1")

    @property
    def auditor(self) -> Auditor:
        """The auditor of this process."""
        if self._auditor is None:
            self._store = FragileStore(StateFolder(str(self.folder / "state")), "boot-1")
            self._auditor = Auditor("cmp-12", self.host.root, self, self.policy, self._store)
        return self._auditor

    @property
    def saves(self) -> int:
        """How often this process has stored something."""
        return 0 if self._store is None else self._store.saves

    def save(self, changes: Changes) -> None:
        """Store changes as a pass of this process does."""
        assert self._store is not None
        self._store.save(changes)

    def fill_disk(self, *, is_full: bool = True) -> None:
        """Let nothing be stored from now on, or again."""
        assert self._store is not None
        self._store.is_full = is_full

    def audit(self, scope: Scope = Scope()) -> Outcome:
        """Make one pass for real."""
        return self.auditor.audit(scope).outcome

    def rehearse(self, scope: Scope = Scope()) -> Outcome:
        """Make one dry pass."""
        return self.auditor.rehearse(scope).outcome

    def domain(self, uuid: str) -> Domain | None:
        """Ask for one domain."""
        return next((domain for domain in self.active_domains() if domain.uuid == uuid), None)

    def active_domains(self) -> list[Domain]:
        """List the domains of a libvirt that runs just these: each connection has a world of its own."""
        if self.list_domains is not None:
            return self.list_domains()
        self._generation += 1
        hypervisor = Hypervisor(make_libvirt(self.folder / f"libvirt-{self._generation}", self.domains))
        try:
            return list(hypervisor.active_domains())
        finally:
            hypervisor.close()


def document(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as its JSON says it, checked against the schema."""
    made: dict[str, Any] = json.loads(render_json(outcome))
    jsonschema.validate(made, SCHEMA)
    return made


def verdicts(outcome: Outcome) -> dict[int, str]:
    """Return the verdict of each interrupt by number."""
    return {result.action.number: result.verdict.value for result in outcome.results}
