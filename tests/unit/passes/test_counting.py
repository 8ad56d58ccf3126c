# SPDX-License-Identifier: Apache-2.0
"""What arrives between two full passes is counted once, for the intruders and for the metrics."""

import logging
from dataclasses import replace

import pytest

from irqaffinity.model.arrivals import Interval
from irqaffinity.model.guest import GuestId
from irqaffinity.model.isolation import Intruder, Isolated
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.target import Narrowing
from irqaffinity.passes.counting import Counting, tell_arrivals
from irqaffinity.passes.made import Pass
from irqaffinity.plan.policy import Scope
from tests.fakes.counts import Counts
from tests.fakes.scene import GUEST, VF0, Scene
from tests.fakes.snapshots import cpus

NVME = PciAddress.parse("0000:03:00.0")


def intruder(number: int, on: str, name: str = "nvme0q1", device: PciAddress = NVME) -> Intruder:
    return Intruder(number, name, device, cpus(on), (GuestId(GUEST),), is_movable=False)


class Counted:
    """A host with a guest on CPUs 2 and 3, and what a count says of it."""

    def __init__(self, scene: Scene) -> None:
        scene.add_guest(VF0, pins=("2", "3"))
        self.made: Pass = scene.auditor.audit()
        self.root = scene.host.root
        self.paths: list[str] = []
        self.counts = Counts(scene.host, "0-15")
        for number, name in (
            (24, "nvme0q1"),
            (25, "nvme0q2"),
            (40, "vfio-msix[0](there)"),
            (41, "vfio-msix[1](there)"),
        ):
            self.counts.add(number, name, {2: 100})
        for number in range(60, 120):
            scene.host.add_interrupt(number, "0-15")
            self.counts.add(number, "eth0")
        scene.host.called = lambda call, path: self.paths.append(path)  # type: ignore[method-assign]
        self.counting = Counting(self.root, lambda: 100.0)
        self.counting.is_on = True

    def count(self, *intruders: Intruder) -> Pass:
        """Count after a pass that found these intruders."""
        self.counts.write()
        self.paths.clear()
        return self.counting.count(replace(self.made, isolated=Isolated("report", intruders=intruders)))

    def arrived(self, *intruders: Intruder) -> list[int | None]:
        """Return what a count says of these intruders."""
        isolated = self.count(*intruders).isolated
        assert isolated is not None
        assert [each._replace(arrived=None) for each in isolated.intruders] == list(intruders)
        return [each.arrived for each in isolated.intruders]

    @property
    def read(self) -> set[str]:
        """Which files with counts the last count has read."""
        return {path.rsplit("/", 1)[-1] for path in self.paths} & {"interrupts", "per_cpu_count"}


@pytest.fixture
def counted(scene: Scene) -> Counted:
    return Counted(scene)


def test_an_intruder_has_a_count_from_its_second_pass_on(counted: Counted) -> None:
    assert counted.arrived(intruder(24, "2-3")) == [None]
    counted.counts.arrive(24, 2, 5)
    counted.counts.arrive(24, 3, 1)
    counted.counts.arrive(25, 3, 7)
    assert counted.arrived(intruder(24, "2-3"), intruder(25, "3")) == [6, None]
    counted.counts.arrive(25, 3, 2)
    assert counted.arrived(intruder(24, "2-3"), intruder(25, "3")) == [0, 2]


def test_what_came_to_other_cpus_is_not_counted(counted: Counted) -> None:
    counted.count(intruder(24, "2"))
    counted.counts.arrive(24, 2, 5)
    counted.counts.arrive(24, 9, 50)
    assert counted.arrived(intruder(24, "2")) == [5]


def test_another_interrupt_of_the_same_number_begins_anew(counted: Counted) -> None:
    counted.count(intruder(24, "2"))
    counted.counts.arrive(24, 2, 5)
    assert counted.arrived(intruder(24, "2", "eth0-rx")) == [None]
    assert counted.arrived(intruder(24, "2", "eth0-rx", NO_DEVICE)) == [None]


def test_one_that_was_no_intruder_meanwhile_begins_anew(counted: Counted) -> None:
    counted.count(intruder(24, "2"))
    counted.counts.arrive(24, 2, 5)
    counted.count()
    assert counted.read == set()
    assert counted.arrived(intruder(24, "2")) == [None]


def test_few_intruders_are_counted_by_their_own_files_and_no_name_is_read(counted: Counted) -> None:
    counted.count(intruder(24, "2"))
    counted.counts.arrive(24, 2, 5)
    counted.count(intruder(24, "2"))
    assert counted.read == {"per_cpu_count"}
    assert not [path for path in counted.paths if path.endswith("/actions")]


def test_the_number_of_interrupts_chooses_the_place_without_a_look_at_them(counted: Counted) -> None:
    made = replace(counted.made, isolated=Isolated("report", intruders=(intruder(24, "2"),)))
    counted.counts.write()
    for rows, place in ((4, "interrupts"), (1000, "per_cpu_count")):
        counted.paths.clear()
        counted.counting.count(made, rows)
        assert counted.read == {place}
        assert not [path for path in counted.paths if path.endswith("/irq")]


def test_guests_interrupts_are_counted_where_they_are_asked_for(counted: Counted) -> None:
    assert counted.count().counted is None
    counted.counting.counts_guests = True
    counted.count(intruder(24, "2"))
    counted.counts.arrive(24, 2, 5)
    counted.counts.arrive(40, 2, 3)
    counted.counts.arrive(40, 8, 1)
    made = counted.count(intruder(24, "2"))
    assert made.counted is not None
    assert made.counted.targets == {40: cpus("2-3"), 41: cpus("2-3")}
    assert made.counted.interval == Interval(0.0, {24: {2: 5}, 40: {2: 3, 8: 1}, 41: {}})
    assert made.isolated is not None
    assert made.isolated.intruders[0].arrived == 5
    assert sum(path.endswith("/interrupts") for path in counted.paths) <= 2, "it is read once"


def test_without_counts_a_pass_is_as_it_was_and_one_line_says_why(
    counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    counted.counts.writes_table = counted.counts.writes_files = False
    assert counted.arrived(intruder(24, "2")) == [None]
    assert counted.arrived(intruder(24, "2")) == [None]
    assert caplog.text.count("the arrivals of interrupts cannot be counted: ") == 1


@pytest.mark.parametrize("whole", [Scope(), Narrowing()], ids=["agent", "command line"])
def test_an_audit_counts_and_one_that_is_narrowed_does_not(scene: Scene, whole: Scope | Narrowing) -> None:
    scene.add_guest(VF0, pins=("2", "3"))
    counts = Counts(scene.host, "0-15")
    counts.add(40, "vfio-msix[0](there)")
    counts.write()
    auditor = scene.auditor
    auditor.counting.is_on = auditor.counting.counts_guests = True
    auditor.audit(whole)
    counts.arrive(40, 2, 3)
    counts.write()
    assert auditor.audit(Scope(guest=GuestId(GUEST))).counted is None
    made = auditor.audit(whole)
    assert made.counted is not None
    assert made.counted.interval.arrived == {40: {2: 3}}


def test_an_unknown_count_is_none_and_not_nothing() -> None:
    found = tell_arrivals([intruder(24, "2"), intruder(25, "2")], Interval(2.0, {24: {}}))
    assert [each.arrived for each in found] == [0, None]


def test_a_single_pass_counts_nothing_and_says_nothing(counted: Counted, caplog: pytest.LogCaptureFixture) -> None:
    counted.counting.is_on = False
    counted.counts.writes_table = counted.counts.writes_files = False
    assert counted.count(intruder(24, "2")).counted is None
    assert (counted.paths, caplog.text) == ([], "")
