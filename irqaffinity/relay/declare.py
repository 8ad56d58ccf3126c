# SPDX-License-Identifier: Apache-2.0
"""Creates what relays need on the broker: their one queue, and the exchange of the hosts; never Nova's exchange."""

import logging
from typing import Any

import amqp.exceptions
import kombu

from irqaffinity.listen.broker import Broker
from irqaffinity.listen.names import HOSTS_EXCHANGE, RELAY_QUEUE
from irqaffinity.model.record import LONGEST_WAY

LOG = logging.getLogger(__name__)

_MILLISECONDS = 1000
ARGUMENTS = {
    "x-queue-type": "classic",  # whatever the default of the virtual host is
    "x-single-active-consumer": True,
    "x-message-ttl": int(LONGEST_WAY.total_seconds()) * _MILLISECONDS,
    "x-max-length": 50_000,
    "x-max-length-bytes": 256 << 20,
    "x-overflow": "drop-head",
    "x-expires": 1800 * _MILLISECONDS,
}
"""The queue holds enough for the two minutes that the broker needs to notice that a relay's host is dead."""


class Unlike(Exception):
    """A queue or exchange on the broker is not as relays create it; str() says what to do."""


def declare_exchange(connection: kombu.Connection) -> None:
    """Create the exchange that agents bind to; raise Unlike."""
    try:
        connection.channel().exchange_declare(HOSTS_EXCHANGE, "direct", durable=True, auto_delete=False)
    except amqp.exceptions.PreconditionFailed as error:
        raise Unlike(
            f"somebody made the exchange {HOSTS_EXCHANGE}, and it is not durable and direct as it has to be: delete "
            "it, and restart the agents that listen to it once a relay has made it anew"
        ) from error


def declare_queue(connection: kombu.Connection, broker: Broker) -> Any:
    """Create the relays' queue, bind it to Nova's exchange, and return its channel; raise Unlike."""
    try:
        return _declare_queue_on(connection.channel(), broker)
    except amqp.exceptions.ResourceLocked as error:
        raise Unlike(f"another connection has the queue {RELAY_QUEUE} for itself: end that program") from error
    except amqp.exceptions.PreconditionFailed:
        LOG.info("the queue %s was made with other arguments: the relay makes it anew", RELAY_QUEUE)
    try:
        connection.channel().queue_delete(RELAY_QUEUE, if_unused=True)
    except amqp.exceptions.PreconditionFailed as error:
        raise Unlike(
            f"another relay uses the queue {RELAY_QUEUE} with other arguments: stop the relays of another release"
        ) from error
    except amqp.exceptions.AMQPNotImplementedError as error:  # a quorum queue is not deleted on a condition
        raise Unlike(
            f"somebody made the queue {RELAY_QUEUE}, and not as a classic one: delete it, and the relay makes it anew"
        ) from error
    return _declare_queue_on(connection.channel(), broker)


def _declare_queue_on(channel: Any, broker: Broker) -> Any:
    channel.exchange_declare(broker.exchange, "topic", passive=True)
    channel.queue_declare(RELAY_QUEUE, durable=True, auto_delete=False, arguments=ARGUMENTS)
    for key in broker.routing_keys:
        channel.queue_bind(RELAY_QUEUE, broker.exchange, key)
    for key in broker.unwanted_keys:
        channel.queue_unbind(RELAY_QUEUE, broker.exchange, key)
    return channel
