# SPDX-License-Identifier: Apache-2.0
"""Takes Nova's notifications from the one queue of all relays, and publishes each to the hosts that it concerns.

RabbitMQ stops reading from connections that publish when it is short of memory or disk, so the relay publishes on a
connection of its own. One of the relays gets the messages; when it ends, another one gets those that are not
acknowledged.
"""

import logging
import random
import threading
import time
from typing import Any

import amqp.exceptions

from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.listen.connection import connected
from irqaffinity.listen.deliveries import Delivery
from irqaffinity.listen.link import Link
from irqaffinity.listen.names import HOSTS_EXCHANGE, RELAY_QUEUE
from irqaffinity.listen.refusals import explain
from irqaffinity.listen.retry import Retry
from irqaffinity.model.text import clean
from irqaffinity.relay.counters import Counters
from irqaffinity.relay.declare import Unlike, declare_exchange, declare_queue
from irqaffinity.relay.flow import Flow
from irqaffinity.relay.route import Router
from irqaffinity.relay.sockets import Sockets

LOG = logging.getLogger(__name__)

PREFETCH = 100
"""Messages that are under way at a time."""

_ASK_EVERY = 15.0
"""Seconds after which the relay asks the broker again how many messages wait."""

_MANY = PREFETCH // 4
"""Messages that one acknowledgement covers while more come."""

_PAUSE = 0.5


class Relay:
    """One consumer of the queue, and its publisher. A thread calls `run`."""

    def __init__(self, broker: Broker, name: str, router: Router, counters: Counters) -> None:
        """Take the broker, and the `name` that its management shows for our connections."""
        self.link = Link("broker", str(broker))
        self.retry = Retry()
        self.beat = time.monotonic()
        """When the thread was last known to work, by the monotonic clock."""
        self._broker = broker
        self._name = name
        self._router = router
        self._counters = counters
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Make `run` return within a second or two; what is under way then comes to another relay."""
        self._stopped.set()

    def run(self) -> None:
        """Relay until `stop`, through whichever node of the broker answers."""
        while not self._stopped.is_set():
            refusals = []
            for node in random.sample(self._broker.hosts, len(self._broker.hosts)):
                self.beat = time.monotonic()
                try:
                    self._relay(node)
                except Exception as error:  # noqa: BLE001  the top of a thread, and no broker may end the relay
                    refusals.append(f"{node}: {self._explain(error)}")
                if self._stopped.is_set():
                    return
                self._counters.disconnect()
                if self.link.state.is_up:
                    self.link.down(refusals.pop())
            if refusals:
                self.link.down("; ".join(sorted(refusals)))
            self.beat = time.monotonic()
            self._stopped.wait(self.retry.failed())

    def _explain(self, error: Exception) -> str:
        if isinstance(error, Unlike):
            return str(error)
        if isinstance(error, amqp.exceptions.NotFound) and HOSTS_EXCHANGE in str(error):
            return (
                f"the exchange {HOSTS_EXCHANGE} was deleted; the relay makes it anew: restart the agents that used it"
            )
        text = explain(error, self._broker)
        if isinstance(error, amqp.exceptions.AccessRefused):
            return f"a relay needs the rights of etc/rabbitmq/irqaffinity-relay.json: {text}"
        return text

    def _relay(self, node: BrokerHost) -> None:
        flows: list[Flow] = []

        def take(_channel: Any, delivery: Delivery) -> None:
            flows[0].take(delivery)

        with (
            connected(self._broker, node, f"{self._name}, publishing") as publishing,
            connected(self._broker, node, f"{self._name}, consuming", take) as consuming,
        ):
            declare_exchange(publishing)
            publishing.connection.on_blocked = self._block
            publishing.connection.on_unblocked = self._unblock
            flows.append(Flow(publishing.channel(), self._router, self._counters))
            channel = declare_queue(consuming, self._broker)
            channel.basic_qos(0, PREFETCH, False)
            channel.basic_consume(RELAY_QUEUE)
            self.link.up(str(node))
            self.retry.worked()
            self._pass_on(flows[0], channel, Sockets(consuming, publishing))

    def _pass_on(self, flow: Flow, channel: Any, sockets: Sockets) -> None:
        """Relay until `stop`. Acknowledge several messages at a time, and all that are done once no more come."""
        asked, acknowledged, has_more = 0.0, 0, False
        while not self._stopped.is_set():
            self.beat = time.monotonic()
            is_busy = sockets.read(0.0 if has_more else _PAUSE) or has_more
            has_more = flow.publish()
            if flow.done - acknowledged >= (_MANY if is_busy else 1):
                acknowledged = flow.done
                channel.basic_ack(acknowledged, multiple=True)
            if self.beat - asked >= _ASK_EVERY:
                asked = self.beat
                self._counters.waiting = channel.queue_declare(RELAY_QUEUE, passive=True).message_count

    def _block(self, reason: str) -> None:
        reason = clean(reason)
        LOG.warning("broker: it takes no message (%s), so the relay waits: free memory or disk of the broker", reason)
        self._counters.blocked = reason

    def _unblock(self) -> None:
        LOG.info("broker: it takes messages again")
        self._counters.blocked = None
