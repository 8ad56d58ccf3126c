# SPDX-License-Identifier: Apache-2.0
"""Holds while guests come and go, interrupts drift, processes are killed, hosts boot and clocks jump.

In a hold nothing that was placed is moved. When it is over, all is where a host without holds would have it, and every
original is back in the end.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import parse_guest_id
from irqaffinity.model.hold import Hold, Moment
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Records
from irqaffinity.model.verdict import Verdict
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.auditor import Auditor
from irqaffinity.passes.holds import HoldInForce, add_hold, lift_holds
from irqaffinity.plan.hold import is_ended
from irqaffinity.plan.policy import HostDriver, HostDrivers, Isolation, IsolationMode, Policy
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.store import Store
from tests.fakes.scene import GUEST, OTHER, VF0, VF1
from tests.unit.passes.test_coming_and_going import DEATHS, HOUSEKEEPING, MACVTAP, NIC, OWN, PINS, Machine

START = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
MINUTES = st.integers(1, 120)
SELDOM = st.sampled_from([False, False, False, True])
_WRITTEN = re.compile(r".*/irq/(?:(\d+)/smp_affinity_list|default_smp_affinity)")


class Holding(Machine):
    """The same host, with people who make and lift holds.

    `ends` has of each hold, until it was lifted or forgotten, when it ends: in minutes of its boot's clock, and by the
    date. `known` has the owner of each recorded interrupt at the beginning of a pass ("" for the host), which is what
    "was placed" means; `placed` those of guests that the program moved, until it gave them back.
    """

    def __init__(self) -> None:
        self.boots, self.minutes, self.date = 1, 0, START
        self.made: dict[int, Hold] = {}
        self.ends: dict[int, tuple[int, datetime]] = {}
        self.known: dict[int, str] = {}
        self.placed: set[int] = set()
        self.driver, self.is_forced = HostDriver.VCPU, False
        super().__init__()
        self.host.called = self.look_at_call  # type: ignore[method-assign]

    def read(self, _root: HostRoot) -> Moment:
        return Moment(self.date, f"boot-{self.boots}", self.minutes * 60.0)

    def store(self) -> Store:
        return Store(StateFolder(str(self.folder / "state")), f"boot-{self.boots}")

    def new_agent(self) -> Auditor:
        store = self.dying(self.store())
        return Auditor("cmp-1", self.host.root, self, self.policy(), store, read=self.read)

    def policy(self) -> Policy:
        return Policy(host_driver=HostDrivers.both(self.driver), isolation=Isolation(self.mode, HOUSEKEEPING))

    def records(self) -> Records:
        return self.store().peek().records

    def current(self) -> list[Hold]:
        """Return the holds in force, by the rules' own words."""
        boot = f"boot-{self.boots}"
        return [
            self.made[number]
            for number, (minute, date) in self.ends.items()
            if (self.minutes < minute if self.made[number].boot_id == boot else self.date < date)
        ]

    def covers(self, hold: Hold, number: int | None, owner: str) -> bool:
        if hold.guest is not None:
            return hold.guest == owner
        device = None if number is None else self.lines[number].device
        return hold.device is None or str(hold.device) == device

    def owner(self, number: int | None) -> str:
        """Return the guest whose interrupt it is, or was when it was placed; "" for the host."""
        if number is None:
            return ""
        device = self.lines[number].device
        claimed = [uuid for uuid, (_, devices) in self.guests.items() if device in devices]
        return claimed[0] if claimed else self.known.get(number, "")

    def holding(self, number: int | None) -> list[Hold]:
        """Return the holds that forbid to move an interrupt, or the default affinity."""
        owner = self.owner(number)
        is_placed = not owner or number in self.known
        return [each for each in self.current() if self.covers(each, number, owner) and (is_placed or each.everything)]

    def look_at_call(self, call: str, path: str) -> None:
        found = _WRITTEN.fullmatch(path) if call == "open_write" else None
        if found is not None:
            number = None if found[1] is None else int(found[1])
            assert self.is_forced or not self.holding(number), (number, self.current())
            if number is not None and self.owner(number):
                self.placed.add(number)
        self.live_through(call)

    def work(self, task: Callable[[Auditor], object], death: tuple[str, int] | None = None) -> bool:
        before = self.records()
        self.known = {number: record.owner for of_device in before.values() for number, record in of_device.items()}
        is_done = super().work(task, death)
        state = self.store().peek()
        recorded = {number for of_device in state.records.values() for number in of_device}
        for number in sorted(self.placed):
            if number not in self.lines:
                self.placed.discard(number)
            elif number not in recorded:
                assert self.is_forced or not self.holding(number), number
                self.placed.discard(number)
        for number in self.ends.keys() - {hold.id for hold in self.current()}:
            if number not in state.holds or is_ended(state.holds[number]):
                del self.ends[number]
        return is_done

    @initialize(whose=st.sampled_from([None, GUEST]), pins=PINS)
    def begin(self, whose: str | None, pins: list[int]) -> None:
        """Begin with a guest and a hold, so that there is something to move and something against it."""
        self.start_or_move(GUEST, pins, [VF0, MACVTAP], None)
        self.hold(whose, None, everything=False, minutes=180)

    @rule(
        whose=st.sampled_from([None, None, GUEST, OTHER]),
        device=st.sampled_from([None, None, VF0, VF1, MACVTAP, NIC]),
        everything=st.booleans(),
        minutes=MINUTES.map(lambda minutes: 3 * minutes),
    )
    def hold(self, whose: str | None, device: str | None, everything: bool, minutes: int) -> None:
        made = add_hold(
            self.store(),
            self.read(self.host.root),
            self.date + timedelta(minutes=minutes),
            "why",
            guest=None if whose is None else parse_guest_id(whose),
            device=None if device is None or whose is not None else PciAddress.parse(device),
            everything=everything,
        )
        assert made.id not in self.made
        self.made[made.id], self.ends[made.id] = made, (self.minutes + minutes, made.until)
        self.pass_by()

    @precondition(lambda self: self.ends)
    @rule(data=st.data())
    def unhold(self, data: st.DataObject) -> None:
        meant = data.draw(st.sets(st.sampled_from(sorted(self.ends)), min_size=1))
        self.lift(meant)
        self.pass_by()

    def lift(self, meant: set[int]) -> None:
        current = {hold.id for hold in self.current()}
        lifted = {
            hold.id for hold in lift_holds(self.store(), self.read(self.host.root), lambda each: each.id in meant)
        }
        assert lifted == meant & current
        if lifted:
            self.ends = {number: ends for number, ends in self.ends.items() if number in current - meant}

    @rule(minutes=MINUTES, jump=st.sampled_from([0, 0, -600, 600]))
    def wait(self, minutes: int, jump: int) -> None:
        """Let time pass, in which somebody may set the clock."""
        self.minutes, self.date = self.minutes + minutes, self.date + timedelta(minutes=minutes + jump)
        self.pass_by()

    @precondition(lambda self: self.lines)
    @rule(data=st.data(), cpus=st.sampled_from(OWN))
    def drift(self, data: st.DataObject, cpus: str) -> None:
        """Somebody moves an interrupt that vfio has for a guest, and the agent looks at that."""
        theirs = [number for number, line in self.lines.items() if line.own is None]
        if theirs:
            number = data.draw(st.sampled_from(theirs))
            self.host.put(self.host.proc / f"irq/{number}/smp_affinity_list", cpus)
            self.work(lambda auditor: auditor.look(parse_guest_id(self.owner(number))))
            self.pass_by()

    @rule(driver=st.sampled_from([HostDriver.VCPU, HostDriver.SKIP]))
    def configure(self, driver: HostDriver) -> None:
        self.driver = driver
        self.pass_by()

    @rule(minutes=MINUTES, is_done=SELDOM)
    def boot(self, minutes: int, is_done: bool) -> None:
        """Boot the host: all interrupts are others, and no guest runs."""
        if not is_done:
            return
        self.guests.clear()
        for number in list(self.lines):
            self.host.remove_interrupt(number)
        for address in (VF0, VF1):
            link = self.host.device_folder(address) / "driver"
            link.unlink()
            self.host.link(link, self.host.driver_folder("iavf"))
        self.host.put(self.host.proc / "irq/default_smp_affinity", "ffff")
        self.lines, self.placed, self.is_away = {}, set(), False
        self.boots, self.minutes, self.date = self.boots + 1, 0, self.date + timedelta(minutes=minutes)
        self.auditor = self.new_agent()
        for address in (NIC, MACVTAP, VF0, VF1, None):
            self.bear(address)

    @rule(death=DEATHS, is_forced=SELDOM)
    def reset(self, death: tuple[str, int] | None, is_forced: bool) -> None:
        if self.current() and not is_forced:
            with pytest.raises(HoldInForce, match=r"hold \d+ \(why\) until .*: lift (it|them) first"):
                self.auditor.reset()
            return
        self.is_forced = True
        if self.work(lambda auditor: auditor.reset(is_forced=is_forced), death):
            self.require_originals()
            assert not self.store().peek().deferred
        self.is_forced = False

    def pass_by(self) -> None:
        """Let the agent make its pass of each minute."""
        if self.work(lambda auditor: auditor.audit()):
            self.require_places()

    @rule(death=DEATHS)
    def audit(self, death: tuple[str, int] | None) -> None:
        outcome = []
        if not self.work(lambda auditor: outcome.append(auditor.audit().outcome), death):
            return
        self.require_places()
        state, isolated = self.store().peek(), outcome[0].isolated
        results = [*outcome[0].results, *(() if isolated is None else isolated.results)]
        held = {result.action.irq for result in results if result.verdict is Verdict.HELD}
        assert state.deferred.keys() == held
        assert {row.hold for row in state.deferred.values()} <= {hold.id for hold in self.current()}
        assert [hold.id for hold in outcome[0].holds] == sorted(hold.id for hold in self.current())
        self.work(lambda auditor: auditor.audit())
        writes, made = self.host.writes, self.auditor.audit()
        assert (self.host.writes, bool(made.draft.work.changes)) == (writes, False)
        if not self.current():
            assert not self.store().peek().deferred
            other = Auditor("cmp-1", self.host.root, self, self.policy(), self.store(), read=self.read)
            assert other.rehearse().outcome.exit_status() == 0

    def require_places(self) -> None:
        """Find each interrupt in its place, unless a hold keeps it away from there."""
        for number, line in self.lines.items():
            cpus = CpuSet.parse(self.host.smp(number))
            owner = next((pins for pins, devices in self.guests.values() if line.device in devices), None)
            if self.holding(number) or (line.device == MACVTAP and owner and self.driver is HostDriver.SKIP):
                continue
            if owner is not None:
                assert cpus <= CpuSet(owner), (number, line)
            elif self.mode is IsolationMode.ENFORCE:
                assert not cpus & self.kept(), (number, line)

    def teardown(self) -> None:
        self.lift(set(self.ends))
        super().teardown()


TestHolding = Holding.TestCase
TestHolding.settings = settings(deadline=None, max_examples=40, stateful_step_count=20)
