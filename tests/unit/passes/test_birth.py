# SPDX-License-Identifier: Apache-2.0
"""One interrupt is born: whose it is, where it belongs, and what of the host and the state is touched for it."""

import errno
import logging
import os
import time
from dataclasses import replace

import pytest

from irqaffinity.grammar.device_spec import parse_device_spec
from irqaffinity.guests.life import Life
from irqaffinity.guests.watch import Patience
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import ClaimKind, GuestId
from irqaffinity.model.host import DeviceClaim, SeenGuest
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Changes, Fixed, Record, RememberedSpecs, State
from irqaffinity.model.verdict import Verdict
from irqaffinity.observe.domain import Domain
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.passes.birth import Newborn
from irqaffinity.passes.newborn import await_interrupt, plan_of
from irqaffinity.plan.frame import make_frame
from irqaffinity.plan.plan import decide
from irqaffinity.plan.policy import Distribution, Isolation, Policy, Profile, Scope, Serve
from irqaffinity.plan.targets import DevicePlan
from irqaffinity.state.folder import StateError
from tests.fakes.domains import nova_metadata
from tests.fakes.host import FakeHost, overhear
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene
from tests.fakes.snapshots import VF, VF2, cpus, make_device, make_guest, make_record, make_snapshot

OWNER = GuestId(GUEST)
ADDRESS = PciAddress.parse(VF0)
BORN = 42


@pytest.fixture
def served(scene: Scene) -> Scene:
    """A guest that has both devices and was placed; VF0 has got an interrupt since."""
    scene.add_guest(VF0, VF1)
    scene.audit()
    bear(scene)
    return scene


def bear(scene: Scene, number: int = BORN, device: str = VF0, smp: str = "4-7") -> None:
    """Have a device show an interrupt that no pass has seen."""
    scene.host.add_vectors(device, [number], smp, effective="4")


def count_questions(scene: Scene) -> list[int]:
    """Return a list that grows each time libvirt is asked."""
    asked: list[int] = []
    domains = scene.active_domains()

    def answer() -> list[Domain]:
        asked.append(len(asked))
        return domains

    scene.list_domains = answer
    return asked


def rebind(scene: Scene, driver: str) -> None:
    link = scene.host.device_folder(VF0) / "driver"
    link.unlink()
    scene.host.link(link, scene.host.driver_folder(driver))


def record_of(scene: Scene, number: int = BORN) -> Record | None:
    return scene.store.load().records.get(ADDRESS, {}).get(number)


def assert_left_alone(scene: Scene, born: Newborn, *owners: str) -> None:
    """Assert that a birth only told whose the interrupt is."""
    assert born == Newborn(frozenset(map(GuestId, owners)))
    assert (scene.host.smp(BORN), record_of(scene)) == ("4-7", None)


def test_its_original_is_stored_once_before_the_one_write(served: Scene) -> None:
    saves, written = served.saves, len(served.host.written)
    stored: list[tuple[int, Record | None]] = []
    served.host.on_open_for_write = lambda _number: stored.append((served.saves - saves, record_of(served)))
    born = served.auditor.birth(BORN)
    assert stored == [(1, Record(OWNER, "vfio-pci", cpus("4-7"), cpus("2-3")))]
    assert served.host.written[written:] == [(BORN, "2-3")]
    assert served.saves == saves + 1
    assert born.owners == {GUEST}
    assert born.result is not None
    assert (born.result.verdict, born.result.smp) == (Verdict.SET, cpus("2-3"))


@pytest.mark.parametrize(("serve", "first", "mask"), [(Serve.EMULATOR, "6", "6"), (Serve.HOUSEKEEPING, "0", "0-1")])
def test_it_goes_to_the_cpus_that_are_to_serve(scene: Scene, serve: Serve, first: str, mask: str) -> None:
    scene.policy = Policy(serve=serve, isolation=Isolation(housekeeping_cpus=cpus("0-1")))
    scene.add_guest(VF0, cputune="<emulatorpin cpuset='6'/>")
    scene.audit()
    bear(scene)
    born = scene.auditor.birth(BORN)
    assert born.result is not None
    assert (scene.host.smp(BORN), born.result.effective) == (mask, cpus(first))


def test_no_other_interrupt_is_looked_at(served: Scene) -> None:
    asked, calls = count_questions(served), overhear(served.host)
    served.auditor.birth(BORN)
    interrupts = f"{served.host.proc}/irq/"
    touched = {path.removeprefix(interrupts).split("/")[0] for _, path in calls if path.startswith(interrupts)}
    assert touched == {str(BORN), "default_smp_affinity"}
    assert ("listdir", f"{served.host.sys}/bus/pci/devices/{VF0}/msi_irqs") not in calls
    assert asked == []


def test_what_it_had_at_its_birth_is_given_back(served: Scene) -> None:
    served.auditor.birth(BORN)
    served.domains.clear()
    served.audit()
    assert served.host.smp(BORN) == "4-7"


def test_one_that_is_born_in_its_place_is_not_written(served: Scene) -> None:
    bear(served, smp="2-3")
    written = served.host.writes
    born = served.auditor.birth(BORN)
    assert born.result is not None
    assert (born.result.was_written, served.host.writes) == (False, written)
    assert record_of(served) == make_record(original=None, owner=OWNER)


def test_one_whose_record_holds_still_is_stored_no_second_time(served: Scene) -> None:
    served.auditor.birth(BORN)
    saves = served.saves
    served.host.put(served.host.proc / f"irq/{BORN}/smp_affinity_list", "0-15")
    served.auditor.birth(BORN)
    assert (served.saves, served.host.smp(BORN)) == (saves, "2-3")
    assert record_of(served) == make_record(original="4-7", owner=OWNER)


def test_one_that_was_moved_before_its_earlier_end_was_heard_is_stored_no_second_time(served: Scene) -> None:
    served.auditor.birth(BORN)
    saves, written = served.saves, served.host.writes
    served.auditor.note_ends([BORN])
    served.auditor.birth(BORN)
    assert (served.saves, served.host.writes) == (saves, written)
    assert record_of(served) == make_record(original="4-7", owner=OWNER)
    served.auditor.look(OWNER)
    assert record_of(served) == make_record(original="4-7", owner=OWNER)


def test_a_number_that_another_device_had_is_found_among_all_that_are_claimed(served: Scene) -> None:
    served.host.remove_interrupt(50)
    bear(served, 50)
    assert served.auditor.birth(50).owners == {GUEST}
    assert served.host.smp(50) == "2-3"


def test_the_last_device_of_a_number_is_looked_at_first(served: Scene) -> None:
    calls = overhear(served.host)
    served.auditor.birth(50)
    asked = [path for call, path in calls if call == "stat" and "/msi_irqs/" in path]
    assert asked[0] == f"{served.host.sys}/bus/pci/devices/{VF1}/msi_irqs/50"


def test_a_device_that_had_the_number_and_is_nobodys_now_is_not_looked_at(served: Scene) -> None:
    served.domains.clear()
    served.add_guest(VF0)
    served.audit()
    calls = overhear(served.host)
    assert served.auditor.birth(50) == Newborn(frozenset())
    assert not any(VF1 in path for _, path in calls)


def test_devices_of_a_guest_that_settles_are_looked_at_before_others(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    scene.audit()
    calls, asked = overhear(scene.host), []
    for uuid in (GUEST, OTHER):
        life = scene.auditor.lives.of(GuestId(uuid))
        life.wake(Patience(300.0), 0.0, asks=False)
        calls.clear()
        scene.auditor.birth(7)
        asked.append(next(path for call, path in calls if "/msi_irqs/" in path))
        life.rest()
    assert asked == [f"{scene.host.sys}/bus/pci/devices/{device}/msi_irqs/7" for device in (VF0, VF1)]


def test_one_of_the_hosts_own_is_nobodys_and_nothing_is_opened_for_it(served: Scene) -> None:
    served.host.add_interrupt(7, "4-7")
    saves, calls = served.saves, overhear(served.host)
    assert served.auditor.birth(7) == Newborn(frozenset())
    assert (served.host.smp(7), served.saves) == ("4-7", saves)
    assert {call for call, _ in calls} == {"stat"}


def test_where_no_device_can_be_seen_it_is_not_taken_for_one_of_the_hosts_own(served: Scene) -> None:
    served.host.add_interrupt(7, "4-7")
    (served.host.sys / "bus/pci").rename(served.host.sys / "bus/away")
    with pytest.raises(HostUnreadable):
        served.auditor.birth(7)


def test_under_another_driver_libvirt_is_asked_once_and_then_it_is_placed(served: Scene) -> None:
    asked = count_questions(served)
    rebind(served, "mlx5_vfio_pci")
    served.auditor.birth(BORN)
    assert (asked, served.host.smp(BORN)) == ([0], "2-3")
    record = record_of(served)
    assert record is not None
    assert record.driver == "mlx5_vfio_pci"
    bear(served, 43)
    served.auditor.birth(43)
    assert (asked, served.host.smp(43)) == ([0], "2-3")


def test_a_device_in_doubt_has_libvirt_asked_once(served: Scene) -> None:
    asked = count_questions(served)
    served.auditor.doubt(ADDRESS)
    served.auditor.birth(BORN)
    assert (asked, served.host.smp(BORN)) == ([0], "2-3")


def test_each_device_of_a_guest_is_confirmed_by_itself(served: Scene) -> None:
    asked = count_questions(served)
    bear(served, 52, VF1)
    served.auditor.doubt(PciAddress.parse(VF1))
    served.auditor.birth(52)
    assert (asked, served.host.smp(52)) == ([0], "10-11")


def test_doubt_about_another_device_of_the_guest_has_nobody_asked(served: Scene) -> None:
    asked = count_questions(served)
    served.auditor.doubt(PciAddress.parse(VF1))
    served.auditor.birth(BORN)
    assert (asked, served.host.smp(BORN)) == ([], "2-3")


def test_a_guest_that_libvirt_says_is_gone_gets_nothing(served: Scene) -> None:
    rebind(served, "mlx5_vfio_pci")
    served.domains.clear()
    assert_left_alone(served, served.auditor.birth(BORN))


def test_a_device_that_has_left_its_guest_gets_nothing(served: Scene) -> None:
    """The driver of the host asks for its interrupts as soon as it has the device."""
    rebind(served, "iavf")
    served.domains.clear()
    served.add_guest(VF1)
    assert_left_alone(served, served.auditor.birth(BORN))


def test_a_device_that_has_left_its_guest_is_looked_for_no_more(served: Scene) -> None:
    served.auditor.lives.of(OWNER).wake(Patience(300.0), 0.0, asks=False)
    rebind(served, "iavf")
    served.domains.clear()
    served.add_guest(VF1)
    served.auditor.birth(BORN)
    assert served.auditor.birth(BORN) == Newborn(frozenset())


def test_a_guest_that_cannot_be_read_gets_nothing(served: Scene) -> None:
    served.list_domains = lambda: [Domain(GUEST, "instance-0", error="monitor is busy")]
    served.audit()
    assert_left_alone(served, served.auditor.birth(BORN), GUEST)


def test_a_guest_without_place_gets_nothing(scene: Scene) -> None:
    scene.add_guest(VF0, metadata=nova_metadata("nfv", {"hw:cpu_policy": "shared"}))
    scene.audit()
    bear(scene)
    calls = overhear(scene.host)
    assert_left_alone(scene, scene.auditor.birth(BORN), GUEST)
    assert scene.saves == 0
    assert not any(f"/irq/{BORN}/" in path for _, path in calls)


def test_what_two_guests_claim_is_written_for_neither(served: Scene) -> None:
    served.add_guest(VF0, uuid=OTHER, pins=("4", "12"))
    served.audit()
    assert_left_alone(served, served.auditor.birth(BORN), GUEST, OTHER)


def test_with_spread_it_is_left_to_a_look(scene: Scene) -> None:
    scene.policy = Policy(distribution=Distribution.SPREAD)
    scene.add_guest(VF0)
    scene.audit()
    bear(scene)
    assert_left_alone(scene, scene.auditor.birth(BORN), GUEST)
    scene.auditor.look(OWNER)
    assert scene.host.smp(BORN) in ("2", "3")


SPREAD_ALONE = Policy(
    device_specs=parse_device_spec(f'[{{"address": "{VF0}", "physical_network": "a"}}, {{}}]'),
    profiles=(Profile({"physical_network": "a"}, distribution=Distribution.SPREAD),),
)


@pytest.mark.parametrize("has_decision", [True, False])
def test_only_devices_whose_profile_spreads_are_left_to_a_look(scene: Scene, has_decision: bool) -> None:
    scene.policy = SPREAD_ALONE if has_decision else Policy(device_specs=SPREAD_ALONE.device_specs)
    scene.add_guest(VF0, VF1)
    scene.audit()
    scene.auditor.policy = SPREAD_ALONE
    bear(scene)
    assert_left_alone(scene, scene.auditor.birth(BORN), GUEST)
    scene.host.add_vectors(VF1, [77], "0-15")
    scene.auditor.birth(77)
    assert scene.host.smp(77) == "10-11"


def test_a_device_that_was_never_read_is_left_to_a_look(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    bear(scene)
    scene.audit(Scope(guest=GuestId(OTHER)))
    assert_left_alone(scene, scene.auditor.birth(BORN), GUEST)


def test_the_first_interrupt_of_a_device_is_placed(scene: Scene) -> None:
    scene.host.remove_interrupt(40)
    scene.host.remove_interrupt(41)
    scene.add_guest(VF0)
    scene.audit()
    bear(scene)
    scene.auditor.birth(BORN)
    assert scene.host.smp(BORN) == "2-3"


def test_a_mask_that_was_told_since_the_last_pass_is_left_to_the_look_that_stores_it(scene: Scene) -> None:
    scene.add_guest(VF0, metadata=nova_metadata("nfv"))
    scene.audit()
    bear(scene)
    scene.auditor.remember(OWNER, RememberedSpecs("1", "2026-11-20 12:00:00"))
    assert scene.auditor.birth(BORN) == Newborn(frozenset({OWNER}))
    scene.auditor.look(OWNER)
    assert scene.host.smp(BORN) == "3"


def test_a_policy_that_was_changed_since_the_last_pass_is_heeded(served: Scene) -> None:
    served.auditor.policy = Policy(dedicated_cpus=cpus("3"))
    served.auditor.birth(BORN)
    assert served.host.smp(BORN) == "3"


def test_a_guest_that_has_taken_a_cpu_since_the_last_pass_is_heeded(scene: Scene) -> None:
    scene.add_guest(VF0, metadata="")
    scene.audit()
    bear(scene)
    scene.add_guest(uuid=OTHER, pins=("2", "12"), metadata="")
    scene.auditor.audit_guest(GuestId(OTHER))
    scene.auditor.birth(BORN)
    assert scene.host.smp(BORN) == "3"


def test_each_device_has_the_place_of_its_own_node(served: Scene) -> None:
    bear(served, 52, VF1)
    served.auditor.birth(52)
    assert served.host.smp(52) == "10-11"


def test_a_state_that_cannot_be_saved_lets_nothing_be_written(served: Scene) -> None:
    served.fill_disk()
    with pytest.raises(StateError, match="No space left"):
        served.auditor.birth(BORN)
    served.fill_disk(is_full=False)
    assert (served.host.smp(BORN), record_of(served)) == ("4-7", None)


def test_what_could_not_be_moved_is_tried_again_and_forgotten_first(served: Scene) -> None:
    fixed = Fixed(f"vfio-msix[0]({VF0})", Verdict.IMMOVABLE)
    with served.store.exclusive():
        served.store.save(Changes(fixed={IrqId(ADDRESS, BORN): fixed}))
    served.auditor.birth(BORN)
    assert (served.host.smp(BORN), served.store.load().fixed) == ("2-3", {})


def test_what_is_refused_for_good_is_remembered_for_the_next_process(served: Scene) -> None:
    served.host.refuse(BORN, errno.EINVAL)
    born = served.auditor.birth(BORN)
    assert born.result is not None
    assert born.result.verdict is Verdict.IMMOVABLE
    assert served.store.load().fixed == {IrqId(ADDRESS, BORN): Fixed(f"vfio-msix[0]({VF0})", Verdict.IMMOVABLE)}
    assert record_of(served) is None


def test_one_whose_target_is_full_backs_off_in_the_passes_too(served: Scene) -> None:
    served.host.refuse(BORN, errno.ENOSPC)
    served.auditor.birth(BORN)
    backoff = served.auditor.lives.of(OWNER).backoff
    assert backoff.holds(IrqId(ADDRESS, BORN), CpuSet([2, 3])) is Verdict.NO_VECTOR


def test_one_that_is_moved_away_afterwards_has_drifted(served: Scene) -> None:
    served.auditor.birth(BORN)
    served.host.put(served.host.proc / f"irq/{BORN}/smp_affinity_list", "5")
    drifts = served.auditor.audit().drifts
    assert [(drift.irq.number, drift.belongs) for drift in drifts] == [(BORN, cpus("2-3"))]


ORIGIN = ("frame", "guest", "policy", "specs")


class Decided:
    """A guest whose device belongs on CPU 7 by the last pass, and on CPUs 2-3 by the rules."""

    def __init__(self, **plan: object) -> None:
        self.guest = make_guest()
        device = make_device(driver="vfio-pci")
        self.seen = SeenGuest(self.guest, (DeviceClaim(VF, ClaimKind.HOSTDEV, "vfio-pci"),))
        self.policy, self.specs = Policy(), RememberedSpecs(None, "2026-11-20 12:00:00")
        self.frame = make_frame(make_snapshot().topology, None, {self.guest.uuid: self.seen}, None)
        self.device = device
        self.life = Life(self.guest.uuid, lambda: 0.0)
        held = DevicePlan(VF, self.guest.uuid, 0, "vfio-pci", birthplace=cpus("7"))
        made = decide(self.frame, self.seen, {}, State(), self.policy)
        self.life.decision = replace(made, devices=(replace(held, **plan),))  # type: ignore[arg-type]
        self.life.decided_from = (self.frame, self.seen, self.policy, self.specs)

    def target(self) -> str:
        state = State(extra_specs={self.guest.uuid: self.specs})
        plan = plan_of(self.frame, self.life, self.seen, self.device, state, self.policy)
        return str(None if plan is None else plan.birthplace)


def test_what_a_pass_decided_holds() -> None:
    assert Decided().target() == "7"


@pytest.mark.parametrize("index", range(4), ids=ORIGIN)
def test_what_a_pass_decided_from_something_else_is_decided_anew(index: int) -> None:
    decided = Decided()
    origin = decided.life.decided_from
    decided.life.decided_from = (*origin[:index], object(), *origin[index + 1 :])
    assert decided.target() == "2-3"


def test_what_a_pass_gave_no_place_has_none() -> None:
    assert Decided(birthplace=None).target() == "None"


@pytest.mark.parametrize("plan", [{"address": VF2}, {"driver": "iavf"}])
def test_a_plan_for_another_device_or_another_driver_is_none(plan: dict[str, object]) -> None:
    assert Decided(**plan).target() == "2-3"


def test_what_was_never_decided_is_decided_now() -> None:
    decided = Decided()
    decided.life.decision = None
    assert decided.target() == "2-3"


class Moments:
    """A clock that goes on with each look at a file, and whenever somebody sleeps."""

    def __init__(self, host: FakeHost, monkeypatch: pytest.MonkeyPatch, look: float, *, start: float = 0.0) -> None:
        self.now = start
        self.slept: list[float] = []
        self.looks = 0
        self._look = look
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self._sleep)
        host.called = self._called  # type: ignore[method-assign]

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def _called(self, call: str, _path: str) -> None:
        self.looks += call == "open"
        self.now += self._look if call == "open" else 0.0
        self.heed()

    def heed(self) -> None:
        """Do nothing when time has passed."""


def test_one_that_proc_has_at_once_is_not_waited_for(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.add_interrupt(BORN, "4-7", "4")
    moments = Moments(host, monkeypatch, 0.0001)
    interrupt = await_interrupt(host.root, BORN)
    assert interrupt is not None
    assert (interrupt.number, interrupt.smp, interrupt.effective) == (BORN, cpus("4-7"), None)
    assert (moments.looks, moments.slept) == (1, [])


def test_for_half_a_millisecond_it_is_looked_for_without_a_pause(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = Moments(host, monkeypatch, 0.00025)
    moments.heed = lambda: host.add_interrupt(BORN, "4-7") if moments.looks == 3 else None  # type: ignore[method-assign]
    assert await_interrupt(host.root, BORN) is not None
    assert (moments.looks, moments.slept) == (3, [])


def test_later_it_is_looked_for_with_pauses_that_grow_with_the_wait(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = Moments(host, monkeypatch, 0.001, start=1000.0)
    moments.heed = lambda: host.add_interrupt(BORN, "4-7") if moments.looks == 3 else None  # type: ignore[method-assign]
    assert await_interrupt(host.root, BORN) is not None
    assert moments.slept == [pytest.approx(0.0005), pytest.approx(0.00125)]


def test_one_that_never_comes_is_given_up_after_five_milliseconds(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = Moments(host, monkeypatch, 0.002)
    assert await_interrupt(host.root, BORN) is None
    assert (moments.looks, moments.slept) == (3, [0.001, 0.0025])


def test_a_birth_that_is_told_a_millisecond_before_proc_has_it_is_placed(
    served: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = served.host.proc / f"irq/{BORN}"
    away = folder.rename(served.host.proc / "later")
    moments = Moments(served.host, monkeypatch, 0.00001)
    start = moments.now

    def come() -> None:
        if moments.now > start + 0.001 and away.exists():
            away.rename(folder)

    moments.heed = come  # type: ignore[method-assign]
    born = served.auditor.birth(BORN)
    assert born.result is not None
    assert (born.result.verdict, served.host.smp(BORN)) == (Verdict.SET, "2-3")


def test_a_birth_that_proc_never_has_is_left_to_a_look(served: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    away = (served.host.proc / f"irq/{BORN}").rename(served.host.proc / "away")
    saves = served.saves
    Moments(served.host, monkeypatch, 0.00001)
    assert served.auditor.birth(BORN) == Newborn(frozenset({OWNER}))
    assert (served.saves, away.exists(), record_of(served)) == (saves, True, None)


@pytest.fixture
def lined(scene: Scene) -> Scene:
    """A guest with a device that has no interrupt but INTx line 17, which vfio serves for it alone."""
    scene.host.add_device("0000:41:00.2", 0, line=17)
    scene.host.add_interrupt(17, "4-7", action="vfio-intx(0000:41:00.2)")
    scene.add_guest("0000:41:00.2", VF0)
    return scene


def test_an_intx_line_tells_its_guest_and_is_left_to_a_look(lined: Scene) -> None:
    lined.audit(Scope(device=ADDRESS))
    lined.host.put(lined.host.proc / "irq/17/smp_affinity_list", "4-7")
    assert lined.auditor.birth(17) == Newborn(frozenset({OWNER}))
    assert lined.host.smp(17) == "4-7"


def test_the_line_of_a_device_that_was_never_read_tells_its_guest(lined: Scene) -> None:
    lined.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    lined.audit(Scope(guest=GuestId(OTHER)))
    assert lined.auditor.birth(17) == Newborn(frozenset({OWNER}))


def test_another_line_is_nobodys(lined: Scene) -> None:
    lined.audit()
    assert lined.auditor.birth(18) == Newborn(frozenset())


def test_the_line_of_a_device_that_has_vectors_is_not_read(lined: Scene) -> None:
    lined.host.add_vectors("0000:41:00.2", [60], "0-15")
    lined.audit()
    calls = overhear(lined.host)
    assert lined.auditor.birth(17) == Newborn(frozenset())
    assert {call for call, _ in calls} == {"stat"}


def refuse_msi(scene: Scene, device: str) -> None:
    """Have nobody told which interrupts a device has."""

    def fail(call: str, path: str) -> None:
        if f"{device}/msi_irqs" in path:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)

    scene.host.called = fail  # type: ignore[method-assign]


def test_a_guest_whose_device_cannot_be_read_may_be_the_owner(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "irqaffinity.passes.cradle")
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    scene.audit()
    refuse_msi(scene, VF1)
    assert scene.auditor.birth(7) == scene.auditor.birth(7) == Newborn(frozenset({GuestId(OTHER)}))
    scene.host.called = lambda call, path: None  # type: ignore[method-assign]
    assert scene.auditor.birth(7) == Newborn(frozenset())
    refuse_msi(scene, VF1)
    scene.auditor.birth(7)
    told = [record for record in caplog.records if record.name == "irqaffinity.passes.cradle"]
    assert [record.levelname for record in told] == ["WARNING", "DEBUG", "WARNING"]
    assert told[0].getMessage() == (
        "the owner of a new interrupt cannot be read, so guests are looked at: "
        f"[Errno {errno.EMFILE}] {os.strerror(errno.EMFILE)}: '{scene.host.sys}/bus/pci/devices/{VF1}/msi_irqs/7'"
    )


def test_all_guests_whose_devices_cannot_be_read_may_be_the_owner(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    scene.audit()
    refuse_msi(scene, "")
    assert scene.auditor.birth(7).owners == {GUEST, OTHER}


def test_a_device_that_can_be_read_and_lists_it_settles_whose_it_is(served: Scene) -> None:
    served.domains.clear()
    served.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    served.add_guest(VF0)
    served.audit()
    refuse_msi(served, VF1)
    assert served.auditor.birth(BORN).owners == {GUEST}
