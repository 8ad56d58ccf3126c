# SPDX-License-Identifier: Apache-2.0
"""Consumes Nova's notifications from RabbitMQ.

The queue is this host's own: bounded, and gone by itself some time after the host has gone. Nova's exchange is only
ever declared passively: it is the one of Nova's RPC too, and Nova fails when it was made with other flags than its own
(oslo_messaging/_drivers/impl_rabbit.py). Every message is acknowledged once, and none is ever requeued.
"""

import contextlib
import functools
import logging
import random
import threading
import time
from collections.abc import Callable, Container
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import amqp
import amqp.exceptions
import kombu
import kombu.exceptions

from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.listen.clocks import Clocks
from irqaffinity.listen.events import EVENTS
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
from irqaffinity.listen.retry import delays
from irqaffinity.model.guest import GuestId
from irqaffinity.model.record import LONGEST_WAY

LOG = logging.getLogger(__name__)

LARGEST = 1 << 20
"""Bytes of a body that are read; Nova's have some tens of thousands."""

OTHER = "other"
"""What an event counts as that is none of Nova's."""

Count = Callable[[str, Outcome], None]
"""Is told the event and the outcome of each message."""

_EXPIRES = 1800.0
_MESSAGE_TTL = LONGEST_WAY.total_seconds()
_MOST_MESSAGES = 10_000
_PREFETCH = 200
_CONNECT_TIMEOUT = 5.0
_ANSWER_TIMEOUT = 10
_CLOSE_TIMEOUT = 1.0
_POLL = 1.0
FAILURES: tuple[type[BaseException], ...] = (
    *amqp.Connection.connection_errors,
    *amqp.Connection.channel_errors,
    kombu.exceptions.KombuError,
    OSError,
)
"""What a broker that is away, or refuses, raises."""


def queue_name(host: str, machine_id: str) -> str:
    """Return the name of a host's queue; the machine tells hosts of the same name apart."""
    return f"irqaffinity.{host}.{machine_id[:8]}"


def connect(broker: Broker, host: BrokerHost, name: str) -> kombu.Connection:
    """Return a connection to one node, not opened yet; `name` is what the broker's management shows for it."""
    tls: object = False
    if broker.tls is not None:
        named = {"server_hostname": host.name} if "ca_certs" in broker.tls else {}
        tls = {**broker.tls, **named} or True
    return kombu.Connection(
        transport="pyamqp",
        hostname=host.name,
        port=host.port,
        userid=host.user,
        password=host.password,
        virtual_host=broker.virtual_host,
        ssl=tls,
        login_method=broker.login_method,
        heartbeat=broker.heartbeat,
        connect_timeout=_CONNECT_TIMEOUT,
        transport_options={
            "client_properties": {"connection_name": name},
            "read_timeout": _ANSWER_TIMEOUT,
            "write_timeout": _ANSWER_TIMEOUT,
        },
    )


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
    ) -> None:
        """Take the broker, the option host of nova.conf, whom to wake, and what returns the guests of this host.

        `clocks` gets the time of each message that brings extra specs.
        """
        self.link = Link("broker", str(broker))
        self._broker = broker
        self._host = host
        self._wakes = queue
        self._known = known
        self._count = count
        self._clocks = Clocks() if clocks is None else clocks
        self._stopped = threading.Event()
        self._queue = kombu.Queue(
            queue_name(host, machine_id),
            durable=True,  # RabbitMQ 4.3 and newer refuse queues that are neither durable nor exclusive
            expires=_EXPIRES,
            message_ttl=_MESSAGE_TTL,
            max_length=_MOST_MESSAGES,
            queue_arguments={"x-overflow": "drop-head"},
        )

    def stop(self) -> None:
        """Make `run` return within a second or two."""
        self._stopped.set()

    def run(self) -> None:
        """Consume until `stop`, from whichever node of the broker answers."""
        waits = delays()
        while not self._stopped.is_set():
            losses, refusals = self.link.losses, []
            for host in random.sample(self._broker.hosts, len(self._broker.hosts)):
                try:
                    self._consume(host)
                except Exception as error:  # noqa: BLE001  the top of a thread, and no broker may end the agent
                    refusals.append(f"{host}: {explain(error, self._broker.exchange)}")
                if self._stopped.is_set():
                    return
                if self.link.state.is_up:
                    self.link.down(refusals.pop())
            if refusals:
                self.link.down("; ".join(sorted(refusals)))
            if self.link.losses != losses:
                waits = delays()
            self._stopped.wait(next(waits))

    def _consume(self, host: BrokerHost) -> None:
        connection = connect(self._broker, host, self._queue.name)
        try:
            connection.connect()
            channel = self._declare(connection)
            channel.basic_qos(0, _PREFETCH, False)
            channel.basic_consume(self._queue.name, callback=functools.partial(self._receive, channel))
            self.link.up(str(host))
            self._wakes.wake_all()
            self._drain(connection)
        finally:
            connection.collect(_CLOSE_TIMEOUT)  # a polite close would wait for the answer of a broker that stands still

    def _declare(self, connection: kombu.Connection) -> Any:
        """Return a channel on which the queue is bound; one of ours that was made otherwise is made anew."""
        try:
            return self._declare_on(connection.channel())
        except amqp.exceptions.PreconditionFailed:
            LOG.info("the queue %s was made with other arguments: it is made anew", self._queue.name)
            connection.channel().queue_delete(self._queue.name)
            return self._declare_on(connection.channel())

    def _declare_on(self, channel: Any) -> Any:
        channel.auto_decode = False
        channel.exchange_declare(self._broker.exchange, "topic", passive=True)
        queue = self._queue(channel)
        queue.queue_declare()
        for key in self._broker.routing_keys:
            channel.queue_bind(queue.name, self._broker.exchange, key)
        return channel

    def _drain(self, connection: kombu.Connection) -> None:
        heartbeat = connection.get_heartbeat_interval()
        pause = min(_POLL, heartbeat / 4) if heartbeat else _POLL
        last_check = time.monotonic()
        while not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):
                connection.drain_events(timeout=pause)
            if heartbeat and time.monotonic() - last_check >= heartbeat / 4:
                last_check = time.monotonic()
                connection.heartbeat_check(rate=4)

    def _receive(self, channel: Any, message: Any) -> None:
        """Acknowledge first: a message that ends the process must not come back and end it again."""
        channel.basic_ack(message.delivery_tag)
        self._count(*self._handle(message))

    def _handle(self, message: Any) -> tuple[str, Outcome]:
        if len(message.body) > LARGEST or "compression" in (message.headers or ()):
            return OTHER, Outcome.UNREAD
        try:
            notification = parse_notification(message.body)
        except BadNotification as error:
            LOG.debug("a message is no notification: %s", error)
            return OTHER, Outcome.MALFORMED
        if notification is None:
            return OTHER, Outcome.IGNORED
        event = notification.event if notification.event in EVENTS else OTHER
        return event, self._heed(notification)

    def _heed(self, notification: Notification) -> Outcome:
        known = self._known()
        if notification.specs is not None and is_believed(notification, self._host, known):
            specs = replace(notification.specs, arrived=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"))
            self._clocks.saw(specs)
            self._wakes.tell(notification.uuid, specs)
        outcome = judge(notification, self._host, known)
        if outcome is Outcome.WOKE:
            LOG.debug("guest %s: notification %s", notification.uuid, notification.event)
            self._wakes.wake(notification.uuid)
        return outcome


def explain(error: BaseException, exchange: str) -> str:
    """Return what is wrong, and the next step."""
    if isinstance(error, amqp.exceptions.NotFound):
        return f"the exchange {exchange} is not there; Nova makes it: wait for Nova, or mend [notifications] exchange"
    if isinstance(error, amqp.exceptions.AccessRefused):
        return f"access refused ({_words(error)}): mend user and password in transport_url, or the user's permissions"
    if isinstance(error, amqp.exceptions.NotAllowed):
        return f"not allowed ({_words(error)}): mend the virtual host at the end of transport_url"
    if isinstance(error, amqp.exceptions.ConsumerCancelled):
        return "the queue was deleted; it is made anew"
    return f"{_words(error)}; start the broker, or mend transport_url"


def _words(error: BaseException) -> str:
    text = getattr(error, "reply_text", None) or str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
