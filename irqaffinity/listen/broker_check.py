# SPDX-License-Identifier: Apache-2.0
"""Checks the broker once: is it there, is Nova there, does somebody read what Nova writes."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import amqp
import amqp.exceptions

from irqaffinity.listen.broker import Broker
from irqaffinity.listen.connection import connected
from irqaffinity.listen.names import queue_name
from irqaffinity.listen.refusals import FAILURES, explain
from irqaffinity.model.finding import Finding

NOVA_CONF = (
    "set driver = messagingv2 in [oslo_messaging_notifications] and notification_format = versioned (or both) in "
    "[notifications] of nova.conf, and restart Nova's services"
)


def check_broker(broker: Broker, host: str, machine_id: str, *, has_agent: bool) -> Iterator[Finding]:
    """Give what is found on the first node of the broker that answers; nothing is made or changed."""
    refusals = []
    for node in broker.hosts:
        has_answered = False
        try:
            with connected(broker, node, "irqaffinity check") as connection:
                has_answered = True
                yield Finding("broker", True, f"{node} answers")
                yield from _check_inside(connection, broker, queue_name(host, machine_id), has_agent)
                connection.release()
            return
        except Exception as error:  # noqa: BLE001  one that speaks no AMQP makes the library raise anything
            refusals.append(f"{node}: {explain(error, broker)}")
        if has_answered:
            break
    yield Finding("broker", False, "; ".join(refusals))


def _check_inside(connection: Any, broker: Broker, queue: str, has_agent: bool) -> Iterator[Finding]:
    refusal = _refusal(connection, lambda channel: channel.exchange_declare(broker.exchange, "topic", passive=True))
    if refusal is not None:
        yield Finding("exchange", False, explain(refusal, broker))
        return
    yield Finding("exchange", True, f"{broker.exchange} is there")
    refusal = _refusal(connection, lambda channel: channel.queue_declare(queue, passive=True))
    if refusal is None:
        yield Finding("queue", True, f"{queue} is there")
    elif has_agent:
        yield Finding("queue", False, f"{queue} is not there: {explain(refusal, broker)}")
    else:
        yield Finding("queue", True, f"{queue} will be made by the agent")
    for key in broker.routing_keys:
        if key.endswith(".info"):
            yield _check_publisher(connection, key)


def _check_publisher(connection: Any, key: str) -> Finding:
    """Check the queue that Nova's notifier itself declares for a topic, and that nobody else limits."""
    channel = connection.channel()
    try:
        found = channel.queue_declare(key, passive=True)
    except amqp.exceptions.NotFound:
        return Finding("nova", False, f"Nova has sent nothing to {key} yet: {NOVA_CONF}")
    except amqp.exceptions.AccessRefused:
        return Finding("nova", True, f"{key}: this user may not look at Nova's own queue")
    if found.consumer_count == 0 and found.message_count:
        return Finding(
            "nova",
            False,
            f"{found.message_count} messages wait in Nova's own queue {key}, which nobody reads and which never ends: "
            "set the policy in etc/rabbitmq, or read it",
        )
    return Finding("nova", True, f"Nova sends to {key}")


def _refusal(connection: Any, ask: Callable[[Any], object]) -> BaseException | None:
    """Return why the broker refused; it closes the channel then, so each question has its own."""
    try:
        with contextlib.closing(connection.channel()) as channel:
            ask(channel)
    except FAILURES as error:
        return error
    return None
