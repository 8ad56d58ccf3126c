#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What listening costs: K listeners on one real RabbitMQ, and 5,000 notifications spread over their hosts.

Each host has to get each message exactly once, none may come again, and none may be left.
"""

import json
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.listen.deliveries import Delivery
from irqaffinity.listen.notifications import NotificationListener
from irqaffinity.listen.payload import Outcome
from irqaffinity.listen.queue import WakeQueue
from tests.functional.nova import versioned
from tests.functional.rabbitmq import PASSWORD, USER, RabbitMQ, running_rabbitmq

MESSAGES = 5000
KEY = "versioned_notifications.info"


class CountingListener(NotificationListener):
    """Counts what is delivered, and what is delivered again."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.delivered = 0
        self._bodies: set[bytes | None] = set()

    @property
    def redelivered(self) -> int:
        """How many came again; no two messages are alike."""
        return self.delivered - len(self._bodies)

    def _receive(self, channel: Any, delivery: Delivery) -> None:
        self.delivered += 1
        self._bodies.add(delivery.body)
        super()._receive(channel, delivery)


def body(host: str, number: int) -> bytes:
    """Return a notification of the size that Nova's have, some four thousand bytes."""
    payload = versioned(
        f"{number:08x}-0000-4000-8000-000000000000", host, {f"hw:spec{n}": "value" * 4 for n in range(90)}
    )
    inner = {
        "message_id": str(number),
        "publisher_id": f"nova-compute:{host}",
        "event_type": "instance.power_on.end",
        "priority": "INFO",
        "payload": payload,
        "timestamp": "2026-11-20 12:00:00.000000",
    }
    return json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(inner)}).encode()


def cpu() -> float:
    """Return the CPU seconds of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def listen(rabbit: RabbitMQ, count: int) -> list[CountingListener]:
    """Start listeners of so many hosts, and wait until all are connected."""
    broker = Broker((BrokerHost("127.0.0.1", rabbit.port, USER, PASSWORD),), "/", "nova", (KEY,))
    listeners = [CountingListener(broker, f"cmp-{n}", "0" * 32, WakeQueue(), set) for n in range(count)]
    for listener in listeners:
        threading.Thread(target=listener.run, daemon=True).start()
    while not all(listener.link.state.is_up for listener in listeners):
        time.sleep(0.01)
    return listeners


def spread(rabbit: RabbitMQ, count: int) -> None:
    """Publish to `count` hosts, and print what became of it."""
    listeners = listen(rabbit, count)
    with rabbit.connect() as connection:
        channel = connection.default_channel
        start = time.monotonic()
        for number in range(MESSAGES):
            channel.basic_publish(channel.prepare_message(body(f"cmp-{number % count}", number)), "nova", KEY)
        while sum(listener.delivered for listener in listeners) < MESSAGES * count:
            time.sleep(0.01)
        seconds = time.monotonic() - start
        left = sum(channel.queue_declare(listener._queue.name, passive=True).message_count for listener in listeners)
        for listener in listeners:
            listener.stop()
        while threading.active_count() > 1:
            time.sleep(0.05)
        deliveries = {listener.delivered / MESSAGES for listener in listeners}
        again = sum(listener.redelivered for listener in listeners)
        for listener in listeners:
            channel.queue_delete(listener._queue.name)
    print(
        f"K = {count:<3} deliveries per message per host {deliveries}, redelivered {again}, left {left}, "
        f"{MESSAGES * count / seconds:,.0f} deliveries a second (all listeners in one process)"
    )


def alone(rabbit: RabbitMQ) -> None:
    """Let messages of other hosts wait for one listener, and print how fast and dear it reads them."""
    (listener,) = listen(rabbit, 1)
    listener.stop()
    counts: Counter[Outcome] = Counter()
    while threading.active_count() > 1:
        time.sleep(0.05)
    with rabbit.connect() as connection:
        channel = connection.default_channel
        for number in range(MESSAGES):
            channel.basic_publish(channel.prepare_message(body("elsewhere", number)), "nova", KEY)
        while channel.queue_declare(listener._queue.name, passive=True).message_count < MESSAGES:
            time.sleep(0.05)
    broker = Broker((BrokerHost("127.0.0.1", rabbit.port, USER, PASSWORD),), "/", "nova", (KEY,))
    reader = CountingListener(
        broker, "cmp-0", "0" * 32, WakeQueue(), set, lambda _event, outcome: counts.update([outcome])
    )
    before, start = cpu(), time.monotonic()
    thread = threading.Thread(target=reader.run, daemon=True)
    thread.start()
    while sum(counts.values()) < MESSAGES:
        time.sleep(0.01)
    used, seconds = cpu() - before, time.monotonic() - start
    assert set(counts) == {Outcome.FOREIGN}
    print(
        f"one agent: {MESSAGES / seconds:,.0f} foreign messages a second, {MESSAGES / used:,.0f} a second of CPU "
        f"(at least 3,000), {used / MESSAGES * 1e6:.0f} ms of CPU per 1,000"
    )
    reader.stop()
    thread.join()


def main() -> None:
    """Run all of it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name, running_rabbitmq(Path(name)) as rabbit:
        with rabbit.connect() as connection:
            connection.default_channel.exchange_declare("nova", "topic", durable=False, auto_delete=False)
        print(f"{MESSAGES} notifications of {len(body('cmp-0', 0)):,} bytes")
        alone(rabbit)
        for count in (1, 8, 50):
            spread(rabbit, count)


if __name__ == "__main__":
    main()
