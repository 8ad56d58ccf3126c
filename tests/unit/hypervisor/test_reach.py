# SPDX-License-Identifier: Apache-2.0
"""Whether libvirt answers, and when it is asked again or given up."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from irqaffinity.hypervisor.connection import Hypervisor, LibvirtUnreachable
from irqaffinity.hypervisor.reach import LibvirtStuck, Reach
from irqaffinity.listen.retry import STEADY
from irqaffinity.model.times import STUCK
from tests.fakes.domains import make_libvirt

AWAY = LibvirtUnreachable("libvirt is away")


class Reached:
    """A libvirt that can be made to hang, and the time."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.back = threading.Event()
        self.hypervisor = Hypervisor(make_libvirt(folder, []), deadline=0.01)
        self.reach = Reach(self.hypervisor, lambda: self.now)

    def hang(self) -> None:
        """Have two calls not come back before `back` is set."""
        for _ in range(2):
            with pytest.raises(LibvirtUnreachable):
                self.hypervisor._ask(self.back.wait)

    def come_back(self) -> None:
        """Have them come back."""
        self.back.set()
        for abandoned in self.hypervisor._abandoned:
            abandoned._thread.join()


@pytest.fixture
def reached(tmp_path: Path) -> Iterator[Reached]:
    made = Reached(tmp_path)
    yield made
    made.come_back()


def test_a_libvirt_that_was_not_asked_yet_is_not_up(reached: Reached) -> None:
    assert not reached.reach.is_up
    assert reached.reach.link.name == "libvirt"
    assert reached.reach.link.state.peer == reached.hypervisor.shown_uri


def test_an_answer_is_told_once_until_it_is_lost(reached: Reached, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for _ in range(2):
        reached.reach.answered()
    assert reached.reach.is_up
    reached.reach.lost(AWAY)
    assert (reached.reach.is_up, reached.reach.link.state.trouble) == (False, "libvirt is away")
    reached.reach.answered()
    up = f"libvirt: connected to {reached.hypervisor.shown_uri}"
    assert caplog.messages == [up, "libvirt is away", up]


def test_attempts_become_rarer_until_it_answers(reached: Reached) -> None:
    waits = [reached.reach.next_wait() for _ in range(6)]
    assert all(0.5 * usual <= wait <= 1.5 * usual for usual, wait in zip((1, 2, 4, 8, 16, 30), waits, strict=True))
    reached.reach.answered()
    reached.now += STEADY - 1
    assert reached.reach.next_wait() >= 15
    for _ in range(2):
        reached.reach.answered()
        reached.now += STEADY / 2
    assert reached.reach.next_wait() <= 1.5


def test_another_libvirt_is_named_before_it_answers_and_tried_at_once(
    reached: Reached, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    before = reached.hypervisor.shown_uri
    reached.reach.answered()
    reached.reach.move(before)
    assert (reached.reach.link.state.peer, reached.reach.is_up) == (before, True)
    for _ in range(5):
        reached.reach.next_wait()
    reached.reach.move("test+tcp://user:secret@127.0.0.1/default")
    state = reached.reach.link.state
    assert (state.peer, state.is_up, state.trouble) == ("test+tcp://127.0.0.1/default", False, "not connected yet")
    assert reached.reach.next_wait() <= 1.5
    reached.reach.lost(AWAY)
    assert (reached.reach.link.state.peer, reached.reach.link.losses) == ("test+tcp://127.0.0.1/default", 0)
    assert caplog.messages == [f"libvirt: connected to {before}", "libvirt is away"]


def test_a_libvirt_that_has_not_answered_for_a_minute_is_stuck(reached: Reached) -> None:
    reached.hang()
    reached.reach.watch()
    reached.now += STUCK
    reached.reach.watch()
    reached.now += 0.001
    with pytest.raises(LibvirtStuck) as caught:
        reached.reach.watch()
    assert str(caught.value) == f"libvirt at {reached.hypervisor.shown_uri} has not answered for 60 s"


def test_one_that_came_back_has_all_its_time_again(reached: Reached) -> None:
    reached.hang()
    reached.reach.watch()
    reached.now += STUCK - 1
    reached.come_back()
    reached.reach.watch()
    reached.back.clear()
    reached.now += STUCK
    reached.hang()
    reached.reach.watch()
    reached.now += STUCK
    reached.reach.watch()


def test_one_that_answers_is_not_stuck_however_long(reached: Reached) -> None:
    for _ in range(3):
        reached.now += 10 * STUCK
        reached.reach.watch()
