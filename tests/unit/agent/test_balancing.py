# SPDX-License-Identifier: Apache-2.0
"""The thread that tells irqbalance: it is there when it is needed, follows what guests have, and holds up nobody."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from irqaffinity.agent.balancing import BalanceTeller
from irqaffinity.daemon.threads import Threads
from irqaffinity.model.balance import Balancing, Bans
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.isolation import Told
from irqaffinity.model.record import Changes
from irqaffinity.passes.balance import Balance, Times
from irqaffinity.plan.policy import Isolation, IsolationMode
from irqaffinity.state.memory import MemoryStore
from tests.fakes.balancer import PID, FakeBalancer
from tests.fakes.host import FakeHost
from tests.functional.agent import wait_for
from tests.patience import HANG

NAME = f"irqbalance{PID}.sock"
WISH = Bans(CpuSet.parse("2-15"), (30, 31))
OTHER = Bans(CpuSet.parse("2-3"), (30,))

QUICK = Times(look=0.1, again=0.02, scan=0.05, refused=0.05, late=0.05)


class Rig:
    """A teller with what it showed last, and the options that switch it on and off."""

    def __init__(self, host: FakeHost, folder: Path) -> None:
        self.shown: Balancing | None = None
        self.shows = 0
        self.store = MemoryStore()
        self.lock = threading.RLock()
        self.threads = Threads()
        self.balance = Balance(host.root, str(folder), self.store, self.lock, times=QUICK)
        self.teller = BalanceTeller(self.balance, self.threads, self.show, pause=0.01, last_answer=HANG)
        self.on = Isolation(IsolationMode.ENFORCE, irqbalance_sockets=str(folder))
        self.off = Isolation(IsolationMode.REPORT, irqbalance_sockets=str(folder))

    def show(self, shown: Balancing | None) -> None:
        """Take what the status would show."""
        self.shown = shown
        self.shows += 1

    def want(self, wish: Bans) -> None:
        """Say what a pass found, as soon as the teller looks."""
        asked: list[Bans] = []

        def find() -> Bans:
            asked.append(wish)
            return wish

        wait_for("its look", lambda: self.teller.look(find) or asked)

    def stop(self) -> None:
        """End it as the agent does, with all the time that it may need."""
        self.teller.end()
        self.teller.join(HANG)

    def is_alive(self) -> bool:
        """Tell whether the thread is there."""
        return any(thread.name == "irqbalance" for thread in threading.enumerate())


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeBalancer]:
    balancer = FakeBalancer(tmp_path / "sockets")
    balancer.sleep = 0
    yield balancer
    balancer.close()


@pytest.fixture
def rig(host: FakeHost, tmp_path: Path, fake: FakeBalancer) -> Iterator[Rig]:
    made = Rig(host, tmp_path / "sockets")
    yield made
    fake.is_silent = False
    made.stop()
    assert made.threads.dead is None


def has_told(rig: Rig, fake: FakeBalancer) -> bool:
    """Scan, and tell whether it has all."""
    fake.scan()
    return rig.shown is not None and rig.shown.told


def test_it_follows_what_guests_have_and_gives_back_at_the_end(
    rig: Rig, fake: FakeBalancer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rig.teller.follow(rig.on)
    rig.want(WISH)
    wait_for("the first", lambda: has_told(rig, fake))
    assert rig.shown == Balancing(PID, True, WISH.cpus, 2)
    assert f"irqbalance {PID} leaves CPUs 2-15 and 2 interrupts of guests alone" in caplog.text
    rig.want(OTHER)
    wait_for("the second", lambda: has_told(rig, fake) and rig.shown == Balancing(PID, True, OTHER.cpus, 1))
    rig.stop()
    assert not rig.is_alive()
    fake.scan()
    assert (fake.cpus, fake.irqs) == ("00000000", [])
    assert NAME in rig.store.load().told, "the next process sees that it is gone"


def test_nothing_is_asked_before_the_first_pass_or_without_enforce(rig: Rig, fake: FakeBalancer) -> None:
    rig.teller.follow(rig.off)
    rig.teller.look(lambda: pytest.fail("nobody needs it"))
    assert not rig.is_alive()
    rig.teller.follow(rig.on)
    rig.teller.look(lambda: None)
    assert rig.is_alive()
    rig.stop()
    assert fake.asked == []
    assert rig.shown is None


def test_when_the_mode_leaves_enforce_it_gives_back_and_the_thread_ends(rig: Rig, fake: FakeBalancer) -> None:
    fake.irqs = [9]
    rig.teller.follow(rig.on)
    rig.want(WISH)
    wait_for("the first", lambda: has_told(rig, fake))
    rig.teller.follow(rig.off)
    wait_for("the end", lambda: fake.scan() or not rig.is_alive())
    assert (fake.irqs, fake.cpus, rig.store.load().told, rig.shown) == ([9], "00000000", {}, None)
    rig.teller.follow(rig.on)
    rig.want(WISH)
    wait_for("once more", lambda: has_told(rig, fake))


def test_what_a_killed_agent_told_is_given_back_by_one_that_tells_nothing(rig: Rig, fake: FakeBalancer) -> None:
    fake.cpus, fake.irqs = "0000000c", [30]
    rig.store.save(Changes(told={NAME: Told(None, (), CpuSet([2, 3]), (30,))}))
    rig.teller.follow(rig.off, owes=True)
    wait_for("the end", lambda: fake.scan() or not rig.is_alive())
    assert (fake.irqs, fake.cpus, rig.store.load().told) == ([], "00000000", {})


def test_one_that_hangs_holds_up_nobody_and_is_asked_once(rig: Rig, fake: FakeBalancer) -> None:
    fake.is_silent = True
    rig.teller.follow(rig.on)
    rig.want(WISH)
    wait_for("its question", lambda: fake.asked)
    for number in range(40, 50):
        with rig.lock:  # as a pass does
            rig.store.save(Changes(told={f"other{number}": None}))
    rig.want(OTHER)
    assert fake.asked == ["setup"]
    fake.speak()
    wait_for("what is wanted now", lambda: has_told(rig, fake) and rig.shown == Balancing(PID, True, OTHER.cpus, 1))
    assert (fake.cpus, fake.irqs) == ("0000000c", [30])


def test_an_answer_that_is_still_to_come_is_heard_before_the_end(rig: Rig, fake: FakeBalancer) -> None:
    fake.is_silent = True
    rig.teller.follow(rig.on)
    rig.want(WISH)
    wait_for("its question", lambda: fake.asked)
    rig.teller.end()
    threading.Timer(0.1, fake.speak).start()
    rig.teller.join(HANG)
    assert not rig.is_alive()
    assert not fake.is_silent


def test_what_was_told_goes_back_where_it_came_from_when_the_folder_is_no_longer_named(
    rig: Rig, fake: FakeBalancer
) -> None:
    rig.teller.follow(rig.on)
    rig.want(WISH)
    wait_for("the first", lambda: has_told(rig, fake))
    rig.teller.follow(Isolation())
    wait_for("the end", lambda: fake.scan() or not rig.is_alive())
    assert (fake.irqs, fake.cpus, rig.store.load().told) == ([], "00000000", {})


def test_one_that_hangs_is_said_once(rig: Rig, fake: FakeBalancer, caplog: pytest.LogCaptureFixture) -> None:
    fake.is_silent = True
    rig.teller.follow(rig.on)
    rig.want(WISH)
    wait_for("the first word", lambda: "has not answered" in caplog.text)
    shows = rig.shows
    wait_for("more looks", lambda: rig.shows > shows + 2)
    assert caplog.text.count("has not answered for 0.05 s or more") == 1
    fake.speak()


def test_trouble_is_said_once(rig: Rig, fake: FakeBalancer, caplog: pytest.LogCaptureFixture) -> None:
    rig.balance._patience = HANG  # an answer that came late would be another trouble
    fake.answer = b"no"
    rig.teller.follow(rig.on)
    rig.want(WISH)
    wait_for("its answer", lambda: rig.shown is not None and rig.shown.trouble)
    asked = len(fake.asked)
    rig.want(OTHER)
    wait_for("another try", lambda: len(fake.asked) > asked)
    rig.stop()
    assert caplog.text.count("was asked for its setup and answered") == 1
