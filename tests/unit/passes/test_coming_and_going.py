# SPDX-License-Identifier: Apache-2.0
"""Guests come and go, devices change hands, processes are killed: in the end every original is back."""

import itertools
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from irqaffinity.hypervisor.connection import LibvirtUnreachable
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import parse_guest_id
from irqaffinity.model.record import Changes, Records
from irqaffinity.observe.domain import Domain
from irqaffinity.passes.auditor import Auditor
from irqaffinity.plan.policy import HostDriver, HostDrivers, Isolation, IsolationMode, Policy
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.store import Store
from tests.fakes.domains import domain, hostdev, nova_metadata
from tests.fakes.host import FakeHost
from tests.fakes.scene import DEDICATED, GUEST, OTHER, VF0, VF1

NIC, PARENT, MACVTAP = "0000:01:00.0", "0000:03:00.0", "0000:03:02.0"
NODES = {NIC: 0, PARENT: 0, MACVTAP: 0, VF0: 0, VF1: 1}
ALL, ON_NODE = CpuSet.parse("0-15"), {0: CpuSet.parse("0-7"), 1: CpuSet.parse("8-15")}
HOUSEKEEPING = CpuSet.parse("0-1,8-9")
DIRECT = "<interface type='direct'><source dev='eth9' mode='passthrough'/></interface>"
OWN = ("2-4,6", "10-12,14", "3-7,11", "0-15")
"""What drivers choose: no guest's CPUs and no narrowed default, for nobody can tell these from others."""

PINS = st.lists(st.sampled_from(sorted(ALL - HOUSEKEEPING)), min_size=1, max_size=3, unique=True)
DEVICES = st.lists(st.sampled_from([VF0, VF1, MACVTAP]), max_size=2, unique=True)
GUESTS = st.sampled_from([GUEST, OTHER])
DEATHS = st.none() | st.tuples(st.sampled_from(["save", "saved", "write"]), st.integers(1, 3))


class Killed(BaseException):
    """The process is no more."""


class Line(NamedTuple):
    """An interrupt of the host, and what it would have without the program; None for a guest's."""

    device: str | None
    own: CpuSet | None


class Machine(RuleBasedStateMachine):
    """A host with guests, and an agent that may die with any write and any row that it stores."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.host = FakeHost(self.folder / "host")
        self.host.called = lambda call, path: self.live_through(call)  # type: ignore[method-assign]
        self.lines: dict[int, Line] = {}
        self.guests: dict[str, tuple[list[int], list[str]]] = {}
        self.numbers = itertools.count(20)
        self.mode, self.is_away = IsolationMode.ENFORCE, False
        self.death: tuple[str, int] | None = None
        for address, node in NODES.items():
            self.host.add_device(address, node, "iavf", parent=None if address in (NIC, PARENT) else PARENT)
        self.host.add_netdev("eth9", MACVTAP)
        self.auditor = self.new_agent()
        for address, own in ((NIC, None), (NIC, OWN[0]), (MACVTAP, None), (VF0, None), (VF1, OWN[1]), (None, None)):
            self.bear(address, own)

    def new_agent(self) -> Auditor:
        store = self.dying(Store(StateFolder(str(self.folder / "state")), "boot-1"))
        return Auditor("cmp-1", self.host.root, self, self.policy(), store)

    def dying(self, store: Store) -> Store:
        """Return a store with which the agent may die."""
        save = store.save

        def save_or_die(changes: Changes) -> None:
            self.live_through("save")
            save(changes)
            self.live_through("saved")

        store.save = save_or_die  # type: ignore[method-assign]
        return store

    def policy(self) -> Policy:
        return Policy(host_driver=HostDrivers.both(HostDriver.VCPU), isolation=Isolation(self.mode, HOUSEKEEPING))

    def live_through(self, moment: str) -> None:
        if self.death is not None and self.death[0] == moment:
            self.death = moment, self.death[1] - 1
            if not self.death[1]:
                raise Killed

    def active_domains(self) -> list[Domain]:
        if self.is_away:
            raise LibvirtUnreachable("it is away")
        return [Domain(uuid, uuid[:4], self.xml(uuid)) for uuid in self.guests]

    def domain(self, uuid: str) -> Domain | None:
        return next((each for each in self.active_domains() if each.uuid == uuid), None)

    def xml(self, uuid: str) -> str:
        pins, devices = self.guests[uuid]
        elements = [DIRECT if address == MACVTAP else hostdev(address) for address in devices]
        return domain(uuid[:4], uuid, [str(cpu) for cpu in pins], elements, metadata=nova_metadata("nfv", DEDICATED))

    def work(self, task: Callable[[Auditor], object], death: tuple[str, int] | None = None) -> bool:
        """Have the agent do something, and tell whether it could; start a new one where it was killed."""
        self.death, self.auditor.policy = death, self.policy()
        try:
            task(self.auditor)
        except Killed:
            self.auditor = self.new_agent()
            return False
        except LibvirtUnreachable:
            return False
        finally:
            self.death = None
        return True

    def bear(self, address: str | None, own: str | None = None, action: str = "") -> None:
        """Make an interrupt as the kernel does, which reports it (kernel/irq/manage.c, irq_setup_affinity)."""
        number, near = next(self.numbers), ALL if address is None else ON_NODE[NODES[address]]
        smp = CpuSet.parse(own) if own else self.default() & near
        is_guests = action.startswith("vfio")
        self.lines[number] = Line(address, None if is_guests else CpuSet.parse(own) if own else near)
        self.host.add_host_interrupt(number, action or f"line{number}", str(smp), str(min(smp)), address=address)
        self.work(lambda auditor: auditor.birth(number))

    def end(self, number: int) -> None:
        del self.lines[number]
        self.host.remove_interrupt(number)
        self.auditor.note_ends([number])

    def hand_over(self, address: str, driver: str) -> None:
        """Give a device another driver, which makes interrupts of its own."""
        for number in [number for number, line in self.lines.items() if line.device == address]:
            self.end(number)
        link = self.host.device_folder(address) / "driver"
        link.unlink()
        self.host.link(link, self.host.driver_folder(driver))
        for index in range(2):
            self.bear(address, action=f"vfio-msix[{index}]({address})" if driver == "vfio-pci" else "")

    def default(self) -> CpuSet:
        return CpuSet.from_mask(int((self.host.proc / "irq/default_smp_affinity").read_text().replace(",", ""), 16))

    def kept(self) -> CpuSet:
        return CpuSet(cpu for pins, _ in self.guests.values() for cpu in pins)

    @rule(uuid=GUESTS, pins=PINS, devices=DEVICES, death=DEATHS)
    def start_or_move(self, uuid: str, pins: list[int], devices: list[str], death: tuple[str, int] | None) -> None:
        free = [cpu for cpu in pins if cpu not in self.kept()]
        if not free:
            return
        if uuid in self.guests:
            self.guests[uuid] = free, self.guests[uuid][1]
        else:
            taken = [address for _, each in self.guests.values() for address in each]
            self.guests[uuid] = free, [address for address in devices if address not in taken]
            for address in self.guests[uuid][1]:
                if address != MACVTAP:
                    self.hand_over(address, "vfio-pci")
        self.work(lambda auditor: auditor.audit_guest(parse_guest_id(uuid)), death)

    @precondition(lambda self: self.guests and not self.is_away)
    @rule(data=st.data(), death=DEATHS)
    def stop(self, data: st.DataObject, death: tuple[str, int] | None) -> None:
        self.stop_one(data.draw(st.sampled_from(sorted(self.guests))), death)

    def stop_one(self, uuid: str, death: tuple[str, int] | None = None) -> None:
        _, devices = self.guests.pop(uuid)
        while not self.work(lambda auditor: auditor.audit_guest(parse_guest_id(uuid)), death):
            death = None
        for address in devices:
            if address != MACVTAP:
                self.hand_over(address, "iavf")

    @rule(address=st.sampled_from([NIC, VF0, None]), own=st.none() | st.sampled_from(OWN))
    def bear_or_end(self, address: str | None, own: str | None) -> None:
        fitting = [number for number, line in self.lines.items() if line.device == address and line.own is not None]
        if len(fitting) > 3:
            self.end(fitting[0])
        elif address in (NIC, None) or fitting:
            self.bear(address, own)

    @rule(mode=st.sampled_from([IsolationMode.ENFORCE, IsolationMode.ENFORCE, IsolationMode.REPORT, IsolationMode.OFF]))
    def switch(self, mode: IsolationMode) -> None:
        self.mode = mode

    @rule(is_away=st.booleans())
    def lose_or_find_libvirt(self, is_away: bool) -> None:
        self.is_away = is_away

    @rule(death=DEATHS)
    def look_at_the_host(self, death: tuple[str, int] | None) -> None:
        self.work(lambda auditor: auditor.isolate(), death)

    @rule()
    def restart(self) -> None:
        """A new agent knows no guest before libvirt has answered, and so it gives nothing back."""
        self.auditor, writes = self.new_agent(), self.host.writes
        self.work(lambda auditor: auditor.isolate())
        assert self.host.writes == writes

    @rule(death=DEATHS)
    def reset(self, death: tuple[str, int] | None) -> None:
        if self.work(lambda auditor: auditor.reset(), death):
            self.require_originals()

    @rule(death=DEATHS)
    def audit(self, death: tuple[str, int] | None) -> None:
        if not self.work(lambda auditor: auditor.audit(), death):
            return
        for number, line in self.lines.items():
            cpus = CpuSet.parse(self.host.smp(number))
            owner = next((pins for pins, devices in self.guests.values() if line.device in devices), None)
            if owner is not None:
                assert cpus <= CpuSet(owner), (number, line)
            elif self.mode is IsolationMode.ENFORCE:
                assert not cpus & self.kept(), (number, line)
        self.auditor.audit()
        writes, changes = self.host.writes, self.auditor.audit().draft.work.changes
        assert (self.host.writes, bool(changes)) == (writes, False)

    def records(self) -> Records:
        """Return the records as another process sees them."""
        return Store(StateFolder(str(self.folder / "state")), "boot-1").load().records

    def require_originals(self) -> None:
        hosts = {number: str(line.own) for number, line in self.lines.items() if line.own is not None}
        assert {number: self.host.smp(number) for number in hosts} == hosts
        assert self.default() == ALL

    def teardown(self) -> None:
        try:
            self.is_away = False
            for uuid in tuple(self.guests):
                self.stop_one(uuid)
            for _ in range(2):
                assert self.work(lambda auditor: auditor.audit())
            self.require_originals()
            assert not self.records()
        finally:
            shutil.rmtree(self.folder)


TestComingAndGoing = Machine.TestCase
TestComingAndGoing.settings = settings(deadline=None, max_examples=100, stateful_step_count=20)
