# SPDX-License-Identifier: Apache-2.0
"""The loop that makes passes, over a fake host and libvirt's own test driver; a test moves its clock."""

from pathlib import Path

from irqaffinity.agent.births import Births
from irqaffinity.agent.counters import Counters
from irqaffinity.agent.view import View
from irqaffinity.agent.worker import Tunables, Worker
from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.listen.queue import WakeQueue
from irqaffinity.observe.rivals import find_rivals
from irqaffinity.passes.auditor import Auditor
from irqaffinity.plan.policy import Policy
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.store import Store
from irqaffinity.state.tolerant import TolerantStore
from tests.fakes.domains import domain, hostdev, make_libvirt, nova_metadata
from tests.fakes.host import FakeHost
from tests.fakes.scene import DEDICATED, GUEST, VF0

INTERVAL = 60.0


class Rig:
    """A worker whose clock is moved by the test, which never waits, and whose work costs what the test says."""

    def __init__(self, folder: Path, host: FakeHost, *, metadata: str = "") -> None:
        host.add_device(VF0, 0)
        host.add_vectors(VF0, [40, 41], "0-15", effective="0")
        self.host = host
        self.now = 1000.0
        self.spent = 0.0
        self.hears_births = False
        metadata = metadata or nova_metadata("nfv", DEDICATED)
        guest = domain("vm", GUEST, ["2", "3"], [hostdev(VF0)], metadata=metadata)
        self.uri = make_libvirt(folder / "libvirt", [guest])
        self.hypervisor = Hypervisor(self.uri)
        self.store = TolerantStore(Store(StateFolder(str(folder / "state")), "boot-1"))
        self.auditor = Auditor("cmp-1", host.root, self.hypervisor, Policy(), self.store, self.clock, gathers=True)
        self.queue = WakeQueue(self.clock)
        self.counters = Counters()
        self.births = Births(self.auditor, self.queue, self.counters, self.clock)
        self.view = View("cmp-1", self.auditor.lives.waiting)
        tunables = Tunables(Policy(), INTERVAL, 300.0, self.uri)
        self.worker = Worker(
            self.auditor,
            self.hypervisor,
            self.look_for_rivals,
            self.queue,
            tunables,
            self.counters,
            self.view,
            self.clock,
            lambda: self.spent,
            hears_births=lambda: self.hears_births,
        )

    def look_for_rivals(self) -> None:
        self.view.saw_rivals(find_rivals(self.host.root))

    def clock(self) -> float:
        return self.now

    def step(self, seconds: float = 0.0) -> None:
        """Let time pass, and make what is due."""
        self.now += seconds
        self.worker._step(self.queue.take(0))
        self.worker.libvirt.watch()

    def settle(self) -> None:
        """Make looks until nobody is watched."""
        while self.worker.settling:
            self.step(0.5)

    def move(self, number: int, cpus: str) -> None:
        """Move an interrupt as another program would."""
        self.host.put(self.host.proc / f"irq/{number}/smp_affinity_list", cpus)
