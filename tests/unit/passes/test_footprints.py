# SPDX-License-Identifier: Apache-2.0
"""The numbers of guests' interrupts are another object only where something about them has changed."""

import pytest

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import Interrupt
from irqaffinity.passes.footprints import Footprints, where
from tests.fakes.scene import OTHER, VF0, VF1, Scene


@pytest.fixture
def footprints(scene: Scene) -> Footprints:
    """Those of a host with one guest, after two passes: in the second all was in its place."""
    scene.add_guest(VF0, pins=("2", "3"))
    scene.audit()
    scene.audit()
    made = Footprints(scene.host.root, scene.auditor.lives)
    made.take()
    return made


def test_the_numbers_are_the_same_object_while_nothing_changes(scene: Scene, footprints: Footprints) -> None:
    before = footprints.numbers
    assert before == {40, 41}
    scene.audit()
    footprints.take()
    assert footprints.numbers is before


def test_another_guest_or_interrupt_makes_other_numbers(scene: Scene, footprints: Footprints) -> None:
    scene.add_guest(VF1, uuid=OTHER, pins=("10", "11"))
    scene.audit()
    footprints.take()
    assert footprints.numbers == {40, 41, 50, 51}
    scene.host.remove_interrupt(50)
    scene.audit()
    footprints.take()
    assert footprints.numbers == {40, 41, 51}
    scene.domains.clear()
    scene.audit()
    footprints.take()
    assert footprints.numbers == set()


def test_a_number_that_another_device_has_by_now_is_left_out_until_a_guest_has_it_again(
    scene: Scene, footprints: Footprints
) -> None:
    whole = footprints.numbers
    footprints.meet(41)
    footprints.meet(99)
    assert footprints.numbers_now() is whole, "the guest's device still has it"
    scene.host.remove_interrupt(41)
    assert footprints.numbers_now() is whole
    footprints.meet(41)
    for _ in range(2):
        assert footprints.numbers_now() == {40}
    scene.host.add_vectors(VF0, [41], "0-15", effective="0")
    for _ in range(2):
        assert footprints.numbers_now() is whole


@pytest.mark.parametrize(
    ("interrupt", "cpus"),
    [
        (Interrupt(40, CpuSet([2, 3]), CpuSet([2])), "2"),
        (Interrupt(40, CpuSet([2, 3]), None), "2-3"),
        (Interrupt(40, CpuSet([2, 3]), CpuSet([2]), writable=False), "2-3"),
        (Interrupt(40, None, None), ""),
    ],
)
def test_an_interrupt_comes_to_its_effective_cpu_and_a_managed_one_to_all_of_its(
    interrupt: Interrupt, cpus: str
) -> None:
    assert str(where(interrupt)) == cpus
