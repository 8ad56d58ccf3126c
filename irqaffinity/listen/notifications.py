# SPDX-License-Identifier: Apache-2.0
"""Consumes Nova's notifications from RabbitMQ.

Every message is acknowledged once, and none is ever requeued. The queue is this host's own (listen/subscription.py).
"""

import contextlib
import logging
import random
import time
from collections.abc import Callable, Container
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import kombu

from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.listen.clocks import Clocks
from irqaffinity.listen.connection import connected
from irqaffinity.listen.deliveries import Delivery
from irqaffinity.listen.ending import Ending
from irqaffinity.listen.events import EVENTS, OTHER
from irqaffinity.listen.link import Link
from irqaffinity.listen.payload import (
    BadNotification,
    Notification,
    Outcome,
    is_believed,
    judge,
    parse_notification,
)
from irqaffinity.listen.queue import WakeQueue
from irqaffinity.listen.refusals import describe, explain
from irqaffinity.listen.retry import Retry
from irqaffinity.listen.subscription import Subscription
from irqaffinity.model.credit import Credit
from irqaffinity.model.guest import GuestId

LOG = logging.getLogger(__name__)

Count = Callable[[str, Outcome], None]
"""A function that gets the event and the outcome of each message."""

_PREFETCH = 200
_POLL = 1.0

EFFORT, EFFORT_RATE = 2.0, 0.2
"""Seconds of CPU that messages may cost at once, and in each second: some ten thousand, and two thousand a second."""


class NotificationListener:
    """One consumer of one queue. `run` is the life of a thread."""

    def __init__(
        self,
        broker: Broker,
        host: str,
        machine_id: str,
        queue: WakeQueue,
        known: Callable[[], Container[GuestId]],
        count: Count = lambda _event, _outcome: None,
        clocks: Clocks | None = None,
        *,
        is_exclusive: bool = False,
        from_relay: bool = False,
        link: Link | None = None,
        ending: Ending | None = None,
    ) -> None:
        """`host` is that of nova.conf, `queue` takes the wake-ups, `known` returns the guests of this host.

        `clocks` gets the time of each message that brings extra specs.
        """
        self.link = Link("broker", str(broker)) if link is None else link
        self.retry = Retry()
        self._broker = broker
        self._host = host
        self._wakes = queue
        self._known = known
        self._count = count
        self._clocks = Clocks() if clocks is None else clocks
        self._ending = Ending() if ending is None else ending
        self._has_failed = False
        self._effort = Credit(EFFORT, EFFORT_RATE)
        self._subscription = Subscription.of(broker, host, machine_id, is_exclusive=is_exclusive, from_relay=from_relay)

    def stop(self) -> None:
        """Make `run` return within a second or two."""
        self._ending.stop()

    def leave(self) -> None:
        """Make `run` delete the queue and return, as soon as the broker lets it."""
        self._ending.leave()

    def run(self) -> None:
        """Consume until somebody ends it, from whichever node of the broker answers."""
        self._stay()
        if self._ending.leaves:
            self._leave()

    def _stay(self) -> None:
        while not self._ending.is_told:
            refusals = []
            for host in random.sample(self._broker.hosts, len(self._broker.hosts)):
                try:
                    self._consume(host)
                except Exception as error:  # noqa: BLE001  the top of a thread, and no broker may end the agent
                    why = explain(error, self._broker, from_relay=self._subscription.from_relay)
                    refusals.append(f"{host}: {why}")
                if self._ending.is_told:
                    return
                if self.link.state.is_up:
                    self.link.down(refusals.pop())
            if refusals:
                self.link.down("; ".join(sorted(refusals)))
            self._ending.wait(self.retry.failed())

    def _leave(self) -> None:
        """Delete the queue on the first node that answers; without one it goes by itself (subscription.EXPIRES)."""
        for host in self._broker.hosts:
            try:
                with connected(self._broker, host, self._subscription.queue) as connection:
                    self._subscription.delete(connection)
            except Exception as error:  # noqa: BLE001  the top of a thread, as above
                LOG.debug("the queue %s is left as it is: %s: %s", self._subscription.queue, host, describe(error))
            else:
                return

    def _consume(self, host: BrokerHost) -> None:
        with connected(self._broker, host, self._subscription.queue, self._receive) as connection:
            channel, name = self._subscription.make(connection)
            channel.basic_qos(0, _PREFETCH, False)
            channel.basic_consume(name)
            self._subscription.delete_others(connection)
            if self._ending.is_told:
                return
            self.link.up(str(host))
            self.retry.worked()
            self._wakes.wake_all("broker")
            self._drain(connection)

    def _drain(self, connection: kombu.Connection) -> None:
        heartbeat = connection.get_heartbeat_interval()
        pause = min(_POLL, heartbeat / 4) if heartbeat else _POLL
        last_check = time.monotonic()
        while not self._ending.is_told:
            start = time.thread_time()
            with contextlib.suppress(TimeoutError):
                connection.drain_events(timeout=pause)
            self._effort.spend(time.monotonic(), time.thread_time() - start)
            self._ending.wait(min(pause, self._effort.wait(time.monotonic())))
            if heartbeat and time.monotonic() - last_check >= heartbeat / 4:
                last_check = time.monotonic()
                connection.heartbeat_check(rate=4)

    def _receive(self, channel: Any, delivery: Delivery) -> None:
        """Acknowledge first: a message that ends the process must not come back and end it again."""
        channel.basic_ack(delivery.delivery_tag)
        try:
            counted = self._handle(delivery)
        except Exception as error:  # noqa: BLE001  the top of what one message does: the next one is not to wait for it
            level = logging.DEBUG if self._has_failed else logging.WARNING
            LOG.log(level, "a message could not be handled, and is left out: %s", describe(error))
            self._has_failed = True
            counted = OTHER, Outcome.MALFORMED
        self._count(*counted)

    def _handle(self, delivery: Delivery) -> tuple[str, Outcome]:
        if delivery.body is None or delivery.is_compressed:
            return OTHER, Outcome.UNREAD
        try:
            notification = parse_notification(delivery.body)
        except BadNotification as error:
            LOG.debug("a message is no notification: %s", error)
            return OTHER, Outcome.MALFORMED
        if notification is None:
            return OTHER, Outcome.IGNORED
        event = notification.event if notification.event in EVENTS else OTHER
        return event, self._heed(notification)

    def _heed(self, notification: Notification) -> Outcome:
        known, specs = self._known(), None
        if notification.specs is not None and is_believed(notification, self._host, known):
            specs = replace(notification.specs, arrived=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f"))
            self._clocks.saw(specs)
        outcome = judge(notification, self._host, known)
        if outcome is Outcome.WOKE:
            LOG.debug("guest %s: notification %s", notification.uuid, notification.event)
        if outcome is Outcome.WOKE or specs is not None:
            hear = self._wakes.hear if notification.uuid in known else self._wakes.hear_of_stranger
            hear(notification.uuid, specs, asks=outcome is Outcome.WOKE)
        return outcome
