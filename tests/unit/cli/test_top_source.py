# SPDX-License-Identifier: Apache-2.0
"""Where the live view has its numbers from, how often it takes them, and when it looks at the guests again."""

import threading
from collections.abc import Callable

import pytest

from irqaffinity.cli.top_source import LOOK_EVERY, SHARE, Pace, Source
from irqaffinity.hypervisor.connection import LibvirtUnreachable
from irqaffinity.passes.made import Pass
from tests.fakes.counts import Counts
from tests.fakes.scene import GUEST, VF0, Scene


class Watched:
    """A source over a scene, whose looks are counted and may fail."""

    def __init__(self, scene: Scene) -> None:
        scene.add_guest(VF0, pins=("2", "3"))
        scene.audit()
        self.scene = scene
        self.counts = Counts(scene.host, "0-15")
        for number in (40, 41):
            self.counts.add(number, f"vfio-msix[{number}]({VF0})")
        self.counts.write()
        self.looks = 0
        self.answers = threading.Event()
        self.answers.set()
        self.error: Exception | None = None
        self.now = 1000.0
        self.source = Source(scene.host.root, self.rehearse, scene.auditor.rehearse(), None, lambda: self.now)

    def rehearse(self) -> Pass:
        self.looks += 1
        self.answers.wait()
        if self.error is not None:
            raise self.error
        return self.scene.auditor.rehearse()

    def refresh(self, seconds: float = 2.0) -> None:
        """Let time pass, count, and wait for a look that began."""
        self.now += seconds
        self.counts.write()
        self.source.refresh()
        self.wait()

    def wait(self) -> None:
        if self.source._look is not None:
            self.source._look.join()


@pytest.fixture
def watched(scene: Scene) -> Watched:
    return Watched(scene)


def test_each_refresh_tells_what_arrived_since_the_last(watched: Watched) -> None:
    watched.counts.arrive(40, 2, 10)
    watched.refresh()
    assert watched.source.document is not None
    assert watched.source.document["devices"][0]["arrived"] == {"2": 10}
    watched.refresh()
    assert watched.source.document["devices"][0]["arrived"] == {}
    assert watched.looks == 0


def test_guests_are_looked_at_now_and_then(watched: Watched) -> None:
    watched.refresh(LOOK_EVERY - 1.0)
    assert watched.looks == 0
    watched.refresh(1.0)
    assert watched.looks == 1


@pytest.mark.parametrize("number", [40, 60], ids=["born anew", "new"])
def test_other_interrupts_mean_other_guests(watched: Watched, number: int) -> None:
    watched.refresh()
    watched.counts.add(number, "vfio-msix[9](0000:99:00.0)", {1: 1})
    watched.refresh(100.0 * LOOK_EVERY)
    watched.refresh(3.0)
    before = watched.looks
    watched.counts.add(number, "vfio-msix[10](0000:99:00.0)", {1: 1})
    watched.refresh(20.0)
    assert watched.looks == before + 1


def test_interrupts_that_have_gone_mean_other_guests(watched: Watched) -> None:
    watched.refresh(5.0)
    del watched.counts.interrupts[41]
    watched.refresh(5.0)
    assert watched.looks == 1


def test_a_new_guest_is_shown_after_the_look(watched: Watched) -> None:
    watched.scene.domains.clear()
    watched.refresh(LOOK_EVERY)
    watched.refresh()
    assert watched.source.document is not None
    assert GUEST not in {row["guest"] for row in watched.source.document["devices"]}


def test_while_libvirt_is_away_the_last_known_is_shown_and_it_is_asked_again(watched: Watched) -> None:
    watched.error = LibvirtUnreachable("libvirt at qemu:///system is not reachable")
    watched.refresh(LOOK_EVERY)
    watched.refresh(20.0)
    assert watched.looks == 2
    assert watched.source.trouble is not None
    assert watched.source.trouble.endswith("Z: libvirt at qemu:///system is not reachable")
    assert watched.source.document is not None
    assert watched.source.document["devices"][0]["guest"] == GUEST
    watched.error = None
    watched.refresh(20.0)
    assert watched.source.trouble is None


def test_counts_that_cannot_be_read_are_told_and_the_last_ones_kept(watched: Watched) -> None:
    watched.refresh()
    watched.counts.writes_table = watched.counts.writes_files = False
    (watched.scene.host.proc / "interrupts").unlink()
    (watched.scene.host.sys / "devices/system/cpu/possible").unlink()
    watched.now += 2.0
    watched.source.refresh()
    assert "interrupts cannot be read" in (watched.source.trouble or "")
    assert watched.source.document is not None


def test_no_second_look_begins_while_libvirt_has_not_answered(watched: Watched) -> None:
    watched.answers.clear()
    watched.source.look()
    watched.source.look()
    watched.counts.arrive(40, 2)
    watched.counts.write()
    watched.source.refresh()
    assert watched.source.document is not None
    watched.answers.set()
    watched.wait()
    assert watched.looks == 1
    watched.source.look()
    watched.wait()
    assert watched.looks == 2


class Meter:
    """A clock, and what was used of the CPU by it."""

    def __init__(self) -> None:
        self.now = self.used = 0.0

    def spend(self, pace: Pace, used: float) -> None:
        """Let one interval pass that takes so much of the CPU."""
        self.now += pace.seconds
        self.used += used
        pace.took()


def paced(delay: float) -> tuple[Pace, Meter]:
    meter = Meter()
    return Pace(delay, clock(meter, "now"), clock(meter, "used")), meter


def clock(meter: Meter, name: str) -> Callable[[], float]:
    return lambda: float(getattr(meter, name))


def test_a_cheap_interval_is_as_long_as_asked_for() -> None:
    pace, meter = paced(2.0)
    meter.spend(pace, 0.03)
    assert (pace.seconds, pace.share, pace.is_slowed) == (2.0, 0.015, False)


def test_a_dear_one_makes_the_next_longer_until_it_is_paid_for() -> None:
    pace, meter = paced(2.0)
    for _ in range(50):
        meter.spend(pace, 0.5)
    assert pace.is_slowed
    assert pace.seconds == pytest.approx(0.5 / SHARE)
    assert meter.used / meter.now < 0.10
    meter.spend(pace, 0.01)
    assert (pace.seconds, pace.is_slowed) == (2.0, False)
