# SPDX-License-Identifier: Apache-2.0
"""What the agent counts of arrivals once a full pass, over a fake host."""

import functools
from pathlib import Path

import pytest

from irqaffinity.agent.arrivals import count_arrivals
from irqaffinity.agent.counters import OUTSIDE, TARGET
from irqaffinity.agent.worker import Tunables
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.plan.policy import Distribution, Policy
from tests.fakes.counts import Counts
from tests.fakes.host import FakeHost
from tests.fakes.scene import GUEST, VF0
from tests.unit.agent.rig import INTERVAL, Rig

FULL = INTERVAL * 1.1


class Counted:
    """A rig that counts arrivals, and the host's counts."""

    def __init__(self, folder: Path, host: FakeHost) -> None:
        self.rig = Rig(folder, host)
        self.counts = Counts(host, "0-15")
        for number in (40, 41):
            self.counts.add(number, f"vfio-msix[{number}]({VF0})", {0: 100})
        self.counts.add(24, "nvme0q1")
        self.counts.write()
        self.rig.auditor.counting.is_on = self.rig.auditor.counting.counts_guests = True
        self.rig.view.on_full_pass = functools.partial(count_arrivals, self.rig.counters)
        self.rig.step()

    def full_pass(self, *arrivals: tuple[int, int, int]) -> tuple[int, int]:
        """Let interrupts arrive on CPUs so often, make a full pass, and return what is counted so far."""
        for number, cpu, count in arrivals:
            self.counts.arrive(number, cpu, count)
        self.counts.write()
        self.rig.step(FULL)
        return self.counted

    @property
    def counted(self) -> tuple[int, int]:
        """What arrived at the target, and outside."""
        return self.rig.counters.arrivals[TARGET], self.rig.counters.arrivals[OUTSIDE]


@pytest.fixture
def counted(tmp_path: Path, host: FakeHost) -> Counted:
    return Counted(tmp_path, host)


def test_the_first_full_pass_only_remembers(counted: Counted) -> None:
    assert counted.counted == (0, 0)


def test_each_full_pass_counts_what_arrived_at_the_target_and_outside(counted: Counted) -> None:
    assert counted.full_pass((40, 2, 10), (41, 3, 5), (41, 0, 2), (24, 2, 50)) == (15, 2)
    assert counted.full_pass((40, 9, 1)) == (15, 3)
    assert counted.full_pass() == (15, 3)


def test_a_look_at_a_guest_counts_nothing(counted: Counted) -> None:
    counted.counts.arrive(40, 2)
    counted.counts.write()
    counted.rig.queue.wake(GUEST)
    counted.rig.step(0.5)
    assert counted.counted == (0, 0)


def test_what_came_before_the_target_was_another_one_is_not_judged_by_it(counted: Counted) -> None:
    rig = counted.rig
    narrower = Policy(dedicated_cpus=CpuSet.parse("2"))
    rig.worker.tune(Tunables(narrower, INTERVAL, 300.0, rig.uri))
    assert counted.full_pass((40, 3, 7)) == (0, 0)
    assert rig.host.smp(40) == "2"
    assert counted.full_pass((40, 3, 7)) == (0, 7)


def test_any_cpu_of_the_devices_target_is_its_target(counted: Counted) -> None:
    rig = counted.rig
    rig.worker.tune(Tunables(Policy(distribution=Distribution.SPREAD), INTERVAL, 300.0, rig.uri))
    assert counted.full_pass() == (0, 0)
    assert {rig.host.smp(40), rig.host.smp(41)} == {"2", "3"}
    assert counted.full_pass((40, 2, 1), (40, 3, 1)) == (2, 0)


def test_without_the_counts_placement_goes_on_and_one_line_says_so(
    counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    (counted.rig.host.proc / "interrupts").unlink()
    (counted.rig.host.sys / "devices/system/cpu/possible").unlink()
    counted.counts.writes_table = False
    counted.rig.move(40, "0-15")
    for _ in range(2):
        counted.rig.step(FULL)
    assert counted.rig.host.smp(40) == "2-3"
    assert caplog.text.count("the arrivals of interrupts cannot be counted: ") == 1


def test_without_metrics_the_counts_are_not_read(tmp_path: Path, host: FakeHost) -> None:
    paths: list[str] = []
    host.called = lambda call, path: paths.append(path)  # type: ignore[method-assign]
    Rig(tmp_path, host).step()
    assert paths
    assert not [path for path in paths if path.endswith(("/interrupts", "/per_cpu_count"))]
