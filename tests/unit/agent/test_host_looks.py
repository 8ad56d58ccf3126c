# SPDX-License-Identifier: Apache-2.0
"""Looks at the host's own interrupts between two full passes, in the loop and in its parts."""

from pathlib import Path

import pytest

from irqaffinity.agent.host_looks import SHARE
from irqaffinity.agent.worker import Tunables
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.passes.isolation import Looked
from irqaffinity.plan.policy import Isolation, IsolationMode, Policy
from tests.fakes.host import FakeHost
from tests.unit.agent.rig import INTERVAL, Rig

NIC = "0000:01:00.0"
ENFORCE = Policy(isolation=Isolation(mode=IsolationMode.ENFORCE, housekeeping_cpus=CpuSet.parse("0-1")))


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    rig = Rig(tmp_path, FakeHost(tmp_path / "host"))
    rig.host.put(rig.host.proc / "irq/default_smp_affinity", "ffff")
    rig.host.add_device(NIC, 0, "mlx5_core")
    rig.worker.tune(Tunables(ENFORCE, INTERVAL, 300.0, rig.uri))
    rig.step()
    rig.settle()
    return rig


def bear(rig: Rig, number: int, cpus: str) -> None:
    """Let a driver of the host ask for an interrupt and choose its CPUs, and the kernel report its birth."""
    rig.host.add_host_interrupt(number, f"eth0-{number}", cpus, "2", address=NIC)
    rig.births.born(number)


def test_an_interrupt_that_a_driver_puts_on_a_guests_cpu_leaves_it_before_the_next_full_pass(rig: Rig) -> None:
    bear(rig, 70, "2-5")
    rig.step()
    assert rig.host.smp(70) == "4-5"
    assert rig.view.isolated is not None
    assert [result.action.number for result in rig.view.isolated.results] == [70]
    assert rig.counters.writes["set"] >= 1


def test_many_births_are_one_look_and_the_next_one_waits(rig: Rig) -> None:
    for number in range(70, 75):
        bear(rig, number, "2-5")
    rig.step()
    assert {rig.host.smp(number) for number in range(70, 75)} == {"4-5"}
    bear(rig, 75, "2-5")
    rig.step(0.01)
    assert rig.host.smp(75) == "2-5"
    rig.step(INTERVAL / 4)
    assert rig.host.smp(75) == "4-5"


def test_a_look_that_costs_much_is_made_less_often(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate = rig.auditor.isolate

    def look() -> Looked | None:
        rig.spent += 0.5
        return isolate()

    monkeypatch.setattr(rig.auditor, "isolate", look)
    bear(rig, 70, "2-5")
    rig.step()
    bear(rig, 71, "2-5")
    rig.step(0.5 / SHARE - 0.1)
    assert rig.host.smp(71) == "2-5"
    rig.step(0.2)
    assert rig.host.smp(71) == "4-5"


def test_a_rebirth_is_no_drift_however_often_it_comes(rig: Rig) -> None:
    for _ in range(5):
        bear(rig, 70, "2-5")
        rig.step(2.0)
        assert rig.host.smp(70) == "4-5"
        rig.births.ended([70])
        rig.host.remove_interrupt(70)
    assert (rig.counters.drifts, rig.counters.fights) == (0, 0)


def test_an_interrupt_that_is_put_back_again_and_again_is_a_fight(rig: Rig) -> None:
    bear(rig, 70, "2-5")
    rig.step()
    for _ in range(3):
        rig.move(70, "2")
        rig.queue.wake_all()
        rig.step(10.0)
    assert (rig.counters.drifts, rig.counters.fights) == (3, 1)
    rig.move(70, "2")
    rig.queue.wake_all()
    rig.step(10.0)
    assert rig.host.smp(70) == "2", "it is put back once a minute"


def test_there_is_no_look_before_libvirt_has_listed_the_guests_once(tmp_path: Path) -> None:
    rig = Rig(tmp_path, FakeHost(tmp_path / "host"))
    rig.host.add_device(NIC, 0, "mlx5_core")
    rig.worker.tune(Tunables(ENFORCE, INTERVAL, 300.0, "test:///not/there"))
    rig.step()
    bear(rig, 70, "2-5")
    rig.step()
    assert rig.view.isolated is None
    rig.worker.tune(Tunables(ENFORCE, INTERVAL, 300.0, rig.uri))
    rig.step()
    assert rig.host.smp(70) == "4-5"


def test_in_report_mode_a_birth_wakes_nobody(rig: Rig) -> None:
    rig.worker.tune(Tunables(Policy(), INTERVAL, 300.0, rig.uri))
    rig.step()
    rig.settle()
    bear(rig, 70, "2-5")
    assert not rig.queue.take(0)


def test_a_look_that_fails_is_left_to_the_full_pass(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise HostUnreadable("/proc/irq is not there")

    with monkeypatch.context() as patch:
        patch.setattr(rig.auditor, "isolate", fail)
        bear(rig, 70, "2-5")
        rig.step()
    assert rig.host.smp(70) == "2-5"
    rig.step(INTERVAL * 2)
    assert rig.host.smp(70) == "4-5"
