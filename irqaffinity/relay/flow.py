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
"""Bytes of bodies that may wait at a time; further messages are not read. A hundred of Nova's have one or two MiB."""

AT_ONCE = 10
"""Messages to publish before reading from the broker again."""

TRIES = 3
"""How often to publish a copy that the broker refuses. The queue of one host must not hold up all hosts."""

_PROPERTIES = {"content_type": "application/json", "delivery_mode": 1}
"""Not the properties of the original, which come from outside. Messages are transient, so that no confirm waits for a
disk: where a restart of the broker loses some, each agent makes a full pass when it connects again."""

_HOUR = 3600.0


class Flow:
    """The messages under way between a channel that consumes and one that publishes. For one thread."""

    def __init__(self, hosts: Any, router: Router, counters: Counters) -> None:
        """Take the channel that publishes, and set it to confirm mode."""
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
        """Keep a message until `publish`: messages come during every read from the broker."""
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
        """Publish some of the waiting messages, unless the broker takes nothing; return whether it can go on at once.

        It does not publish all of them: the relay must also read from the broker, which may say that it takes nothing.
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
        except Exception as error:  # noqa: BLE001  whatever one message causes, the relay goes on with the next
            level = logging.DEBUG if self._has_failed else logging.WARNING
            LOG.log(level, "the relay could not read a message, and drops it: %s", describe(error))
            self._has_failed = True
            return Route(Fate.MALFORMED)

    def _send(self, copy: Copy) -> None:
        """Publish a copy by the method itself: basic_publish of the library would first read from the broker."""
        self._window.publish(copy)
        message = amqp.Message(copy.body, **_PROPERTIES)
        self._hosts.send_method(spec.Basic.Publish, "Bssbb", (0, HOSTS_EXCHANGE, copy.host, False, False), message)

    def confirm(self, number: int, multiple: bool) -> None:
        """Note the copies that the broker has taken."""
        for copy in self._window.settle(number, multiple):
            self._counters.confirmed += 1
            self._finish(copy)

    def refuse(self, number: int, multiple: bool) -> None:
        """Note the copies that the broker has refused, to publish each again until it was sent TRIES times."""
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
            level, "the broker refuses a message for host %s, which does not get it: look at its queue", clean(host)
        )
        if is_news:
            self._refusal_told = now

    def _finish(self, copy: Copy) -> None:
        original = copy.original
        original.missing -= 1
        if original.missing == 0:
            self._counters.messages[Fate.REFUSED if original.is_refused else Fate.RELAYED] += 1
