#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a notification costs the broker, and who publishes it, on one real RabbitMQ: by number of hosts, and way.

Nova's own notifier publishes one notification after the other, with confirms. The ways are: no agent; agents with a
queue each at Nova's exchange, durable or exclusive; agents behind a relay. One process reads and acknowledges for all
hosts, for the benchmark does not measure what agents cost. All ratios are to no agent in the same run; what the broker
uses while nothing is published is left out. Then the speed of one relay and one agent.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.broker_parts import KEY, MACHINE, body, broker_at, cpu_of, hosts, payload, relay
from irqaffinity.listen.names import RELAY_QUEUE, queue_name
from irqaffinity.listen.notifications import NotificationListener
from irqaffinity.listen.payload import Outcome
from irqaffinity.listen.queue import WakeQueue
from tests.functional.nova import Nova
from tests.functional.rabbitmq import RabbitMQ, running_rabbitmq

HOSTS = (10, 50, 200)
NUMBER, PAUSE = 400, 0.02
"""How many notifications are published, and the seconds after each."""

BURST = 5000
IDLE = 3.0
WAYS = ("no agent", "durable", "exclusive", "relay")


def cpu_of_broker(rabbit: RabbitMQ) -> float:
    """Return the CPU seconds of the broker, which has a session of its own."""
    assert rabbit._process is not None
    broker = rabbit._process.pid
    return cpu_of(lambda _pid, session: session == broker)


def settle(rabbit: RabbitMQ) -> None:
    """Wait until all that was published was consumed and acknowledged."""
    while any(
        int(left) and name != KEY
        for name, left in map(
            str.split, rabbit.control("list_queues", "--no-table-headers", "name", "messages").splitlines()
        )
    ):
        time.sleep(0.2)


def measure(rabbit: RabbitMQ, nova: Nova, count: int) -> tuple[float, float]:
    """Publish; return the mean milliseconds of the broker's CPU for each, and those that the publisher waited."""
    settle(rabbit)
    start, before = time.monotonic(), cpu_of_broker(rabbit)
    time.sleep(IDLE)
    idle = (cpu_of_broker(rabbit) - before) / (time.monotonic() - start)
    waits = []
    start, before = time.monotonic(), cpu_of_broker(rabbit)
    for each in range(NUMBER):
        host, sent = f"cmp-{each % count}", time.monotonic()
        nova.publish("instance.power_on.end", f"nova-compute:{host}", payload(host, each))
        waits.append(time.monotonic() - sent)
        time.sleep(PAUSE)
    time.sleep(1.0)
    used = cpu_of_broker(rabbit) - before - idle * (time.monotonic() - start)
    with rabbit.connect() as connection:
        connection.default_channel.queue_purge(KEY)
    settle(rabbit)
    return used / NUMBER * 1000, statistics.fmean(waits) * 1000


def compare(rabbit: RabbitMQ, nova: Nova, folder: Path, count: int, ways: Sequence[str]) -> None:
    """Print what a notification costs with so many hosts, each way."""
    bare = None
    for way in ways:
        with contextlib.ExitStack() as stack:
            if way == "relay":
                stack.enter_context(relay(rabbit, folder))
            if way != "no agent":
                stack.enter_context(hosts(rabbit, count, way))
            cpu, wait = measure(rabbit, nova, count)
        bare = bare or (cpu, wait)
        print(
            f"{count:>4} hosts, {way:<9}: {cpu:6.2f} ms of the broker's CPU ({cpu / bare[0]:5.1f} times no agent), "
            f"the publisher waits {wait:6.1f} ms ({wait / bare[1]:5.1f} times)",
            flush=True,
        )
        with rabbit.connect() as connection:
            connection.default_channel.queue_delete(RELAY_QUEUE)


def fill(rabbit: RabbitMQ, count: int, queue: str, of: str = "cmp") -> None:
    """Let messages wait in a queue."""
    with rabbit.connect() as connection:
        channel = connection.default_channel
        for number in range(BURST):
            channel.basic_publish(channel.prepare_message(body(f"{of}-{number % count}", number)), "nova", KEY)
        while channel.queue_declare(queue, passive=True).message_count < BURST:
            time.sleep(0.05)
        channel.queue_purge(KEY)


def relay_alone(rabbit: RabbitMQ, folder: Path) -> None:
    """Print how fast a relay is when many messages wait for it."""
    with relay(rabbit, folder):
        pass  # it makes the queue
    with hosts(rabbit, 10, "relay"), rabbit.connect() as connection:
        channel = connection.default_channel
        fill(rabbit, 10, RELAY_QUEUE)
        with relay(rabbit, folder) as process:

            def used() -> float:
                return cpu_of(lambda pid, _session: pid == process.pid)

            first = channel.queue_declare(RELAY_QUEUE, passive=True).message_count
            start, before = time.monotonic(), used()
            while channel.queue_declare(RELAY_QUEUE, passive=True).message_count:
                time.sleep(0.02)
            seconds, cpu = time.monotonic() - start, used() - before
        print(
            f"one relay: {first / seconds:,.0f} messages a second, {first / cpu:,.0f} a second of its CPU, "
            f"{cpu / first * 1e6:.0f} ms of its CPU per 1,000"
        )


def agent_alone(rabbit: RabbitMQ) -> None:
    """Print how fast an agent is with messages of other hosts."""
    counts: Counter[Outcome] = Counter()

    def listener() -> tuple[NotificationListener, threading.Thread]:
        made = NotificationListener(
            broker_at(rabbit.port), "cmp-0", MACHINE, WakeQueue(), set, lambda _event, outcome: counts.update([outcome])
        )
        thread = threading.Thread(target=made.run, daemon=True)
        thread.start()
        return made, thread

    made, thread = listener()
    while not made.link.state.is_up:
        time.sleep(0.01)
    made.stop()
    thread.join()
    with rabbit.connect() as connection:
        connection.default_channel.queue_purge(queue_name("cmp-0", MACHINE))
    fill(rabbit, 10, queue_name("cmp-0", MACHINE), of="elsewhere")
    start, before = time.monotonic(), time.process_time()
    made, thread = listener()
    while sum(counts.values()) < BURST:
        time.sleep(0.01)
    used, seconds = time.process_time() - before, time.monotonic() - start
    made.stop()
    thread.join()
    assert set(counts) == {Outcome.FOREIGN}
    print(
        f"one agent: {BURST / seconds:,.0f} foreign messages a second, {BURST / used:,.0f} a second of its CPU, "
        f"{used / BURST * 1e6:.0f} ms of its CPU per 1,000"
    )


def main() -> None:
    """Run what is asked for, or all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, nargs="*", choices=HOSTS, default=HOSTS)
    parser.add_argument("--ways", nargs="*", choices=WAYS[1:], default=WAYS[1:])
    parser.add_argument("--transient", action="store_true", help="Nova has amqp_durable_queues = false")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/tmp") as name, running_rabbitmq(Path(name)) as rabbit:
        nova = Nova(Path(name), rabbit.url, durable=not arguments.transient)
        nova.publish("instance.power_on.end", "nova-compute:cmp-0", payload("cmp-0", 0))  # it makes the exchange
        kind = "transient" if arguments.transient else "durable"
        print(f"notifications of {len(body('cmp-0', 0)):,} bytes; the queues of Nova are {kind}")
        for count in arguments.hosts:
            compare(rabbit, nova, Path(name), count, ("no agent", *arguments.ways))
        relay_alone(rabbit, Path(name))
        agent_alone(rabbit)


if __name__ == "__main__":
    main()
