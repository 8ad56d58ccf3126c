# SPDX-License-Identifier: Apache-2.0
"""Who listens to Nova's notifications: when a listener begins, goes and comes back, and what the agent says of it."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.agent.counters import Counters
from irqaffinity.agent.listening import Configuration, Listening
from irqaffinity.agent.need import Need
from irqaffinity.conf.load import load
from irqaffinity.daemon.threads import Threads
from irqaffinity.listen import notifications
from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.listen.ending import Ending
from irqaffinity.listen.link import Link
from irqaffinity.listen.queue import WakeQueue
from irqaffinity.model.guest import Guest, parse_guest_id
from irqaffinity.model.host import SeenGuest
from irqaffinity.model.proof import Proof
from irqaffinity.observe.guests import Seen
from tests.functional.agent import wait_for

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
WEEK = timedelta(days=7)
A, B = (parse_guest_id(digit * 32) for digit in "ab")
OLD = Guest(A, "instance-1", 2, {}, flavor="nfv")
NEW = replace(OLD, extra_specs={})
BROKER = Broker((BrokerHost("a", 5672, "nova", "x"), BrokerHost("b", 5672, "nova", "x")), "/nova", "nova", ("key",))
WHY = "every domain of Nova's has had its extra specs for 7 days"


class FakeListener:
    """A listener that is up at once, and ends when somebody ends it and `may_end`."""

    made: list["FakeListener"]
    may_end: threading.Event

    def __init__(
        self, broker: Broker, *_others: Any, is_exclusive: bool, from_relay: bool, link: Link, ending: Ending
    ) -> None:
        self.what = (broker, is_exclusive, from_relay)
        self.link, self.ending = link, ending
        self.has_ended = False
        self.was_alone = all(other.has_ended for other in self.made)
        self.made.append(self)

    def run(self) -> None:
        self.link.up("a:5672")
        while not self.ending.is_told:
            self.ending.wait(1)
        self.may_end.wait()
        self.has_ended = True


class Rig:
    """A host whose guests and clock the test moves."""

    def __init__(self, folder: Path, stored: Proof | None = None) -> None:
        self.folder = folder
        self.now = NOON
        self.guests: Seen = {}
        self.links: dict[str, Link] = {}
        need = Need(stored, lambda _proof: None, lambda: self.now)
        self.threads = Threads()
        self.listening = Listening(self.threads, WakeQueue(), Counters(), self.links, lambda: self.guests, need)

    def follow(self, lines: str = "", broker: Broker | None = BROKER) -> None:
        file = self.folder / "irqaffinity.conf"
        file.write_text(f"[DEFAULT]\nhost = cmp-1\n[notifications]\n{lines}")
        self.listening.follow(Configuration(load([str(file)]), broker))

    def see(self, *guests: Guest) -> None:
        self.guests = {guest.uuid: SeenGuest(guest) for guest in guests}
        self.listening.look()

    def pass_time(self, time: timedelta) -> None:
        """Look every hour, at the same guests."""
        for _ in range(int(time / timedelta(hours=1))):
            self.now += timedelta(hours=1)
            self.listening.look()

    def wait_made(self, number: int) -> FakeListener:
        """Return the listener that is up, the one of so many."""
        wait_for("a listener", lambda: len(FakeListener.made) == number and FakeListener.made[-1].link.state.is_up)
        return FakeListener.made[-1]

    def wait_left(self) -> None:
        wait_for("the listener to have left", lambda: not self.links["broker"].state.is_needed)


def count_threads() -> int:
    return sum(thread.name == "notifications" for thread in threading.enumerate())


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr(notifications, "NotificationListener", FakeListener)
    FakeListener.made, FakeListener.may_end = [], threading.Event()
    FakeListener.may_end.set()
    made = Rig(tmp_path)
    wait_for("the listeners of other tests to end", lambda: count_threads() == 0)
    yield made
    FakeListener.may_end.set()
    for listener in FakeListener.made:
        listener.ending.stop()


def test_it_leaves_after_days_without_need_and_comes_back_with_the_first_guest_that_has_none(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "irqaffinity.agent.listening")
    rig.follow()
    first = rig.wait_made(1)
    assert first.what == (BROKER, False, False)
    rig.see(NEW)
    rig.pass_time(WEEK - timedelta(hours=1))
    assert not first.ending.is_told
    assert caplog.messages == []
    rig.pass_time(timedelta(days=30))
    rig.wait_left()
    assert (first.ending.leaves, first.has_ended) == (True, True)
    state = rig.links["broker"].state
    assert (state.word, state.trouble, rig.links["broker"].losses) == ("not needed", WHY, 0)
    assert caplog.messages == [f"broker: the agent does not listen, for {WHY}; it will when a domain has none"]
    rig.see(NEW, replace(OLD, uuid=B))
    second = rig.wait_made(2)
    assert caplog.messages[1:] == ["broker: the agent listens again, for a domain of Nova's has no extra specs"]
    assert second.link is rig.links["broker"]
    rig.see(NEW)
    rig.pass_time(WEEK - timedelta(hours=1))
    assert not second.ending.is_told
    assert rig.threads.dead is None


def test_one_that_comes_back_waits_until_the_one_before_has_left(rig: Rig) -> None:
    """Else that one would delete the queue that was just made."""
    rig.follow("leave_after = 0\n")
    rig.wait_made(1)
    FakeListener.may_end.clear()
    rig.see(NEW)
    rig.see(OLD)
    wait_for("the thread of the next one", lambda: count_threads() >= 2 or len(FakeListener.made) == 2)
    FakeListener.may_end.set()
    assert rig.wait_made(2).was_alone
    assert rig.links["broker"].state.is_up


def test_after_a_restart_it_stays_away_until_it_is_needed(
    rig: Rig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "irqaffinity.agent.listening")
    again = Rig(tmp_path, Proof(NOON - WEEK, NOON))
    again.follow()
    assert again.links["broker"].state.word == "not needed"
    assert len(caplog.messages) == 1
    again.see()
    again.see(NEW)
    assert FakeListener.made == []
    again.see(OLD)
    again.wait_made(1)


@pytest.mark.parametrize("lines", ["enabled = true\n", "enabled = yes\n", "enabled = 1\n", "leave_after = 8\n"])
def test_it_listens_on_where_it_is_to(rig: Rig, lines: str, tmp_path: Path) -> None:
    again = Rig(tmp_path, Proof(NOON - WEEK, NOON))
    again.follow(lines)
    again.wait_made(1)
    again.see(NEW)
    assert not FakeListener.made[0].ending.is_told


def test_a_configuration_without_a_broker_is_told_as_loudly_as_it_was_meant(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    text = "no transport_url is set: the agent does not listen to Nova's notifications"
    for lines, told in (
        ("", [("INFO", text)]),
        ("enabled = true\n", [("WARNING", text)]),
        ("enabled = false\n", []),
        ("enabled = 0\n", []),
    ):
        caplog.clear()
        rig.follow(lines, None)
        assert [(record.levelname, record.getMessage()) for record in caplog.records] == told
    rig.see(OLD)
    assert (rig.links, FakeListener.made) == ({}, [])


@pytest.mark.parametrize(
    ("lines", "broker", "leaves"),
    [
        ("", replace(BROKER, heartbeat=7), False),
        ("", replace(BROKER, hosts=BROKER.hosts[1:]), False),
        ("queue = exclusive\n", BROKER, False),
        ("source = relay\n", BROKER, False),
        ("", replace(BROKER, virtual_host="/"), True),
        ("", replace(BROKER, hosts=(BrokerHost("c", 5672, "nova", "x"),)), True),
        ("enabled = false\n", None, True),
        ("", None, True),
        ("leave_after = 0\n", BROKER, True),
    ],
)
def test_the_queue_is_left_to_the_next_listener_of_the_same_broker_and_else_deleted(
    rig: Rig, lines: str, broker: Broker | None, leaves: bool
) -> None:
    """The next one deletes the queues of other configurations itself."""
    rig.follow()
    first = rig.wait_made(1)
    rig.see(NEW)
    rig.follow(lines, broker)
    assert (first.ending.is_told, first.ending.leaves) == (True, leaves)
    if broker is not None and "leave_after" not in lines:
        second = rig.wait_made(2)
        assert second.what == (broker, "exclusive" in lines, "relay" in lines)
        assert second.link is not first.link
        assert rig.links["broker"] is second.link
    else:
        assert len(FakeListener.made) == 1
        assert ("broker" in rig.links) is (broker is not None)


def test_another_broker_is_listened_to_while_the_one_before_is_still_being_left(rig: Rig) -> None:
    rig.follow()
    rig.wait_made(1)
    FakeListener.may_end.clear()
    rig.follow("", replace(BROKER, virtual_host="/"))
    rig.wait_made(2)
    FakeListener.may_end.set()


def test_nobody_comes_back_once_the_agent_ends(rig: Rig, tmp_path: Path) -> None:
    resting = Rig(tmp_path, Proof(NOON - WEEK, NOON))
    resting.follow()
    resting.listening.stop()
    resting.see(OLD)
    assert (FakeListener.made, resting.listening._thread) == ([], None)
    rig.follow()
    first = rig.wait_made(1)
    rig.listening.stop()
    assert (first.ending.is_told, first.ending.leaves) == (True, False)
    rig.see(OLD)
    assert len(FakeListener.made) == 1
