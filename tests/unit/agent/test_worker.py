# SPDX-License-Identifier: Apache-2.0
"""The loop that makes passes, a step at a time, over a fake host and libvirt's own test driver."""

import errno
import os
from pathlib import Path

import pytest

from irqaffinity.agent.counters import Counters
from irqaffinity.agent.settle import AGAIN
from irqaffinity.agent.view import View
from irqaffinity.agent.worker import FIGHT_PAUSE, LibvirtStuck, Pace, Worker
from irqaffinity.audit import Auditor
from irqaffinity.demo.domains import domain, hostdev, make_libvirt, nova_metadata
from irqaffinity.hypervisor.connection import Hypervisor, LibvirtUnreachable
from irqaffinity.listen.queue import WakeQueue, Wakes
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import RememberedSpecs
from irqaffinity.observe.domain import Domain
from irqaffinity.plan.policy import Policy
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.store import Store
from irqaffinity.state.tolerant import TolerantStore
from tests.fakes.host import FakeHost
from tests.fakes.scene import DEDICATED, GUEST, VF0

INTERVAL = 60.0


class Rig:
    """A worker whose clock is moved by the test, and which never waits."""

    def __init__(self, folder: Path, host: FakeHost, *, metadata: str = "") -> None:
        host.add_device(VF0, 0)
        host.add_vectors(VF0, [40, 41], "0-15", effective="0")
        self.host = host
        self.now = 1000.0
        self.is_told = False
        metadata = metadata or nova_metadata("nfv", DEDICATED)
        guest = domain("vm", GUEST, ["2", "3"], [hostdev(VF0)], metadata=metadata)
        self.uri = make_libvirt(folder / "libvirt", [guest])
        self.hypervisor = Hypervisor(self.uri)
        self.store = TolerantStore(Store(StateFolder(str(folder / "state")), "boot-1"))
        self.auditor = Auditor("cmp-1", host.root, self.hypervisor, Policy(), self.store, self.clock)
        self.queue = WakeQueue(self.clock)
        self.counters = Counters()
        self.view = View("cmp-1")
        pace = Pace(Policy(), INTERVAL, 300.0, self.uri)
        self.worker = Worker(
            self.auditor,
            self.hypervisor,
            host.root,
            self.queue,
            pace,
            self.counters,
            self.view,
            self.clock,
            is_told=lambda: self.is_told,
        )

    def clock(self) -> float:
        return self.now

    def step(self, seconds: float = 0.0) -> None:
        """Let time pass, and make what is due."""
        self.now += seconds
        self.worker._step(self.queue.take(0))
        self.worker._watch_libvirt()

    def settle(self) -> None:
        """Make looks until nobody is watched."""
        while self.worker.settling:
            self.step(0.5)

    def move(self, number: int, cpus: str) -> None:
        """Move an interrupt as another program would."""
        self.host.put(self.host.proc / f"irq/{number}/smp_affinity_list", cpus)


@pytest.fixture
def rig(tmp_path: Path, host: FakeHost) -> Rig:
    made = Rig(tmp_path, host)
    made.step()
    return made


def test_the_first_step_is_a_full_pass_whose_guests_are_watched(rig: Rig) -> None:
    assert rig.host.smp(40) == "2-3"
    assert rig.worker.started.is_set()
    assert rig.worker.settling == [GUEST]
    rig.settle()
    assert rig.counters.drifts == 0


def test_the_audit_comes_every_interval_and_not_before(rig: Rig) -> None:
    rig.settle()
    rig.move(40, "5")
    rig.now = 1000.0 + INTERVAL * 0.9
    rig.step()
    assert rig.host.smp(40) == "5"
    rig.step(INTERVAL * 0.2)
    assert rig.host.smp(40) == "2-3"
    assert rig.counters.drifts == 1


def test_a_wall_clock_that_jumps_is_not_looked_at(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 0.0)
    rig.settle()
    rig.move(40, "5")
    rig.step(INTERVAL * 1.1)
    assert rig.host.smp(40) == "2-3"


def test_an_interrupt_that_comes_while_the_guest_settles_is_placed_at_once_and_is_no_drift(rig: Rig) -> None:
    for _ in range(5):
        rig.move(40, "0-15")
        rig.step(0.05)
        assert rig.host.smp(40) == "2-3"
    assert rig.counters.drifts == 0


def test_a_fight_is_repaired_once_a_minute_and_a_rebirth_at_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.settle()

    def audit() -> str:
        rig.move(40, "5")
        rig.queue.wake_all()
        rig.step(1.0)
        return rig.host.smp(40)

    assert [audit() for _ in range(5)] == ["2-3", "2-3", "2-3", "5", "5"]
    assert caplog.text.count("drift again and again") == 1
    rig.queue.wake_all()
    rig.step(FIGHT_PAUSE)
    assert rig.host.smp(40) == "2-3"
    rig.move(40, "0-15")
    rig.queue.wake(GuestId(GUEST))
    rig.step(0.1)
    assert rig.host.smp(40) == "2-3"


def test_a_uevent_wakes_the_owner_of_the_device_and_nobody_for_another(rig: Rig) -> None:
    rig.settle()
    rig.queue.wake_owner(PciAddress.parse("0000:99:00.0"))
    rig.step()
    assert rig.worker.settling == []
    rig.queue.wake_owner(PciAddress.parse(VF0))
    rig.step()
    assert rig.worker.settling == [GUEST]


def test_extra_specs_of_a_notification_are_heeded_at_once(tmp_path: Path, host: FakeHost) -> None:
    rig = Rig(tmp_path, host, metadata=nova_metadata("nfv"))
    rig.step()
    rig.settle()
    rig.queue.tell(GuestId(GUEST), RememberedSpecs("1", "2026-11-20 12:00:00"))
    rig.step()
    assert rig.host.smp(40) == "3"


def test_the_time_from_wake_to_place_is_counted(rig: Rig) -> None:
    rig.settle()
    rig.queue.wake(GuestId(GUEST))
    rig.move(40, "0-15")
    rig.step(0.03)
    assert (sum(rig.counters.wake_seconds.counts), rig.counters.wake_seconds.total) == (1, pytest.approx(0.03))


def test_a_new_pace_is_used_at_once(rig: Rig) -> None:
    rig.settle()
    rig.worker.change_pace(Pace(Policy(dedicated_cpus=CpuSet([3])), 5.0, 1.0, rig.uri))
    rig.step()
    assert rig.host.smp(40) == "3"
    rig.move(40, "5")
    rig.step(5.5)
    assert rig.host.smp(40) == "3"


def test_a_pass_that_fails_is_told_and_made_again_soon(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.settle()
    online = rig.host.sys / "devices/system/cpu/online"
    kept = online.rename(online.with_name("away"))
    rig.queue.wake_all()
    rig.step()
    assert "cpu/online cannot be read" in caplog.text
    assert "cpu/online" in rig.view.describe()["last_audit"]["error"]
    kept.rename(online)
    rig.move(40, "5")
    rig.step(2.0)
    assert rig.host.smp(40) == "2-3"
    assert rig.view.describe()["last_audit"]["error"] is None


def test_a_libvirt_that_is_stuck_for_a_minute_ends_the_worker(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hypervisor, "is_stuck", True)
    rig.worker._watch_libvirt()
    rig.now += 59
    rig.worker._watch_libvirt()
    rig.now += 2
    with pytest.raises(LibvirtStuck, match="has not answered for 60 s"):
        rig.worker._watch_libvirt()


def test_a_refused_interrupt_is_shown_with_its_reason(rig: Rig) -> None:
    rig.settle()
    rig.move(40, "5")
    rig.host.refuse(40, errno.ERANGE)
    rig.queue.wake_all()
    rig.step()
    placement = rig.view.describe()["placement"]
    assert [(row["irq"], row["verdict"]) for row in placement["troubles"]] == [(40, "offline")]
    assert placement["summary"]["failed"] == 1
    assert placement["devices"][0]["verdicts"] == {"offline": 1, "ok": 1}


def test_what_a_look_saw_stands_in_the_view_beside_the_rest(rig: Rig) -> None:
    rig.host.add_vectors(VF0, [42], "0-15", effective="0")
    rig.step(0.05)
    assert rig.view.describe()["placement"]["devices"][0]["irqs"] == "40-42"
    assert rig.view.outcome.summary()["irqs"] == 3


def test_twelve_hours_of_audits_keep_descriptors_and_memory_flat(rig: Rig) -> None:
    def usage() -> tuple[int, int]:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return len(os.listdir("/proc/self/fd")), pages * os.sysconf("SC_PAGE_SIZE")

    def audit(times: int) -> None:
        for _ in range(times):
            rig.queue.wake_all()
            rig.step(8.64)

    rig.host.written = Forgetful()
    audit(500)
    descriptors, memory = usage()
    audit(5000)
    after = usage()
    assert after[0] == descriptors
    assert after[1] - memory < 4 * 1024**2
    assert rig.counters.passes["full", "done"] == 5501


class Forgetful(list[tuple[int, str]]):
    """Keeps nothing, so that the fake does not grow."""

    def append(self, _item: tuple[int, str]) -> None:
        return


def break_answer(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on libvirt refuses the XML of the guest."""
    refused = Domain(GUEST, "vm", error="the domain is locked")
    monkeypatch.setattr(rig.hypervisor, "domain", lambda _uuid: refused)
    monkeypatch.setattr(rig.hypervisor, "active_domains", lambda: [refused])


def test_a_guest_that_cannot_be_read_for_a_moment_is_watched_on(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        break_answer(rig, broken)
        rig.queue.wake(GuestId(GUEST))
        rig.step(0.05)
        rig.queue.wake_all()
        rig.step(0.05)
        assert rig.worker.settling == [GUEST]
    rig.move(40, "0-15")
    rig.step(1.1)
    assert rig.host.smp(40) == "2-3"


def test_after_libvirt_was_away_every_guest_is_watched(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.settle()
    with monkeypatch.context() as broken:
        broken.setattr(rig.hypervisor, "active_domains", unreachable)
        rig.queue.wake_all()
        rig.step()
        assert not rig.worker.link.state.is_up
    rig.step(2.0)
    assert rig.worker.link.state.is_up
    assert rig.worker.settling == [GUEST]


def test_a_cpu_that_goes_while_libvirt_is_away_is_heeded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.settle()
    monkeypatch.setattr(rig.hypervisor, "active_domains", unreachable)
    rig.host.put(rig.host.sys / "devices/system/cpu/online", "0-1,3-15")
    rig.queue.wake_all()
    rig.step()
    assert rig.host.smp(40) == "3"


def unreachable() -> list[Domain]:
    raise LibvirtUnreachable("libvirt is away")


def test_an_interrupt_that_an_audit_finds_has_its_guest_watched_for_more(rig: Rig) -> None:
    rig.settle()
    rig.step(INTERVAL * 1.1)
    assert rig.worker.settling == []
    rig.host.add_vectors(VF0, [42], "0-15")
    rig.step(INTERVAL * 1.1)
    assert (rig.host.smp(42), rig.worker.settling) == ("2-3", [GUEST])


def test_the_same_mask_again_wakes_nobody_and_writes_nothing(tmp_path: Path, host: FakeHost) -> None:
    rig = Rig(tmp_path, host, metadata=nova_metadata("nfv"))
    rig.step()
    rig.settle()
    stored = []
    for second in range(4):
        rig.queue.tell(GuestId(GUEST), RememberedSpecs(None, f"2026-11-20 12:00:0{second}"))
        rig.step()
        stored.append((tmp_path / "state/state.json").stat().st_mtime_ns)
        rig.settle()
    assert stored[1:] == stored[:1] * 3
    rig.queue.tell(GuestId(GUEST), RememberedSpecs("1", "2026-11-20 12:00:02.5"))  # older than the last
    rig.step()
    assert (rig.worker.settling, rig.host.smp(40)) == ([], "2-3")


def test_a_rival_that_never_rests_is_drift_once_the_time_to_boot_is_over(rig: Rig) -> None:
    for _ in range(250):
        rig.move(40, "5")
        rig.step(2.0)
    assert rig.worker.settling == []
    assert rig.counters.drifts > 0


def test_a_trouble_that_stays_is_an_error_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    (rig.host.sys / "devices/system/cpu/online").unlink()
    for _ in range(400):
        rig.step(1.0)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert rig.worker.settling == []


def test_the_worker_is_alive_while_libvirt_answers_slowly(rig: Rig) -> None:
    rig.now += 50.0
    rig.hypervisor.active_domains()
    assert rig.worker.heartbeat == rig.now


def test_the_birth_of_an_interrupt_has_its_owner_looked_at_long_after_it_settled(rig: Rig) -> None:
    rig.settle()
    rig.host.add_vectors(VF0, [40, 41, 42], "0-15", effective="0")
    rig.queue.wake_vector(42)
    rig.step(1.0)
    assert rig.host.smp(42) == "2-3"


def test_the_birth_of_an_interrupt_of_nobody_wakes_nobody(rig: Rig) -> None:
    rig.settle()
    rig.queue.wake_vector(7)
    rig.step(1.0)
    assert rig.worker.settling == []


@pytest.mark.parametrize("code", [errno.EMFILE, errno.EACCES])
def test_the_birth_of_an_interrupt_whose_owner_cannot_be_read_has_the_guest_looked_at(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    rig.settle()
    refused = [0]

    def refuse(path: str) -> list[str]:
        refused[0] += 1
        raise OSError(code, os.strerror(code), path)

    for _ in range(2):
        with monkeypatch.context() as broken:
            broken.setattr(rig.host, "listdir", refuse)
            rig.worker._note_woken(Wakes(vectors={7: rig.now}), ())
        assert rig.worker.settling == [GUEST]
        rig.settle()
    assert refused[0] > 0
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 1
    assert told[0].startswith("whose a new interrupt is cannot be read, so guests are looked at: ")


def test_a_host_that_cannot_be_read_at_all_does_not_end_the_loop(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the step was woken by: a process that is out of descriptors gets some again."""
    rig.settle()

    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as broken:
        for call in ("open", "listdir", "readlink", "stat"):
            broken.setattr(rig.host, call, refuse)
        rig.queue.wake_vector(40)
        rig.queue.wake(GuestId(GUEST))
        rig.queue.wake_owner(PciAddress.parse(VF0))
        rig.queue.wake_all()
        rig.queue.tell(GuestId(GUEST), RememberedSpecs("1", "2026-11-20 12:00:00"))
        for _ in range(5):
            rig.step(1.0)
    rig.move(40, "5")
    rig.queue.wake_all()
    rig.step(60.0)
    assert rig.host.smp(40) == "2-3"


def test_a_birth_asks_libvirt_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.settle()
    monkeypatch.setattr(rig.hypervisor, "domain", lambda uuid: pytest.fail("libvirt was asked"))
    rig.queue.wake_vector(40)
    rig.step(1.0)
    assert rig.worker.settling == [GUEST]


def test_an_interrupt_that_was_told_before_proc_had_it_is_placed_a_moment_later(rig: Rig) -> None:
    rig.is_told = True
    rig.settle()
    folder = rig.host.sys / f"bus/pci/devices/{VF0}/msi_irqs"
    rig.host.put(folder / "42", "msix")
    rig.queue.wake_vector(42)
    rig.step(1.0)
    rig.host.add_vectors(VF0, [40, 41, 42], "0-15", effective="0")
    rig.step(0.001)
    assert rig.host.smp(42) == "2-3"


def test_the_report_says_how_new_interrupts_are_learnt_of(rig: Rig) -> None:
    assert rig.view.describe()["host_facts"]["msi_source"] == "poll"
    rig.is_told = True
    rig.queue.wake_all()
    rig.step(1.0)
    assert rig.view.describe()["host_facts"]["msi_source"] == "trace"


def rebind(rig: Rig, driver: str) -> None:
    link = rig.host.device_folder(VF0) / "driver"
    link.unlink()
    rig.host.link(link, rig.host.sys / "bus/pci/drivers" / driver)
    rig.move(40, "0-15")


def test_a_device_that_changed_its_driver_is_left_alone_until_libvirt_names_it_again(rig: Rig) -> None:
    rig.settle()
    rebind(rig, "mlx5_vfio_pci")
    rig.queue.wake_vector(40)
    rig.step()
    assert rig.host.smp(40) == "0-15"
    assert rig.worker.settling == [GUEST]
    rig.step(AGAIN)
    assert rig.host.smp(40) == "2-3"


def test_a_device_that_changed_its_driver_while_libvirt_is_away_is_left_alone(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.settle()
    rebind(rig, "mlx5_vfio_pci")
    with monkeypatch.context() as broken:
        broken.setattr(rig.hypervisor, "active_domains", unreachable)
        rig.queue.wake_all()
        for _ in range(5):
            rig.step(INTERVAL)
            assert rig.host.smp(40) == "0-15"
    rig.step(INTERVAL)
    assert rig.host.smp(40) == "2-3"


def test_a_device_of_which_the_kernel_told_while_libvirt_is_away_is_left_alone(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have left its guest and come back under the same driver, for somebody else."""
    rig.settle()
    with monkeypatch.context() as broken:
        broken.setattr(rig.hypervisor, "active_domains", unreachable)
        rig.queue.wake_all()
        rig.step()
        rig.move(40, "0-15")
        rig.queue.wake_owner(PciAddress.parse(VF0))
        for _ in range(5):
            rig.step(INTERVAL)
            assert rig.host.smp(40) == "0-15"
    rig.step(INTERVAL)
    assert rig.host.smp(40) == "2-3"


def test_a_birth_ends_what_is_known_of_an_interrupt_that_could_not_be_moved(rig: Rig) -> None:
    rig.settle()
    rig.host.refuse(40, errno.EINVAL)
    rig.move(40, "0-15")
    rig.queue.wake_all()
    rig.step()
    rig.host.accept(40)
    rig.queue.wake_all()
    rig.step()
    assert rig.host.smp(40) == "0-15"
    rig.queue.wake_vector(40)
    rig.step()
    assert rig.host.smp(40) == "2-3"
