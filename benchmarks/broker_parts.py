# SPDX-License-Identifier: Apache-2.0
"""What broker.py needs: notifications, consumers of many hosts in one process, a relay, and the CPU that each uses."""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import amqp.exceptions

sys.path.insert(0, str(Path(__file__).parents[1]))

from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.listen.connection import connected
from irqaffinity.listen.deliveries import Delivery
from irqaffinity.listen.names import HOSTS_EXCHANGE, RELAY_QUEUE, queue_name
from tests.functional.nova import versioned
from tests.functional.rabbitmq import PASSWORD, USER, RabbitMQ

ROOT = Path(__file__).parents[1]
KEY = "versioned_notifications.info"
MACHINE = "0" * 32
_BOUNDS = {"x-queue-type": "classic", "x-message-ttl": 300_000, "x-max-length": 10_000, "x-overflow": "drop-head"}
_RELAY = "from irqaffinity.cli.start import start; start()"


def payload(host: str, number: int) -> dict[str, Any]:
    """Return what a notification of 8 kB has in it, as Nova's with a large flavor has."""
    specs = {f"hw:spec{n}": "value" * 6 for n in range(140)}
    return versioned(f"{number:08x}-0000-4000-8000-000000000000", host, specs)


def body(host: str, number: int) -> bytes:
    """Return the same as it is sent."""
    inner = {
        "message_id": str(number),
        "publisher_id": f"nova-compute:{host}",
        "event_type": "instance.power_on.end",
        "priority": "INFO",
        "payload": payload(host, number),
        "timestamp": "2026-11-20 12:00:00.000000",
    }
    return json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(inner)}).encode()


def broker_at(port: int) -> Broker:
    """Return the account and address of the broker."""
    return Broker((BrokerHost("127.0.0.1", port, USER, PASSWORD),), "/", "nova", (KEY,))


def cpu_of(is_meant: Callable[[int, int], bool]) -> float:
    """Return the CPU seconds of all processes that `is_meant` accepts by their id and session."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if is_meant(int(path.parent.name), int(fields[3])):
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def consume(port: int, count: int, way: str) -> None:
    """Consume for so many hosts until standard input ends: the life of a process."""
    broker, poll, by_fd = broker_at(port), select.poll(), {}
    with contextlib.ExitStack() as stack:
        for number in range(count):
            connection = stack.enter_context(connected(broker, broker.hosts[0], f"cmp-{number}", _acknowledge))
            _listen(connection.channel(), f"cmp-{number}", way)
            by_fd[connection.connection.sock.fileno()] = connection
        for fd in (0, *by_fd):
            poll.register(fd, select.POLLIN)
        print("ready", flush=True)
        while True:
            for fd, _event in poll.poll():
                if fd == 0:
                    return
                with contextlib.suppress(TimeoutError):
                    by_fd[fd].drain_events(timeout=0.05)


def _acknowledge(channel: Any, delivery: Delivery) -> None:
    channel.basic_ack(delivery.delivery_tag)


def _listen(channel: Any, host: str, way: str) -> None:
    """Make the queue of a host as an agent makes it, and consume it."""
    name, is_exclusive = queue_name(host, MACHINE), way == "exclusive"
    arguments = _BOUNDS | ({} if is_exclusive else {"x-expires": 1_800_000})
    channel.queue_declare(
        name, durable=not is_exclusive, exclusive=is_exclusive, auto_delete=is_exclusive, arguments=arguments
    )
    exchange, key = (HOSTS_EXCHANGE, host) if way == "relay" else ("nova", KEY)
    channel.queue_bind(name, exchange, key)
    channel.basic_qos(0, 200, False)
    channel.basic_consume(name)


def _delete(connection: Any, name: str) -> None:
    """Delete a queue. The broker takes a while to see that the connection of an exclusive one has gone."""
    while True:
        with contextlib.suppress(amqp.exceptions.ResourceLocked):
            connection.channel().queue_delete(name)
            return
        time.sleep(0.05)


@contextlib.contextmanager
def hosts(rabbit: RabbitMQ, count: int, way: str) -> Iterator[None]:
    """Have somebody consume for the hosts, and remove the queues at the end."""
    command = [sys.executable, __file__, str(rabbit.port), str(count), way]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
        process.communicate()
    with rabbit.connect() as connection:
        for number in range(count):
            _delete(connection, queue_name(f"cmp-{number}", MACHINE))


@contextlib.contextmanager
def relay(rabbit: RabbitMQ, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a relay, and wait until it consumes."""
    file = folder / "relay.conf"
    file.write_text("[DEFAULT]\ntransport_url = {}\n".format(rabbit.url.replace("$", "$$")))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", _RELAY, "--config-file", file, "relay"], env=environment, stderr=subprocess.DEVNULL
    ) as process:
        with rabbit.connect() as connection:
            while True:
                channel = connection.channel()
                with contextlib.suppress(*connection.channel_errors):
                    if channel.queue_declare(RELAY_QUEUE, passive=True).consumer_count:
                        break
                time.sleep(0.1)
        yield process
        process.terminate()


if __name__ == "__main__":
    consume(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
