# SPDX-License-Identifier: Apache-2.0
"""What the agent does at births and ends from the kernel's trace, in the listener's thread."""

import errno
import logging
import os

import pytest

from irqaffinity.agent.births import Births
from irqaffinity.agent.counters import Counters
from irqaffinity.hypervisor.connection import LibvirtUnreachable
from irqaffinity.listen.queue import WakeQueue, Wakes
from irqaffinity.model.guest import GuestId
from irqaffinity.observe.domain import Domain
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene


class Ward:
    """A guest with interrupts 40 and 41 in their places, and 42 that was just born."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.now = 1000.0
        self.counters = Counters()
        self.queue = WakeQueue(lambda: self.now)
        scene.add_guest(VF0)
        scene.audit()
        scene.host.add_vectors(VF0, [42], "0-15", effective="0")
        self.births = Births(scene.auditor, self.queue, self.counters, lambda: self.now)

    def born(self, number: int = 42) -> Wakes:
        """Tell of a birth, and return what it wakes."""
        self.births.born(number)
        return self.queue.take(0)

    @property
    def counted(self) -> tuple[int, dict[str, int], int, float]:
        """The births, the writes by verdict, and the number and sum of the times to the place."""
        times = self.counters.wake_seconds
        return self.counters.passes["birth", "done"], dict(self.counters.writes), sum(times.counts), times.total


@pytest.fixture
def ward(scene: Scene) -> Ward:
    return Ward(scene)


def test_one_that_was_placed_is_counted_and_has_its_guest_confirm_it(
    ward: Ward, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "irqaffinity.agent.births")

    def take_time(_number: int) -> None:
        ward.now += 0.0025

    ward.scene.host.on_open_for_write = take_time
    assert ward.born() == Wakes(placed={GuestId(GUEST)})
    assert ward.scene.host.smp(42) == "2-3"
    assert ward.counted == (1, {"set": 1}, 1, pytest.approx(0.0025))
    assert "interrupt 42 was born, and has 2-3 after 2.5 ms" in caplog.messages


def test_one_that_was_born_in_its_place_is_counted_as_no_write(ward: Ward) -> None:
    ward.scene.host.put(ward.scene.host.proc / "irq/42/smp_affinity_list", "2-3")
    assert ward.born() == Wakes(placed={GuestId(GUEST)})
    assert ward.counted == (1, {}, 0, 0.0)


def test_one_that_was_refused_is_counted_as_no_write(ward: Ward) -> None:
    ward.scene.host.refuse(42, errno.ENOSPC)
    assert ward.born() == Wakes(placed={GuestId(GUEST)})
    assert ward.counted == (0, {}, 0, 0.0)
    assert (ward.counters.passes["birth", "failed"], ward.counters.failures) == (1, {"no_vector": 1})


def test_one_that_could_not_be_placed_alone_has_its_guest_looked_at_and_counts_for_nothing(ward: Ward) -> None:
    (ward.scene.host.proc / "irq/42/smp_affinity_list").unlink()
    assert ward.born() == Wakes(births={GuestId(GUEST): 1000.0})
    assert ward.counted == (0, {}, 0, 0.0)


def test_one_of_two_guests_has_both_looked_at(ward: Ward) -> None:
    ward.scene.add_guest(VF0, VF1, uuid=OTHER, pins=("4", "12"))
    ward.scene.audit()
    assert ward.born() == Wakes(births={GuestId(GUEST): 1000.0, GuestId(OTHER): 1000.0})


def test_one_of_nobody_wakes_nobody(ward: Ward) -> None:
    assert ward.born(7) == Wakes()
    assert ward.counted == (0, {}, 0, 0.0)


def lose_libvirt(scene: Scene) -> None:
    def unreachable() -> list[Domain]:
        raise LibvirtUnreachable("libvirt is away")

    link = scene.host.device_folder(VF0) / "driver"
    link.unlink()
    scene.list_domains = unreachable


def lose_host(scene: Scene) -> None:
    (scene.host.proc / "irq/default_smp_affinity").unlink()


def fill_disk(scene: Scene) -> None:
    scene.fill_disk()


def refuse_driver(scene: Scene) -> None:
    def fail(_call: str, path: str) -> None:
        if path.endswith("/driver"):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)

    scene.host.called = fail  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("lose", "told", "counted"),
    [
        (lose_libvirt, "libvirt is away", "libvirt_unreachable"),
        (lose_host, "default_smp_affinity does not exist", "failed"),
        (fill_disk, "No space left", "failed"),
        (refuse_driver, "Too many open files", "failed"),
    ],
)
def test_whatever_stands_in_the_way_is_left_to_a_full_pass(
    ward: Ward, caplog: pytest.LogCaptureFixture, lose: object, told: str, counted: str
) -> None:
    caplog.set_level(logging.DEBUG, "irqaffinity.agent.births")
    assert callable(lose)
    lose(ward.scene)
    assert ward.born() == Wakes(everything=True)
    assert (ward.scene.host.smp(42), ward.counted) == ("0-15", (0, {}, 0, 0.0))
    assert ward.counters.passes == {("birth", counted): 1}
    assert [message for message in caplog.messages if "the next full pass will place it" in message and told in message]


def test_an_end_has_the_next_life_begin_with_nothing(ward: Ward) -> None:
    ward.scene.host.remove_interrupt(40)
    ward.scene.host.add_vectors(VF0, [40], "4-7", effective="4")
    ward.births.ended([40])
    ward.born(40)
    ward.scene.domains.clear()
    ward.scene.audit()
    assert (ward.scene.host.smp(40), ward.scene.host.smp(41)) == ("4-7", "0-15")


def test_without_an_end_a_birth_has_what_the_number_had(ward: Ward) -> None:
    ward.scene.host.put(ward.scene.host.proc / "irq/40/smp_affinity_list", "4-7")
    ward.born(40)
    ward.scene.domains.clear()
    ward.scene.audit()
    assert ward.scene.host.smp(40) == "0-15"
