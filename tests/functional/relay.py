# SPDX-License-Identifier: Apache-2.0
"""Relays in threads and processes, and what they hand on: the queues of hosts, bound as agents bind theirs."""

import contextlib
import os
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import amqp

from irqaffinity.conf.broker import load_broker
from irqaffinity.conf.load import load
from irqaffinity.listen.broker import Broker
from irqaffinity.listen.names import HOSTS_EXCHANGE, RELAY_QUEUE
from irqaffinity.relay.counters import Counters
from irqaffinity.relay.relay import Relay
from irqaffinity.relay.route import Fate, Router
from tests.functional.agent import PROGRAM, wait_for
from tests.functional.rabbitmq import RabbitMQ, free_ports
from tests.patience import HANG


def configured(folder: Path, url: str, lines: str = "") -> Path:
    """Write the configuration of a relay."""
    file = folder / "relay.conf"
    escaped = url.replace("$", "$$")
    file.write_text(f"[DEFAULT]\ntransport_url = {escaped}\ndebug = true\n{lines}")
    return file


def broker_of(file: Path) -> Broker:
    """Return the broker that a configuration names."""
    found = load_broker([str(file)], None, load([str(file)]).notifications)
    assert found is not None
    return found


class Relaying:
    """A relay in a thread of the test."""

    def __init__(self, broker: Broker) -> None:
        self.counters = Counters()
        self.relay = Relay(broker, "relay of a test", Router(), self.counters)
        self.thread = threading.Thread(target=self.relay.run)

    def wait_up(self) -> None:
        """Wait for the connections."""
        wait_for("the broker", lambda: self.relay.link.state.is_up)

    def wait_handled(self, count: int) -> None:
        """Wait until so many messages were handled in all."""
        wait_for(f"{count} messages", lambda: sum(self.counters.messages.values()) >= count)

    @property
    def messages(self) -> dict[Fate, int]:
        """How many messages had which fate, of those that any had."""
        return {fate: count for fate, count in self.counters.messages.items() if count}


@contextlib.contextmanager
def relaying(broker: Broker) -> Iterator[Relaying]:
    """Run a relay in a thread."""
    made = Relaying(broker)
    made.thread.start()
    try:
        yield made
    finally:
        made.relay.stop()
        made.thread.join()


class RelayProcess:
    """`irqaffinity relay`, with metrics, and a log of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        folder.mkdir()
        self.folder = folder
        (self.port,) = free_ports(1)
        self.file = configured(folder, url, f"[metrics]\nenabled = true\nport = {self.port}\n")
        with (folder / "log").open("wb") as log:
            command = [PROGRAM, "--config-file", self.file, "relay"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ)

    def log(self) -> str:
        """Return all that it wrote."""
        return (self.folder / "log").read_text(errors="replace")

    def wait_logged(self, text: str) -> None:
        """Wait until the log has a text."""
        wait_for(f"{text!r} in {self.log()}", lambda: text in self.log())

    def get(self, path: str) -> str:
        """Return what it answers over HTTP, empty where it does not."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=HANG) as answer:
                text: str = answer.read().decode()
                return text
        except urllib.error.URLError:
            return ""

    def metric(self, name: str) -> float | None:
        """Return a metric by its name and labels, None where it is not there."""
        for line in self.get("/metrics").splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[-1])
        return None

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it as systemd does, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(HANG)


class Host:
    """The queue of one host, bound as an agent binds it."""

    def __init__(self, channel: Any, name: str, arguments: dict[str, Any] | None = None) -> None:
        self.queue = f"irqaffinity.{name}.00000000"
        self._channel = channel
        channel.queue_declare(self.queue, durable=True, auto_delete=False, arguments=arguments)
        channel.queue_bind(self.queue, HOSTS_EXCHANGE, name)

    def depth(self) -> int:
        """Return how many messages it has."""
        return int(self._channel.queue_declare(self.queue, passive=True).message_count)

    def take(self) -> list[amqp.Message]:
        """Return all messages that are there."""
        found = []
        while (message := self._channel.basic_get(self.queue, no_ack=True)) is not None:
            found.append(message)
        return found


@contextlib.contextmanager
def hosts(broker: RabbitMQ, *names: str) -> Iterator[list[Host]]:
    """Give the queues of hosts, and remove all that relays and hosts made at the end."""
    with broker.connect() as connection:
        channel = connection.default_channel
        channel.exchange_declare(HOSTS_EXCHANGE, "direct", durable=True, auto_delete=False)
        made = [Host(channel, name) for name in names]
        yield made
    with broker.connect() as connection:
        for host in made:
            connection.default_channel.queue_delete(host.queue)
        clear(broker)


def clear(broker: RabbitMQ) -> None:
    """Remove what relays made."""
    with broker.connect() as connection:
        connection.default_channel.queue_delete(RELAY_QUEUE)
        connection.default_channel.exchange_delete(HOSTS_EXCHANGE)


def state_of_queue(broker: RabbitMQ) -> tuple[int, int, int]:
    """Return how many messages of the relays' queue are ready, how many are not acknowledged, and its consumers."""
    columns = ("name", "messages_ready", "messages_unacknowledged", "consumers")
    for line in broker.control("list_queues", *columns).splitlines():
        name, *counts = line.split("\t")
        if name == RELAY_QUEUE:
            ready, unacknowledged, consumers = map(int, counts)
            return ready, unacknowledged, consumers
    return 0, 0, 0


def consumers(broker: RabbitMQ) -> int:
    """Return how many relays share the queue."""
    with broker.connect() as connection:
        try:
            return int(connection.default_channel.queue_declare(RELAY_QUEUE, passive=True).consumer_count)
        except amqp.exceptions.NotFound:
            return 0
