# SPDX-License-Identifier: Apache-2.0
"""A sample of what arrives, beside what a pass has decided."""

from dataclasses import replace
from typing import Any

import pytest

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.isolation import Intruder, Isolated
from irqaffinity.model.pci import NO_DEVICE
from irqaffinity.passes.arrived import place, sample_arrivals
from tests.fakes.counts import Counts
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene

DISK = "0000:03:00.0"


@pytest.fixture
def counts(scene: Scene) -> Counts:
    """Two placed guests, one on CPUs 2-3 and one on 10-11, and a disk of the host's."""
    scene.add_guest(VF0, pins=("2", "3"))
    scene.add_guest(VF1, uuid=OTHER, pins=("10", "11"))
    scene.audit()
    made = Counts(scene.host, "0-15")
    made.add(24, "nvme0q1", {5: 1})
    for number in (40, 41, 50, 51):
        made.add(number, f"vfio-msix[{number % 10}](there)")
    made.write()
    return made


def sample(scene: Scene, counts: Counts, *arrivals: tuple[int, int, int]) -> dict[str, Any]:
    """Return a sample in which interrupts arrived on CPUs so often."""

    def wait(seconds: float) -> None:
        assert seconds == 2.0
        for number, cpu, count in arrivals:
            counts.arrive(number, cpu, count)
        counts.write()

    return sample_arrivals(scene.host.root, scene.auditor.rehearse(), None, 2.0, wait)


def test_arrivals_off_the_target_are_a_share_of_all(scene: Scene, counts: Counts) -> None:
    made = sample(scene, counts, (40, 2, 60), (41, 3, 30), (41, 9, 10))
    first, second = made["devices"]
    assert (first["address"], first["guest"], first["name"]) == (VF0, GUEST, "instance-0")
    assert (first["target"], first["irqs"], first["verdict"]) == ("2-3", "40-41", "ok")
    assert (list(first["arrived"].items()), first["outside"]) == ([("2", 60), ("3", 30), ("9", 10)], 0.1)
    assert (second["arrived"], second["rate"], second["outside"]) == ({}, 0.0, None)
    assert made["summary"]["outside"] == 0.1


def test_a_cpu_tells_whose_it_is_and_what_is_foreign_there(scene: Scene, counts: Counts) -> None:
    made = sample(scene, counts, (40, 2, 10), (24, 2, 3), (50, 2, 5), (24, 0, 9))
    rows = {row["cpu"]: row for row in made["cpus"]}
    assert list(rows) == list(range(16))
    assert (rows[2]["guest"], rows[2]["vcpu"], rows[11]["guest"], rows[11]["vcpu"]) == (GUEST, 0, OTHER, 1)
    assert rows[2]["foreign"] == pytest.approx(rows[2]["rate"] * 8 / 18, rel=0.01)
    foreign = [(row["irq"], row["name"], row["guest"]) for row in rows[2]["foreign_irqs"]]
    assert foreign == [(50, "vfio-msix[0](there)", OTHER), (24, "nvme0q1", None)]
    assert (rows[0]["guest"], rows[0]["vcpu"], rows[0]["foreign"], rows[0]["foreign_irqs"]) == (None, None, None, [])
    assert rows[0]["rate"] > 0


def test_an_intruder_tells_its_device_its_cpus_and_whose_these_are(scene: Scene, counts: Counts) -> None:
    scene.host.add_device(DISK, 0)
    scene.host.add_host_interrupt(24, "nvme0q1", "0-15", "2", address=DISK, is_managed=True)
    scene.host.add_host_interrupt(9, "acpi", "0-15", "3")
    counts.add(9, "acpi")
    counts.write()
    made = sample(scene, counts, (24, 2, 30), (24, 11, 40), (24, 0, 500), (9, 3, 7), (40, 2, 900), (40, 10, 50))
    rows = made["intruders"]
    assert [(row["irq"], row["name"], row["device"]) for row in rows] == [
        (24, "nvme0q1", DISK),
        (40, "vfio-msix[0](there)", VF0),
        (9, "acpi", None),
    ]
    assert [(row["cpus"], row["guests"]) for row in rows] == [("2,11", [GUEST, OTHER]), ("10", [OTHER]), ("3", [GUEST])]
    assert [row["guest_names"] for row in rows] == [["instance-0", "instance-1"], ["instance-1"], ["instance-0"]]
    assert [row["owner"] for row in rows] == [None, GUEST, None]
    assert [row["movable"] for row in rows] == [False, True, True]
    assert list(rows[0]["arrived"].items()) == [("11", 40), ("2", 30)]
    assert rows[0]["rate"] == pytest.approx(rows[2]["rate"] * 70 / 7, rel=0.01)
    assert made["summary"]["foreign"] == pytest.approx(sum(row["rate"] for row in rows), rel=0.01)


def test_an_interrupt_that_nobody_has_read_is_an_intruder_of_which_little_is_known(
    scene: Scene, counts: Counts
) -> None:
    counts.add(99, "eth0-rx-1")
    counts.write()
    (row,) = sample(scene, counts, (99, 10, 1))["intruders"]
    assert (row["name"], row["device"], row["movable"], row["guests"]) == ("eth0-rx-1", None, None, [OTHER])


def test_a_cpu_of_a_guest_without_devices_is_kept_too(scene: Scene, counts: Counts) -> None:
    third = "7b1f1a52-3f0e-4f0b-8a39-2b8f2a4d9c13"
    scene.add_guest(uuid=third, pins=("6", "7"))
    made = sample(scene, counts, (24, 7, 1))
    assert [row["guests"] for row in made["intruders"]] == [[third]]


def test_what_can_be_moved_is_known_better_by_the_pass(scene: Scene, counts: Counts) -> None:
    """The kernel has refused a move, and the state remembers that."""
    scene.host.add_host_interrupt(24, "nvme0q1", "0-15", "2")
    intruder = Intruder(24, "nvme0q1", NO_DEVICE, CpuSet([2]), (GuestId(GUEST),), is_movable=False)
    made = replace(scene.auditor.rehearse(), isolated=Isolated("report", intruders=(intruder,)))
    assert place(scene.host.root, made, None).found[24] == (None, False)
    assert place(scene.host.root, replace(made, isolated=None), None).found[24] == (None, True)


def test_a_guests_interrupt_that_cannot_be_moved_says_so(scene: Scene) -> None:
    scene.add_guest(VF0, pins=("2", "3"))
    scene.add_guest(uuid=OTHER, pins=("10", "11"))
    (scene.host.proc / "irq/40/smp_affinity_list").chmod(0o444)
    counts = Counts(scene.host, "0-15")
    for number in (40, 41):
        counts.add(number, "vfio-msix[0]")
    counts.write()
    rows = sample(scene, counts, (40, 10, 2), (41, 10, 1))["intruders"]
    assert [(row["irq"], row["movable"]) for row in rows] == [(40, False), (41, True)]


def test_the_kernels_own_is_told_for_the_cpus_of_guests(scene: Scene, counts: Counts) -> None:
    def wait(_seconds: float) -> None:
        counts.timer |= {0: 9000, 2: 2 + 500, 3: 3 + 900}
        counts.write()

    (row,) = sample_arrivals(scene.host.root, scene.auditor.rehearse(), None, 2.0, wait)["kernel"]
    assert (row["row"], row["name"]) == ("LOC", "Local timer interrupts")
    assert list(row["arrived"].items()) == [("3", 900), ("2", 500)]


def test_dedicated_cpus_of_the_configuration_narrow_what_is_kept(scene: Scene, counts: Counts) -> None:
    kept = place(scene.host.root, scene.auditor.rehearse(), CpuSet([2, 10])).kept
    assert kept.owners == {2: (GUEST,), 10: (OTHER,)}


def test_a_guest_is_the_sum_of_its_devices(scene: Scene, counts: Counts) -> None:
    first, second = sample(scene, counts, (40, 2, 10), (50, 2, 10), (51, 10, 30))["guests"]
    assert (first["arrived"], first["outside"], first["devices"]) == ({"2": 10}, 0.0, 1)
    assert (second["arrived"], second["outside"], second["cpus"]) == ({"10": 30, "2": 10}, 0.25, "10-11")


def test_a_device_without_a_place_has_arrivals_and_no_share(scene: Scene) -> None:
    scene.add_guest(VF0, pins=("2-3", "2-3"))
    counts = Counts(scene.host, "0-15")
    counts.add(40, "vfio-msix[0]")
    counts.write()
    row = sample(scene, counts, (40, 7, 4))["devices"][0]
    assert (row["target"], row["arrived"], row["outside"], row["verdict"]) == (None, {"7": 4}, None, None)


def test_what_cannot_be_counted_has_no_rate(scene: Scene, counts: Counts) -> None:
    del counts.interrupts[40], counts.interrupts[41]
    counts.write()
    row = sample(scene, counts)["devices"][0]
    assert (row["rate"], row["arrived"], row["outside"]) == (None, {}, None)


def test_what_waits_to_be_moved_says_so(scene: Scene, counts: Counts) -> None:
    (scene.host.proc / "irq/41/smp_affinity_list").write_text("0-15\n")
    made = sample(scene, counts, (41, 9, 1))
    assert (made["devices"][0]["verdict"], made["devices"][0]["outside"]) == ("would_set", 1.0)
    assert (made["summary"]["would_set"], made["summary"]["failed"]) == (1, 0)
