# SPDX-License-Identifier: Apache-2.0
"""A sample of what arrives, beside what a pass has decided."""

from typing import Any

import pytest

from irqaffinity.passes.arrived import sample_arrivals
from tests.fakes.counts import Counts
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene


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

    return sample_arrivals(scene.host.root, scene.auditor.rehearse(), 2.0, wait)


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
