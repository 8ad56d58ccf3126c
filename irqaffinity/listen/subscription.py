# SPDX-License-Identifier: Apache-2.0
"""A host's queue, what it is bound to, and how both are made.

The queue is bounded. A durable one is gone by itself some time after its host has gone, an exclusive one at once. The
exchange is only ever declared passively. Nova's exchange serves Nova's RPC too, and Nova fails where somebody made it
with other flags (oslo_messaging/_drivers/impl_rabbit.py); the other exchange is for relays to make.
"""

import contextlib
import logging
import secrets
from dataclasses import dataclass
from typing import Any

import amqp.exceptions
import kombu

from irqaffinity.listen.broker import Broker
from irqaffinity.listen.names import HOSTS_EXCHANGE, queue_name, relayed_queue_name
from irqaffinity.listen.refusals import FAILURES, describe
from irqaffinity.model.record import LONGEST_WAY

LOG = logging.getLogger(__name__)

EXPIRES = 1800.0
"""Seconds after which the broker deletes a durable queue that nobody reads."""

_MOST_MESSAGES = 10_000


@dataclass(frozen=True, slots=True)
class Subscription:
    """What an agent listens to. `others` are the queues that it may have had with another configuration.

    `queue` is the name of a durable queue. An exclusive queue has a random end added, another at each connection: the
    broker keeps the name of a lost queue locked until it has noticed the loss.
    """

    exchange: str
    routing_keys: tuple[str, ...]
    queue: str
    others: tuple[str, ...]
    is_exclusive: bool = False
    from_relay: bool = False
    unwanted_keys: tuple[str, ...] = ()

    @property
    def exchange_kind(self) -> str:
        """The type of the exchange."""
        return "direct" if self.from_relay else "topic"

    @classmethod
    def of(
        cls, broker: Broker, host: str, machine_id: str, *, is_exclusive: bool = False, from_relay: bool = False
    ) -> "Subscription":
        """Return the subscription of a host, to Nova's exchange or that of the relays."""
        exchange, keys = (HOSTS_EXCHANGE, (host,)) if from_relay else (broker.exchange, broker.routing_keys)
        names = [queue_name(host, machine_id), relayed_queue_name(host, machine_id)]
        queue = names[from_relay]
        others = tuple(name for name in names if is_exclusive or name != queue)
        unwanted = () if from_relay or is_exclusive else broker.unwanted_keys
        return cls(exchange, keys, queue, others, is_exclusive, from_relay, unwanted)

    def make(self, connection: kombu.Connection) -> tuple[Any, str]:
        """Return a channel with the bound queue, and the queue's name; make a queue with other arguments anew."""
        name = f"{self.queue}.{secrets.token_hex(4)}" if self.is_exclusive else self.queue
        try:
            return self._make_on(connection.channel(), name), name
        except amqp.exceptions.PreconditionFailed:
            LOG.info("the queue %s was made with other arguments: it is made anew", name)
            connection.channel().queue_delete(name)
            return self._make_on(connection.channel(), name), name

    def _make_on(self, channel: Any, name: str) -> Any:
        channel.exchange_declare(self.exchange, self.exchange_kind, passive=True)
        queue = kombu.Queue(
            name,
            durable=not self.is_exclusive,  # RabbitMQ 4.3 and newer refuse a queue that is neither
            exclusive=self.is_exclusive,
            expires=EXPIRES,
            message_ttl=LONGEST_WAY.total_seconds(),
            max_length=_MOST_MESSAGES,
            # with the type, for a virtual host may have another by default: quorum, or stream
            queue_arguments={"x-overflow": "drop-head", "x-queue-type": "classic"},
        )(channel)
        queue.queue_declare()
        for key in self.routing_keys:
            channel.queue_bind(name, self.exchange, key)
        for key in self.unwanted_keys:
            channel.queue_unbind(name, self.exchange, key)
        return channel

    def delete_others(self, connection: kombu.Connection) -> None:
        """Delete the queues of other configurations; the broker says nothing where there are none."""
        for name in self.others:
            _delete(connection, name)

    def delete(self, connection: kombu.Connection) -> None:
        """Delete every queue that is kept for the host while nobody reads it."""
        for name in {self.queue, *self.others}:
            _delete(connection, name)


def _delete(connection: kombu.Connection, name: str) -> None:
    """Delete a queue. One that the broker does not delete expires by itself, so that is no trouble."""
    try:
        with contextlib.closing(connection.channel()) as channel:
            channel.queue_delete(name)
    except FAILURES as error:
        if not connection.connected:
            raise
        LOG.info(
            "the queue %s is not deleted, and goes by itself when it has not been read for a while: %s",
            name,
            describe(error),
        )
