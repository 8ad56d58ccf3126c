# SPDX-License-Identifier: Apache-2.0
"""The messages of one pair of connections: taken, published to their hosts, confirmed, acknowledged, in this order."""

import logging
import time
from collections import deque
from typing import Any

import amqp
from amqp import spec

from irqaffinity.listen.deliveries import Delivery
from irqaffinity.listen.names import HOSTS_EXCHANGE
from irqaffinity.listen.refusals import describe
from irqaffinity.model.text import clean
from irqaffinity.relay.counters import Counters
from irqaffinity.relay.route import Fate, Route, Router
from irqaffinity.relay.window import Copy, Original, Window

LOG = logging.getLogger(__name__)

MOST_HELD = 32 << 20
"""Bytes of bodies that may wait at a time; what comes on top is not read. Nova's hundred messages have one or two."""

AT_ONCE = 10
"""Messages that are published before the broker is listened to again."""

TRIES = 3
"""How often a copy is published that the broker does not take. One host's queue must not stop all hosts."""

_PROPERTIES = {"content_type": "application/json", "delivery_mode": 1}
"""Not those of the original, which come from outside. Transient: what a restart of the broker loses is made up for by
the full pass of each agent that connects again, and no confirm waits for a disk."""

_HOUR = 3600.0


class Flow:
    """What is under way between a channel that consumes and one that publishes. For one thread."""

    def __init__(self, hosts: Any, router: Router, counters: Counters) -> None:
        """Take the channel that publishes, in confirm mode from now on."""
        self._hosts = hosts
        self._router = router
        self._counters = counters
        self._window = Window()
        self._waiting: deque[tuple[Original, bytes]] = deque()
        self._again: deque[Copy] = deque()
        self._has_failed = False
        self._refusal_told: float | None = None
        hosts.events["basic_ack"].add(self.confirm)
        hosts.events["basic_nack"].add(self.refuse)
        hosts.confirm_select()

    @property
    def done(self) -> int:
        """The last delivery tag up to which all messages can be acknowledged, 0 before the first."""
        return self._window.done()

    def take(self, delivery: Delivery) -> None:
        """Keep a message until it is published: it may come at any moment in which the broker is read from."""
        if not self._counters.is_active:
            self._counters.is_active = True
            LOG.info("broker: this relay is the active one: it gets the messages")
        body = delivery.body
        if body is None or delivery.is_compressed or self._window.held + len(body) > MOST_HELD:
            self._window.take(Original(delivery.delivery_tag, missing=0))
            self._counters.messages[Fate.UNREAD] += 1
            return
        original = Original(delivery.delivery_tag, len(body))
        self._window.take(original)
        self._waiting.append((original, body))

    def publish(self) -> bool:
        """Publish some of what waits, unless the broker takes nothing; tell whether more can be published at once.

        Not all of it: the broker may have to say that it takes nothing, and who only writes to it does not hear that.
        """
        for _ in range(AT_ONCE):
            if self._counters.blocked is not None or not (self._again or self._waiting):
                break
            if self._again:
                self._send(self._again.popleft())
            else:
                self._hand_on(*self._waiting.popleft())
        self._counters.unconfirmed = self._window.unconfirmed + len(self._again)
        return self._counters.blocked is None and bool(self._again or self._waiting)

    def _hand_on(self, original: Original, body: bytes) -> None:
        route = self._route(body)
        original.missing = len(route.hosts)
        if not route.hosts:
            self._counters.messages[route.fate] += 1
        for host in route.hosts:
            self._send(Copy(original, host, body))

    def _route(self, body: bytes) -> Route:
        try:
            return self._router.route(body)
        except Exception as error:  # noqa: BLE001  the top of what one message does: the next one is not to wait for it
            level = logging.DEBUG if self._has_failed else logging.WARNING
            LOG.log(level, "a message could not be read, and is left out: %s", describe(error))
            self._has_failed = True
            return Route(Fate.MALFORMED)

    def _send(self, copy: Copy) -> None:
        """Publish by the method itself: basic_publish of the library would first wait for what comes."""
        self._window.publish(copy)
        message = amqp.Message(copy.body, **_PROPERTIES)
        self._hosts.send_method(spec.Basic.Publish, "Bssbb", (0, HOSTS_EXCHANGE, copy.host, False, False), message)

    def confirm(self, number: int, multiple: bool) -> None:
        """Note what the broker has taken."""
        for copy in self._window.settle(number, multiple):
            self._counters.confirmed += 1
            self._finish(copy)

    def refuse(self, number: int, multiple: bool) -> None:
        """Note what the broker has not taken; it is published again, but not for ever."""
        for copy in self._window.settle(number, multiple):
            if copy.tries < TRIES:
                self._again.append(copy)
                continue
            self._counters.refused += 1
            copy.original.is_refused = True
            self._tell_refusal(copy.host)
            self._finish(copy)

    def _tell_refusal(self, host: str) -> None:
        now = time.monotonic()
        is_news = self._refusal_told is None or now - self._refusal_told >= _HOUR
        level = logging.WARNING if is_news else logging.DEBUG
        LOG.log(
            level, "the broker does not take a message for host %s, which is left out: look at its queue", clean(host)
        )
        if is_news:
            self._refusal_told = now

    def _finish(self, copy: Copy) -> None:
        original = copy.original
        original.missing -= 1
        if original.missing == 0:
            self._counters.messages[Fate.REFUSED if original.is_refused else Fate.RELAYED] += 1
