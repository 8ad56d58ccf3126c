# SPDX-License-Identifier: Apache-2.0
"""Checks the broker once: is it there, is Nova there, does somebody read what Nova writes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.listen.broker_limits import Limits
from irqaffinity.listen.connection import connected
from irqaffinity.listen.management import Management
from irqaffinity.listen.nova_host import check_nova_host, check_rpc_broker
from irqaffinity.listen.nova_topics import check_topics
from irqaffinity.listen.queue_look import look_at, refusal_of
from irqaffinity.listen.refusals import FAILURES, explain
from irqaffinity.listen.subscription import Subscription
from irqaffinity.model.finding import Finding


@dataclass(frozen=True, slots=True)
class Local:
    """What is known of this host before the broker is asked.

    `names` are what Nova may call it, beginning with [DEFAULT] host. `has_agent` tells that an agent runs,
    `from_relay` that it listens to a relay, `is_exclusive` that its queue is its connection's alone. `versioned` are
    the topics of versioned notifications; `has_masks` is True where all domains have the extra specs, so that no
    notification has to bring them, and None where Nova has no domain here.
    """

    names: tuple[str, ...]
    machine_id: str
    has_agent: bool = False
    from_relay: bool = False
    is_exclusive: bool = False
    versioned: tuple[str, ...] = ()
    has_masks: bool | None = False

    def subscription(self, broker: Broker) -> Subscription:
        """Return what an agent of this host listens to."""
        return Subscription.of(
            broker, self.names[0], self.machine_id, is_exclusive=self.is_exclusive, from_relay=self.from_relay
        )


def check_broker(broker: Broker, local: Local) -> Iterator[Finding]:
    """Yield the findings on the first node of the broker that answers; make and change nothing there."""
    yield from _check_nodes(broker, local)
    if broker.rpc is not None:
        yield from check_rpc_broker(broker.rpc, local.names)


def _check_nodes(broker: Broker, local: Local) -> Iterator[Finding]:
    refusals = []
    for node in broker.hosts:
        has_answered = False
        try:
            with connected(broker, node, "irqaffinity check") as connection:
                has_answered = True
                yield Finding("broker", True, f"{node} answers")
                yield from _check_inside(connection, broker, node, local)
                connection.release()
            return
        except Exception as error:  # noqa: BLE001  a server without AMQP makes the library raise anything
            refusals.append(f"{node}: {explain(error, broker, from_relay=local.from_relay)}")
        if has_answered:
            break
    yield Finding("broker", False, "; ".join(refusals))


def _check_inside(connection: Any, broker: Broker, node: BrokerHost, local: Local) -> Iterator[Finding]:
    wanted = local.subscription(broker)
    exchange = _check_exchange(connection, broker, wanted)
    yield exchange
    if not exchange.is_ok:
        return
    yield _check_queue(connection, broker, wanted, local.has_agent)
    limits = Limits(Management(broker, node), broker.virtual_host)
    if not wanted.is_exclusive:
        yield from limits.own(wanted.queue)
    if not wanted.from_relay:
        yield from check_topics(connection, broker, local.versioned, limits, has_masks=local.has_masks)
    if broker.rpc is None:
        yield check_nova_host(connection, broker, local.names)


def _check_exchange(connection: Any, broker: Broker, wanted: Subscription) -> Finding:
    name, kind = wanted.exchange, wanted.exchange_kind
    refusal = refusal_of(connection, lambda channel: channel.exchange_declare(name, kind, passive=True))
    if refusal is None:
        return Finding("exchange", True, f"{name} is there")
    return Finding("exchange", False, explain(refusal, broker, from_relay=wanted.from_relay))


def _check_queue(connection: Any, broker: Broker, wanted: Subscription, has_agent: bool) -> Finding:
    name = wanted.queue
    if wanted.is_exclusive:
        return Finding("queue", True, f"the agent makes one at each connection, {name} with a random end")
    try:
        is_there = look_at(connection, name) is not None
    except FAILURES as refusal:
        return Finding("queue", False, f"{name}: {explain(refusal, broker)}")
    if has_agent and not is_there:
        return Finding("queue", False, f"{name} is not there, and the agent makes it: see its log for why it did not")
    return Finding("queue", True, f"{name} is there" if is_there else f"{name} will be made by the agent")
