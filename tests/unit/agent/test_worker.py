# SPDX-License-Identifier: Apache-2.0
"""The loop that makes passes, a step at a time, over a fake host and libvirt's own test driver."""

import contextlib
import errno
import gc
import itertools
import logging
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from irqaffinity.agent.attend import FIGHT_PAUSE
from irqaffinity.agent.counters import Counters
from irqaffinity.agent.view import View
from irqaffinity.agent.worker import Tunables, Worker
from irqaffinity.guests.changes import QUIET
from irqaffinity.guests.drift import FIGHT
from irqaffinity.guests.life import Life
from irqaffinity.guests.watch import AGAIN, FAST, Watch
from irqaffinity.hypervisor.connection import Hypervisor, LibvirtUnreachable
from irqaffinity.hypervisor.reach import LibvirtStuck
from irqaffinity.listen.queue import Wakes
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.host import MsiSource
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import RememberedSpecs
from irqaffinity.model.times import HEARTBEAT, STUCK
from irqaffinity.model.verdict import Verdict
from irqaffinity.observe.domain import Domain
from irqaffinity.passes.auditor import Auditor
from irqaffinity.plan.policy import Policy
from irqaffinity.state.lock import LockTaken
from tests.fakes.domains import domain, make_libvirt, nova_metadata
from tests.fakes.host import FakeHost
from tests.fakes.scene import GUEST, OTHER, VF0
from tests.patience import HANG
from tests.unit.agent.rig import INTERVAL, Rig
from tests.unit.state.sample import await_copiers


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
    assert caplog.text.count(": fight; put back once a minute") == 1
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
    rig.queue.hear(GuestId(GUEST), RememberedSpecs("1", "2026-11-20 12:00:00"), asks=False)
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
    rig.worker.tune(Tunables(Policy(dedicated_cpus=CpuSet([3])), 5.0, 1.0, rig.uri))
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
    rig.worker.libvirt.watch()
    rig.now += 59
    rig.worker.libvirt.watch()
    rig.now += 2
    with pytest.raises(LibvirtStuck, match="has not answered for 60 s"):
        rig.worker.libvirt.watch()


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
        await_copiers()
        gc.collect()  # what other tests have left open is not this one's
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
        assert not rig.worker.libvirt.link.state.is_up
    rig.step(2.0)
    assert rig.worker.libvirt.link.state.is_up
    assert rig.worker.settling == [GUEST]


def test_a_cpu_that_goes_while_libvirt_is_away_is_heeded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.settle()
    monkeypatch.setattr(rig.hypervisor, "active_domains", unreachable)
    rig.host.put(rig.host.sys / "devices/system/cpu/online", "0-1,3-15")
    rig.queue.wake_all()
    rig.step()
    assert rig.host.smp(40) == "3"


def lose_libvirt(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have libvirt away once the guests have settled, and the loop know of it."""
    rig.settle()
    monkeypatch.setattr(rig.hypervisor, "active_domains", unreachable)
    rig.queue.wake_all()
    rig.step()


def test_an_agent_that_begins_while_libvirt_is_away_takes_no_guest_for_gone(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.settle()
    with monkeypatch.context() as patch:
        for name in ("active_domains", "domain"):
            patch.setattr(rig.hypervisor, name, lambda *_: unreachable())
        rig.auditor = Auditor("cmp-1", rig.host.root, rig.hypervisor, Policy(), rig.store, rig.clock, gathers=True)
        tunables, view = Tunables(Policy(), INTERVAL, 300.0, rig.uri), View("cmp-1", rig.auditor.lives.waiting)
        rig.worker = Worker(
            rig.auditor, rig.hypervisor, rig.look_for_rivals, rig.queue, tunables, rig.counters, view, rig.clock
        )
        rig.step()
        rig.queue.hear_of_stranger(GUEST)
        for _ in range(10):
            rig.step(0.5)
        assert (rig.worker.libvirt.is_up, rig.host.smp(40)) == (False, "2-3")
    rig.step(INTERVAL)
    rig.settle()
    assert (rig.worker.libvirt.is_up, rig.host.smp(40)) == (True, "2-3")


def test_while_libvirt_is_away_guests_are_repaired_once_in_an_interval_and_whenever_that_is_asked_for(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_libvirt(rig, monkeypatch)
    rig.move(40, "5")
    rig.step(2.0)
    assert rig.host.smp(40) == "5"
    rig.queue.wake_all()
    rig.step()
    assert rig.host.smp(40) == "2-3"
    rig.move(40, "5")
    for _ in range(int(INTERVAL) - 1):
        rig.step(1.0)
        assert rig.host.smp(40) == "5"
    rig.step(INTERVAL)
    assert rig.host.smp(40) == "2-3"


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
        rig.queue.hear(GuestId(GUEST), RememberedSpecs(None, f"2026-11-20 12:00:0{second}"), asks=False)
        rig.step()
        stored.append((tmp_path / "state/state.db-wal").stat().st_mtime_ns)
        rig.settle()
    assert stored[1:] == stored[:1] * 3
    rig.queue.hear(GuestId(GUEST), RememberedSpecs("1", "2026-11-20 12:00:02.5"), asks=False)  # older than the last
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
    rig.births.born(42)
    rig.step(1.0)
    assert rig.host.smp(42) == "2-3"


def test_the_birth_of_an_interrupt_of_nobody_wakes_nobody(rig: Rig) -> None:
    rig.settle()
    rig.births.born(7)
    rig.step(1.0)
    assert rig.worker.settling == []


@pytest.mark.parametrize("code", [errno.EMFILE, errno.EACCES])
def test_the_birth_of_an_interrupt_whose_owner_cannot_be_read_has_the_guest_looked_at(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    rig.settle()

    def refuse(_call: str, path: str) -> None:
        if "/msi_irqs/" in path:
            raise OSError(code, os.strerror(code), path)

    for _ in range(2):
        with monkeypatch.context() as broken:
            broken.setattr(rig.host, "called", refuse)
            rig.births.born(7)
        rig.step()
        assert rig.worker.settling == [GUEST]
        rig.settle()
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 1
    assert told[0].startswith("the owner of a new interrupt cannot be read, so guests are looked at: ")


def test_a_host_that_cannot_be_read_at_all_does_not_end_the_loop(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the step was woken by: a process that is out of descriptors gets some again."""
    rig.settle()

    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as broken:
        for call in ("open", "listdir", "readlink", "stat"):
            broken.setattr(rig.host, call, refuse)
        rig.births.born(40)
        rig.queue.wake(GuestId(GUEST))
        rig.queue.wake_owner(PciAddress.parse(VF0))
        rig.queue.wake_all()
        rig.queue.hear(GuestId(GUEST), RememberedSpecs("1", "2026-11-20 12:00:00"), asks=False)
        for _ in range(5):
            rig.step(1.0)
    rig.move(40, "5")
    rig.queue.wake_all()
    rig.step(60.0)
    assert rig.host.smp(40) == "2-3"


def test_a_birth_asks_libvirt_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.settle()
    monkeypatch.setattr(rig.hypervisor, "domain", lambda uuid: pytest.fail("libvirt was asked"))
    rig.births.born(40)
    rig.step(1.0)
    assert rig.worker.settling == [GUEST]


def test_an_interrupt_that_was_told_before_proc_had_it_is_placed_a_moment_later(rig: Rig) -> None:
    rig.hears_births = True
    rig.settle()
    folder = rig.host.sys / f"bus/pci/devices/{VF0}/msi_irqs"
    rig.host.put(folder / "42", "msix")
    rig.births.born(42)
    rig.step(1.0)
    rig.host.add_vectors(VF0, [40, 41, 42], "0-15", effective="0")
    rig.step(0.001)
    assert rig.host.smp(42) == "2-3"


def test_the_report_says_how_new_interrupts_are_learnt_of(rig: Rig) -> None:
    assert rig.view.describe()["host_facts"]["msi_source"] == "poll"
    rig.hears_births = True
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
    rig.queue.wake_parent(GuestId(GUEST))
    rig.step()
    assert rig.host.smp(40) == "0-15"
    assert rig.worker.settling == [GUEST]
    rig.step(AGAIN)
    assert rig.host.smp(40) == "2-3"


def test_a_birth_under_another_driver_is_placed_once_libvirt_names_the_device_again(rig: Rig) -> None:
    rig.settle()
    rebind(rig, "mlx5_vfio_pci")
    rig.births.born(40)
    assert rig.host.smp(40) == "2-3"


@pytest.mark.parametrize("answer", [None, LibvirtUnreachable("stopped")], ids=["gone", "away"])
def test_a_birth_under_another_driver_is_left_alone_where_libvirt_does_not_name_the_device(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, answer: Exception | None
) -> None:
    rig.settle()
    rebind(rig, "mlx5_vfio_pci")

    def domain_of(_uuid: str) -> None:
        if answer is not None:
            raise answer

    monkeypatch.setattr(rig.hypervisor, "domain", domain_of)
    if answer is not None:
        monkeypatch.setattr(rig.hypervisor, "active_domains", unreachable)
    rig.births.born(40)
    rig.step()
    assert rig.host.smp(40) == "0-15"


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
    rig.births.born(40)
    rig.step()
    assert rig.host.smp(40) == "2-3"


def end_guest(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on libvirt has no guest."""
    monkeypatch.setattr(rig.hypervisor, "domain", lambda _uuid: None)
    monkeypatch.setattr(rig.hypervisor, "active_domains", list)


@pytest.mark.parametrize("is_full", [True, False])
@pytest.mark.parametrize("is_settled", [True, False])
def test_a_guest_that_ends_is_given_back_and_looked_at_no_more(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, is_settled: bool, is_full: bool
) -> None:
    if is_settled:
        rig.settle()
    end_guest(rig, monkeypatch)
    if is_full:
        rig.queue.wake_all()
    else:
        rig.queue.wake(GuestId(GUEST))
    rig.step(0.05)
    assert (rig.host.smp(40), rig.worker.settling) == ("0-15", [])


def test_a_guest_that_ends_after_a_device_has_left_it_is_looked_at_no_more(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.settle()
    rebind(rig, "iavf")
    rig.queue.wake_parent(GuestId(GUEST))
    rig.step()
    assert rig.worker.settling == [GUEST]
    end_guest(rig, monkeypatch)
    rig.step(AGAIN)
    assert rig.worker.settling == []


def test_a_guest_that_ended_is_held_by_nothing_after_the_next_full_pass(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.settle()
    life = weakref.ref(rig.auditor.lives.of(GuestId(GUEST)))
    end_guest(rig, monkeypatch)
    rig.queue.wake(GuestId(GUEST))
    rig.step()
    rig.step(QUIET)
    rig.queue.wake_all()
    rig.step(1.0)
    gc.collect()
    assert (life(), list(rig.auditor.lives), rig.view._parts) == (None, [], {})


def looks(rig: Rig) -> int:
    """Return how often one guest was looked at, with libvirt or without."""
    return rig.counters.passes["guest", "done"] + rig.counters.looks["done"]


def full_passes(rig: Rig) -> int:
    return rig.counters.passes["full", "done"]


def life_of(rig: Rig) -> Life:
    return rig.auditor.lives.of(GuestId(GUEST))


def watch_of(rig: Rig) -> Watch:
    watch = life_of(rig).watch
    assert watch is not None
    return watch


def error_of(rig: Rig) -> object:
    return rig.view.describe()["last_audit"]["error"]


def test_before_the_first_step_nothing_was_audited(tmp_path: Path, host: FakeHost) -> None:
    rig = Rig(tmp_path, host)
    assert (rig.worker.audited, rig.worker.heartbeat, rig.worker.started.is_set()) == (None, rig.now, False)
    assert rig.worker.settling == []
    rig.now += 5.0
    rig.step()
    assert rig.worker.audited == rig.now


def test_a_worker_that_is_told_nothing_of_births_polls(rig: Rig) -> None:
    tunables = Tunables(Policy(), INTERVAL, 300.0, rig.uri)
    rig.auditor.learn_from(MsiSource.TRACE)
    worker = Worker(
        rig.auditor, rig.hypervisor, rig.look_for_rivals, rig.queue, tunables, Counters(), View("x"), rig.clock
    )
    worker._step(Wakes(everything=True))
    assert rig.auditor.rehearse().facts.msi_source is MsiSource.POLL


def test_a_worker_that_was_stopped_makes_no_pass_and_waits_for_nothing(rig: Rig) -> None:
    before = full_passes(rig), looks(rig)
    taken: list[Wakes] = []
    rig.worker.stop()
    taker = threading.Thread(target=lambda: taken.append(rig.queue.take(3600.0)), daemon=True)
    taker.start()
    taker.join(HANG)
    assert taken == [Wakes()]
    rig.queue.wake_all()
    rig.worker.run()
    assert (full_passes(rig), looks(rig)) == before


def test_once_it_is_stopped_no_other_guest_is_looked_at(rig: Rig) -> None:
    rig.settle()
    before = looks(rig)
    rig.worker.stop()
    rig.queue.wake(GuestId(GUEST))
    rig.step()
    assert looks(rig) == before


def test_the_loop_goes_on_until_it_is_stopped(rig: Rig) -> None:
    thread = threading.Thread(target=rig.worker.run, daemon=True)
    thread.start()
    for _ in range(2):
        rig.worker.started.clear()
        rig.queue.wake_all()
        assert rig.worker.started.wait(HANG)
    rig.worker.stop()
    thread.join(HANG)
    assert not thread.is_alive()


def test_the_loop_beats_makes_what_is_due_and_gives_up_a_libvirt_that_is_stuck(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hypervisor, "is_stuck", True)
    rig.worker.libvirt.watch()
    rig.now += STUCK + 1.0
    rig.queue.wake_all()
    with pytest.raises(LibvirtStuck):
        rig.worker.run()
    assert rig.worker.heartbeat == rig.now
    assert rig.counters.passes["full", "libvirt_unreachable"] == 1


def test_what_has_not_settled_is_told_also_where_libvirt_is_stuck(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.settle()
    rig.host.put(rig.host.proc / "irq/40/smp_affinity_list", "0-15")
    rig.auditor.look(GuestId(GUEST))
    assert life_of(rig).unsettled
    monkeypatch.setattr(Hypervisor, "is_stuck", True)
    rig.worker.libvirt.watch()
    rig.now += STUCK + 1.0
    rig.queue.wake_all()
    monkeypatch.setattr(rig.worker, "_step", lambda _: None)
    with pytest.raises(LibvirtStuck):
        rig.worker.run()
    assert not life_of(rig).unsettled


def test_it_waits_for_the_next_look_the_next_audit_and_no_longer_than_its_heart_may_rest(rig: Rig) -> None:
    assert rig.worker._idle_time() == pytest.approx(FAST)
    rig.settle()
    assert rig.worker._idle_time() == HEARTBEAT
    rig.now = rig.worker._audit_due - 2.0
    assert rig.worker._idle_time() == 2.0
    life_of(rig).wake(rig.worker._patience, rig.now, asks=False)
    assert rig.worker._idle_time() == 0.0


def test_an_audit_is_made_when_it_is_due(rig: Rig) -> None:
    rig.settle()
    rig.now = rig.worker._audit_due
    rig.step()
    assert full_passes(rig) == 2


def test_audits_of_many_hosts_are_not_in_step(rig: Rig) -> None:
    pauses = []
    for _ in range(60):
        rig.queue.wake_all()
        rig.step(1.0)
        pauses.append(rig.worker._audit_due - rig.now)
    assert INTERVAL * 0.95 <= min(pauses) < INTERVAL * 0.98
    assert INTERVAL * 1.02 < max(pauses) <= INTERVAL * 1.05


def test_a_look_is_made_when_it_is_due_and_not_before(rig: Rig) -> None:
    before = looks(rig)
    rig.step()
    assert looks(rig) == before
    rig.now = watch_of(rig).next_look
    rig.step()
    assert looks(rig) == before + 1


def test_another_libvirt_is_asked_once_it_is_named(rig: Rig, tmp_path: Path) -> None:
    uri = make_libvirt(tmp_path / "another", [domain("other", OTHER, ["4"])])
    rig.worker.tune(Tunables(Policy(), INTERVAL, 300.0, uri))
    rig.step()
    assert set(rig.auditor.guests) == {OTHER}


def test_another_libvirt_is_named_also_where_it_cannot_be_reached(rig: Rig) -> None:
    rig.worker.tune(Tunables(Policy(), INTERVAL, 300.0, "test:///nowhere/at/all"))
    rig.step()
    state = rig.worker.libvirt.link.state
    assert (state.peer, state.is_up, rig.worker.libvirt.link.losses) == ("test:///nowhere/at/all", False, 0)


def test_of_two_changes_at_once_the_second_one_lasts_wherever_it_comes_between(rig: Rig) -> None:
    """It comes between each two steps of the interpreter in turn."""
    step = Worker._step.__code__
    left, second = 0, Tunables(Policy(), INTERVAL, 300.0, rig.uri)

    def trace(frame: FrameType, event: str, _argument: object) -> Callable[..., Any] | None:
        nonlocal left
        if frame.f_code is not step:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                rig.worker.tune(second)
        return trace

    sys._getframe().f_trace_opcodes = True  # Python 3.12 looks in settrace whether any frame asks for them
    for moment in itertools.count(1):
        rig.worker.tune(Tunables(Policy(), INTERVAL, 300.0, rig.uri))
        left, second, before = moment, Tunables(Policy(), INTERVAL, 300.0 + moment, rig.uri), sys.gettrace()
        sys.settrace(trace)
        try:
            rig.worker._step(Wakes())
        finally:
            sys.settrace(before)
        if left > 0:
            break  # the step has no more
        rig.worker._step(Wakes())
        assert rig.worker._tunables is second
        assert rig.worker._patience.boot == second.boot
    assert moment > 50


def test_a_new_time_to_boot_is_used_at_once(rig: Rig) -> None:
    rig.worker.tune(Tunables(Policy(), INTERVAL, 7.0, rig.uri))
    rig.step()
    assert rig.worker._patience.boot == 7.0


def test_the_mask_of_a_guest_that_is_not_here_wakes_nobody(rig: Rig) -> None:
    rig.settle()
    rig.queue.hear_of_stranger(GuestId(OTHER), RememberedSpecs("1", "2026-11-20 12:00:00"), asks=False)
    rig.step()
    assert (rig.worker.settling, OTHER in rig.auditor.lives) == ([], False)


def test_a_birth_that_was_placed_is_confirmed_a_moment_later_and_libvirt_not_asked(rig: Rig) -> None:
    rig.settle()
    before = looks(rig)
    rig.queue.confirm(GuestId(GUEST))
    rig.step()
    assert (looks(rig), watch_of(rig).next_look, watch_of(rig).asks) == (before, rig.now + FAST, False)


def test_a_guest_that_appears_is_watched_and_libvirt_not_asked_again(
    tmp_path: Path, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path, host)
    monkeypatch.setattr(rig.hypervisor, "domain", lambda _uuid: pytest.fail("libvirt was asked"))
    rig.step()
    assert (looks(rig), rig.worker.settling) == (1, [GUEST])


def test_the_time_to_the_place_begins_with_the_first_event(rig: Rig) -> None:
    rig.settle()
    rig.queue.wake(GuestId(GUEST))
    rig.step()
    rig.now += 0.06
    rig.move(40, "0-15")
    rig.queue.wake(GuestId(GUEST))
    rig.step(0.06)
    assert rig.counters.wake_seconds.total == pytest.approx(0.12)


def test_the_writes_and_the_times_of_passes_are_counted(tmp_path: Path, host: FakeHost) -> None:
    rig = Rig(tmp_path, host)

    def take_time(_number: int) -> None:
        rig.now += 0.25

    host.on_open_for_write = take_time
    host.refuse(41, errno.ERANGE)
    rig.step()
    assert rig.counters.writes == {"set": 1}
    assert rig.counters.failures == {"offline": 2}
    assert (rig.counters.passes, rig.counters.looks) == ({("full", "done"): 1}, {"done": 1})
    times = rig.counters.pass_seconds
    assert [(sum(times[kind].counts), times[kind].total) for kind in ("full", "guest")] == [(1, 0.5), (0, 0.0)]
    host.refuse(41, errno.ENOSPC)
    rig.queue.wake(GuestId(GUEST))
    rig.step()
    rig.step(1.0)
    assert rig.counters.failures == {"offline": 2, "no_vector": 1}, "what is not tried again is not counted again"
    assert (rig.counters.passes["guest", "done"], sum(times["guest"].counts)) == (1, 1)
    assert times["guest"].total == pytest.approx(0.25)
    assert rig.view.describe()["last_audit"]["seconds"] == pytest.approx(0.5)


def test_programs_that_move_interrupts_too_are_shown(rig: Rig) -> None:
    rig.host.add_process(77, "irqbalance")
    rig.queue.wake_all()
    rig.step()
    assert rig.view.rivals == ("irqbalance",)


def test_why_libvirt_could_not_be_asked_is_shown_and_it_is_asked_again_soon(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.settle()
    rig.queue.wake_all()
    rig.step()
    monkeypatch.setattr(rig.hypervisor, "active_domains", unreachable)
    rig.queue.wake_all()
    rig.step()
    assert (error_of(rig), rig.worker.libvirt.is_up) == ("libvirt is away", False)
    assert 0.5 <= rig.worker._audit_due - rig.now <= 1.5
    assert rig.counters.passes["full", "libvirt_unreachable"] == 1


def test_a_look_that_finds_libvirt_away_is_made_again_without_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.settle()

    def away(_uuid: str) -> None:
        raise LibvirtUnreachable("libvirt is away")

    monkeypatch.setattr(rig.hypervisor, "domain", away)
    rig.queue.wake(GuestId(GUEST))
    rig.step()
    assert (rig.worker.libvirt.is_up, watch_of(rig).next_look) == (False, rig.now + AGAIN)
    unreached = {kind: rig.counters.passes[kind, "libvirt_unreachable"] for kind in ("full", "guest")}
    assert unreached == {"full": 0, "guest": 1}
    assert 0.5 <= rig.worker._audit_due - rig.now <= 1.5
    rig.move(40, "0-15")
    monkeypatch.setattr(rig.hypervisor, "active_domains", unreachable)
    rig.step(AGAIN)
    assert rig.host.smp(40) == "2-3"


def test_an_audit_that_is_due_sooner_is_not_put_off_by_a_failure(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.settle()
    rig.now = rig.worker._audit_due - 0.125
    due = rig.worker._audit_due
    break_host(rig, monkeypatch, "host")
    rig.queue.wake(GuestId(GUEST))
    rig.step()
    assert rig.worker._audit_due == due
    rig.worker._lose_libvirt("full", LibvirtUnreachable("libvirt is away"))
    assert rig.worker._audit_due == due


def break_host(rig: Rig, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Let no pass be made that looks at the host's CPUs."""

    def fail(call: str, path: str) -> None:
        if path.endswith("default_smp_affinity") and call == "open":
            raise OSError(errno.EMFILE, "it cannot be had now", path)

    @contextlib.contextmanager
    def taken() -> Iterator[None]:
        raise LockTaken("it cannot be had now")
        yield

    if how == "host":
        (rig.host.sys / "devices/system/cpu/online").rename(rig.host.sys / "it cannot be had now")
    elif how == "call":
        monkeypatch.setattr(rig.host, "called", fail)
    else:
        monkeypatch.setattr(rig.store, "exclusive", taken)


@pytest.mark.parametrize("how", ["host", "call", "lock"])
def test_a_full_pass_that_cannot_be_made_is_told_and_made_again_soon(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    rig.settle()
    before = rig.view.version
    with monkeypatch.context() as broken:
        break_host(rig, broken, how)
        rig.queue.wake_all()
        rig.step()
    assert (rig.counters.passes["full", "failed"], full_passes(rig)) == (1, 1)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert rig.view.version > before
    assert error_of(rig) == caplog.messages[0]
    assert 0.5 <= rig.worker._audit_due - rig.now <= 1.5


@pytest.mark.parametrize("how", ["host", "call", "lock"])
def test_a_look_that_cannot_be_made_is_told_and_made_again_soon(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    rig.settle()
    with monkeypatch.context() as broken:
        break_host(rig, broken, how)
        rig.queue.wake(GuestId(GUEST))
        rig.step()
    assert (rig.counters.passes["guest", "failed"], rig.counters.passes["full", "failed"]) == (1, 0)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert error_of(rig) == caplog.messages[0]
    assert watch_of(rig).next_look == rig.now + AGAIN
    assert 0.5 <= rig.worker._audit_due - rig.now <= 1.5


def test_looks_that_fail_end_with_the_time_to_boot(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.settle()
    break_host(rig, monkeypatch, "lock")
    rig.queue.wake(GuestId(GUEST))
    for _ in range(299):
        rig.step(AGAIN)
        assert rig.worker.settling == [GUEST]
    rig.step(AGAIN)
    assert (rig.worker.settling, life_of(rig).waiting_since) == ([], None)


def test_why_a_full_pass_failed_is_shown_until_one_is_made(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.settle()
    with monkeypatch.context() as broken:
        break_host(rig, broken, "lock")
        rig.queue.wake_all()
        rig.step()
    rig.queue.wake(GuestId(GUEST))
    rig.step()
    assert error_of(rig) == "it cannot be had now"
    rig.queue.wake_all()
    rig.step()
    assert error_of(rig) is None


def test_a_trouble_that_comes_again_is_an_error_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig.settle()
    for _ in range(2):
        with monkeypatch.context() as broken:
            break_host(rig, broken, "lock")
            for _ in range(2):
                rig.queue.wake_all()
                rig.step()
        rig.queue.wake_all()
        rig.step()
    assert [record.levelname for record in caplog.records if record.levelname != "INFO"] == ["ERROR"] * 2


def test_a_trouble_of_the_very_first_pass_is_an_error(
    tmp_path: Path, host: FakeHost, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path, host)
    break_host(rig, monkeypatch, "host")
    rig.step()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert rig.worker.started.is_set()


def test_failures_become_rarer_until_libvirt_answers(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.settle()
    break_host(rig, monkeypatch, "lock")
    pauses = []
    for _ in range(4):
        rig.now = rig.worker._audit_due
        rig.step()
        pauses.append(rig.worker._audit_due - rig.now)
    assert all(0.5 * usual <= pause <= 1.5 * usual for usual, pause in zip((1, 2, 4, 8), pauses, strict=True))


def test_a_device_that_is_not_confirmed_has_libvirt_asked_a_moment_later(rig: Rig) -> None:
    rig.settle()
    rebind(rig, "mlx5_vfio_pci")
    rig.queue.wake_all()
    asked = rig.now
    (rig.host.device_folder(VF0) / "driver").unlink()
    life_of(rig).wake(rig.worker._patience, rig.now, asks=False)
    rig.worker._look(life_of(rig))
    assert (watch_of(rig).next_look, watch_of(rig).asks) == (asked + AGAIN, True)


def test_while_libvirt_is_away_nobody_waits_for_it_to_confirm_a_device(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_libvirt(rig, monkeypatch)
    rebind(rig, "mlx5_vfio_pci")
    rig.queue.wake_all()
    rig.step()
    assert rig.worker.settling == []


def test_what_is_fought_over_is_left_alone_for_its_pause_on_its_target_alone(rig: Rig) -> None:
    rig.settle()
    for _ in range(FIGHT):
        rig.move(40, "5")
        rig.queue.wake_all()
        rig.step(1.0)
    assert (rig.counters.drifts, rig.counters.fights) == (FIGHT, 1)
    backoff, irq = life_of(rig).backoff, IrqId(PciAddress.parse(VF0), 40)
    assert backoff.holds(irq, CpuSet([2, 3])) is Verdict.PENDING
    assert backoff.holds(irq, CpuSet([3])) is None
    assert backoff.holds(irq._replace(number=41), CpuSet([2, 3])) is None
    rig.now += FIGHT_PAUSE
    assert backoff.holds(irq, CpuSet([2, 3])) is None


def test_drifts_are_told_with_the_rivals(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.settle()
    rig.host.add_process(77, "irqbalance")
    rig.queue.wake_all()
    rig.step()
    rig.move(40, "5")
    rig.queue.wake_all()
    rig.step(1.0)
    rig.step(QUIET)
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        f"guest {GUEST} (vm): put back 1 interrupt (40) of {VF0} from 5 to 2-3: drift; irqbalance runs on this host"
    ]


def test_guests_that_were_known_when_libvirt_was_up_are_not_watched_for_an_audit(rig: Rig) -> None:
    rig.settle()
    before = looks(rig)
    rig.queue.wake_all()
    rig.step()
    assert (rig.worker.settling, looks(rig)) == ([], before)


def test_a_repair_that_cannot_be_made_while_libvirt_is_away_ends_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.settle()
    monkeypatch.setattr(rig.hypervisor, "active_domains", unreachable)
    break_host(rig, monkeypatch, "lock")
    rig.queue.wake_all()
    rig.step()
    assert (rig.counters.looks["failed"], rig.worker.settling) == (1, [])


def test_a_device_that_is_not_confirmed_has_its_guest_watched_on_when_the_watch_is_over(rig: Rig) -> None:
    rig.settle()
    rebind(rig, "mlx5_vfio_pci")
    rig.worker._patience.boot = 0.0
    life_of(rig).wake(rig.worker._patience, rig.now, asks=False)
    rig.worker._look(life_of(rig))
    assert (watch_of(rig).next_look, watch_of(rig).asks) == (rig.now + AGAIN, True)
