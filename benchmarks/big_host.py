# SPDX-License-Identifier: Apache-2.0
"""A large made-up host in memory, and passes over it. Only this module calls the program for these benchmarks."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from irqaffinity.agent.view import View
from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.verdict import Verdict
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.auditor import Auditor
from irqaffinity.plan.policy import Policy
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.store import Store
from tests.fakes.calls import CountingCalls
from tests.fakes.counts import Counts
from tests.fakes.domains import domain, hostdev, make_libvirt, nova_metadata
from tests.fakes.tree import HostTree

FIRST_IRQ = 100
VCPUS = 8
OWN_VECTORS = 32
"""How many interrupts a device of the host's own has."""

TMPFS = "/dev/shm"


class TimedCalls(CountingCalls):
    """Knows besides when the last write began, and ends what is written with a newline, as the kernel shows it."""

    wrote = 0.0

    def write(self, fd: int, data: bytes) -> int:
        """Note the time, and make the call."""
        self.wrote = time.perf_counter()
        return super().write(fd, data + b"\n")


def device(guest: int, number: int) -> str:
    """Return the address of a device of a guest."""
    return f"{guest + 1:04x}:{number + 1:02x}:00.0"


def uuid(guest: int) -> str:
    """Return the uuid of a guest."""
    return f"00000000-0000-4000-8000-{guest:012x}"


class BigHost:
    """A host with so many guests, devices a guest and vectors a device, none of them in its place.

    It has eight CPUs a guest, or for `room` guests where that is more; those in `spare` are no guest's. Besides these
    interrupts it has `own` ones.
    """

    def __init__(self, folder: Path, guests: int, devices: int, vectors: int, room: int = 0, own: int = 0) -> None:
        self.devices, self.vectors = devices, vectors
        self.irqs = guests * devices * vectors
        self.everywhere = f"0-{max(guests, room) * VCPUS - 1}"
        self.tree = self._make_tree(folder / "host", guests, max(guests, room) * VCPUS)
        self.own, self.spare = own, f"{guests * VCPUS}-{max(guests, room) * VCPUS - 1}" if room > guests else ""
        if own:
            self._add_own(own)
        self.uri = make_libvirt(folder / "libvirt", (self._domain(guest) for guest in range(guests)))
        self.calls = TimedCalls()
        self._folder = folder
        self.auditor = self.make_auditor("state", Policy())
        self._view = View("benchmark")

    def make_auditor(self, state: str, policy: Policy) -> Auditor:
        """Return an auditor of this host that has a state folder of this name for itself."""
        root = HostRoot(str(self.tree.proc), str(self.tree.sys), self.calls)
        store = Store(StateFolder(str(self._folder / state)), "benchmark")
        return Auditor("benchmark", root, Hypervisor(self.uri), policy, store)

    def _make_tree(self, folder: Path, guests: int, cpus: int) -> HostTree:
        half = cpus // 2
        tree = HostTree(folder, {0: f"0-{half - 1}", 1: f"{half}-{cpus - 1}"}, f"0-{cpus - 1}")
        for guest in range(guests):
            for number in range(self.devices):
                tree.add_device(device(guest, number), int(guest * VCPUS >= half))
                first = self.first(guest, number)
                effective = f"{guest * VCPUS + 1}"
                tree.add_vectors(device(guest, number), range(first, first + self.vectors), self.everywhere, effective)
        return tree

    def _add_own(self, count: int) -> None:
        """Add interrupts of the host: network cards and disks of 32 each, and one in eight that is of no PCI device.

        The last one of each 32 comes to a guest's CPU, the others to spare ones; that of a disk cannot move.
        """
        counts, spare = Counts(self.tree, self.everywhere), list(CpuSet.parse(self.spare))
        counts.writes_table = False
        for index in range(count):
            number, (card, queue) = FIRST_IRQ + self.irqs + index, divmod(index, OWN_VECTORS)
            address = None if queue % 8 == 5 else f"ffff:{card + 1:02x}:00.0"
            if queue == 0 and address is not None:
                self.tree.add_device(address, card % 2, "nvme" if card % 2 else "ice")
            is_intruder = queue == OWN_VECTORS - 1
            is_managed = is_intruder and card % 2 == 1
            at = str(index % spare[0] if is_intruder else spare[index % len(spare)])
            affinity = at if is_managed else self.everywhere
            self.tree.add_host_interrupt(number, f"own{index}", affinity, at, address=address, is_managed=is_managed)
            counts.add(number, f"own{index}")
        counts.write()

    def _domain(self, guest: int) -> str:
        metadata = nova_metadata("nfv", {"hw:cpu_policy": "dedicated", "hw:pci_irq_affinity_mask": "1-4,^3,6"})
        pins = [str(cpu) for cpu in range(guest * VCPUS, (guest + 1) * VCPUS)]
        devices = (hostdev(device(guest, number)) for number in range(self.devices))
        return domain(f"instance-{guest:08x}", uuid(guest), pins, devices, metadata=metadata)

    def first(self, guest: int, number: int) -> int:
        """Return the first interrupt of a device of a guest."""
        return FIRST_IRQ + (guest * self.devices + number) * self.vectors

    def audit(self, auditor: Auditor | None = None) -> None:
        """Make a full pass."""
        self._view.saw((auditor or self.auditor).audit(), 0.0, is_full=True)

    def look(self, guest: int) -> None:
        """Look at one guest, without libvirt."""
        self._view.saw(self.auditor.look(uuid(guest)), 0.0, is_full=False)

    def hear(self, number: int) -> None:
        """Do what the agent does when the kernel announces a new interrupt."""
        self.auditor.birth(number)

    def status(self, path: Path) -> None:
        """Write what the status file says of the guests."""
        status: dict[str, Any] = self._view.describe()
        with path.open("w") as file:
            json.dump(status, file, separators=(",", ":"))

    def is_in_place(self) -> bool:
        """Tell whether the last full pass and the looks since found every interrupt in its place."""
        results = self._view.outcome.results
        return len(results) == self.irqs and {result.verdict for result in results} == {Verdict.OK}

    def kill(self, guest: int, number: int) -> None:
        """Take an interrupt of the first device from a guest."""
        os.unlink(self.tree.device_folder(device(guest, 0)) / f"msi_irqs/{number}")

    def bear(self, guest: int, number: int) -> None:
        """Give it back, where it is not in its place."""
        self.tree.put(self.tree.proc / f"irq/{number}/smp_affinity_list", self.everywhere)
        self.tree.put(self.tree.device_folder(device(guest, 0)) / f"msi_irqs/{number}", "msix")
