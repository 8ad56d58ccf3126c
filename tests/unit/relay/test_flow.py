# SPDX-License-Identifier: Apache-2.0
"""Messages between two channels; one confirms what it likes, and when it likes."""

import logging
from typing import Any

import amqp
import pytest

from irqaffinity.listen.deliveries import Delivery
from irqaffinity.relay import flow as module
from irqaffinity.relay.counters import Counters
from irqaffinity.relay.flow import AT_ONCE, TRIES, Flow
from irqaffinity.relay.route import Fate, Route, Router


class Channel:
    """What publishes; `published` are host and body of each copy."""

    def __init__(self) -> None:
        self.events: dict[str, set[Any]] = {"basic_ack": set(), "basic_nack": set()}
        self.published: list[tuple[str, bytes]] = []
        self.confirms = False

    def confirm_select(self) -> None:
        self.confirms = True

    def send_method(self, _method: object, _types: str, arguments: tuple[Any, ...], message: amqp.Message) -> None:
        assert self.confirms
        self.published.append((arguments[2], message.body))

    def tell(self, event: str, number: int, multiple: bool = False) -> None:
        for callback in self.events[event]:
            callback(number, multiple)


class ToWhomTheBodySays(Router):
    """Reads a body as the names of hosts."""

    def route(self, body: bytes) -> Route:
        if body == b"bad":
            raise ZeroDivisionError
        return Route(Fate.RELAYED, tuple(body.decode().split())) if body else Route(Fate.IGNORED)


class Rig:
    def __init__(self) -> None:
        self.channel = Channel()
        self.counters = Counters()
        self.flow = Flow(self.channel, ToWhomTheBodySays(), self.counters)
        self.tag = 0

    def take(self, *bodies: bytes | None, is_compressed: bool = False) -> None:
        for body in bodies:
            self.tag += 1
            self.flow.take(Delivery(self.tag, body, is_compressed))
        while self.flow.publish():
            pass

    def fates(self) -> dict[Fate, int]:
        return {fate: count for fate, count in self.counters.messages.items() if count}


def test_nothing_is_done_before_the_broker_has_confirmed_it() -> None:
    rig = Rig()
    rig.take(b"a", b"a b", b"")
    assert rig.channel.published == [("a", b"a"), ("a", b"a b"), ("b", b"a b")]
    assert (rig.flow.done, rig.fates(), rig.counters.unconfirmed) == (0, {Fate.IGNORED: 1}, 3)
    rig.channel.tell("basic_ack", 2, multiple=True)
    assert (rig.flow.done, rig.fates()) == (1, {Fate.IGNORED: 1, Fate.RELAYED: 1})
    rig.channel.tell("basic_ack", 3)
    rig.flow.publish()
    assert (rig.flow.done, rig.counters.confirmed, rig.counters.unconfirmed) == (3, 3, 0)


def test_what_is_dropped_is_done_at_once() -> None:
    rig = Rig()
    rig.take(b"", None, b"bad")
    rig.take(b"a", is_compressed=True)
    assert (rig.flow.done, rig.fates()) == (4, {Fate.IGNORED: 1, Fate.UNREAD: 2, Fate.MALFORMED: 1})
    assert rig.channel.published == []


def test_a_failure_of_ours_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    Rig().take(b"bad", b"bad")
    assert [record.levelno for record in caplog.records if "drops it" in record.getMessage()] == [logging.WARNING]


def test_nothing_is_published_while_the_broker_takes_nothing() -> None:
    rig = Rig()
    rig.counters.blocked = "memory"
    rig.take(b"a", b"b")
    assert (rig.channel.published, rig.flow.done, rig.fates()) == ([], 0, {})
    rig.counters.blocked = None
    rig.flow.publish()
    assert [host for host, _ in rig.channel.published] == ["a", "b"]


def test_a_copy_that_is_refused_is_published_again_and_given_up_at_last(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.take(b"a b")
    rig.channel.tell("basic_ack", 2)
    for number in range(TRIES):
        assert rig.flow.done == 0
        rig.channel.tell("basic_nack", 1 if number == 0 else number + 2)
        rig.flow.publish()
    assert [host for host, _ in rig.channel.published] == ["a", "b", "a", "a"]
    assert (rig.flow.done, rig.fates(), rig.counters.refused) == (1, {Fate.REFUSED: 1}, 1)
    assert "refuses a message for host a, which does not get it" in caplog.text


def test_bodies_beyond_what_may_be_held_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_HELD", 10)
    rig = Rig()
    rig.take(b"12345678", b"a", b"b", b"c")
    assert rig.fates() == {Fate.UNREAD: 1}
    rig.channel.tell("basic_ack", 3, multiple=True)
    assert rig.flow.done == 4
    rig.take(b"d")
    assert [host for host, _ in rig.channel.published] == ["12345678", "a", "b", "d"]


def test_the_relay_that_gets_a_message_is_the_active_one() -> None:
    rig = Rig()
    assert not rig.counters.is_active
    rig.take(b"a")
    assert rig.counters.is_active
    rig.counters.disconnect()
    assert (rig.counters.is_active, rig.counters.unconfirmed, rig.counters.blocked) == (False, 0, None)


def test_the_broker_is_listened_to_before_all_is_published() -> None:
    rig = Rig()
    for tag in range(1, AT_ONCE + 2):
        rig.flow.take(Delivery(tag, b"a"))
    assert rig.flow.publish()
    assert len(rig.channel.published) == AT_ONCE
    rig.counters.blocked = "memory"
    assert not rig.flow.publish()
    rig.counters.blocked = None
    assert not rig.flow.publish()
    assert len(rig.channel.published) == AT_ONCE + 1
