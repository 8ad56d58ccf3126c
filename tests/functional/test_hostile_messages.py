# SPDX-License-Identifier: Apache-2.0
"""Messages that no AMQP library should have to decode, on a real RabbitMQ: none of them costs the next one anything."""

import json
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import amqp
import pytest

from irqaffinity.listen.broker import Broker
from irqaffinity.listen.deliveries import LARGEST
from irqaffinity.listen.payload import Outcome
from tests.fakes.scene import GUEST
from tests.functional.agent import wait_for
from tests.functional.nova import Nova, versioned
from tests.functional.rabbitmq import RabbitMQ
from tests.functional.test_notifications import HERE, configured, delete_queue, depth, listening

KEY = "versioned_notifications.info"
NESTED = 3000
CONTENT_TYPE, HEADERS, MESSAGE_ID, TIMESTAMP = 0x8000, 0x2000, 0x0080, 0x0040
NO_TEXT = b"\xff\xfe\x80"


def short(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def table(name: bytes, kind: bytes, value: bytes) -> bytes:
    """Return a table of one field, as it stands in a frame."""
    field = short(name) + kind + value
    return struct.pack(">I", len(field)) + field


def nested(kind: bytes) -> bytes:
    inner = struct.pack(">I", 0)
    for _ in range(NESTED):
        item = kind + inner if kind == b"A" else short(b"a") + kind + inner
        inner = struct.pack(">I", len(item)) + item
    return table(b"a", kind, inner)


POISON = {
    "a content_type that is no text": (CONTENT_TYPE, short(NO_TEXT)),
    "a message_id that is no text": (MESSAGE_ID, short(NO_TEXT)),
    "each short text is none": (0x8000 | 0x4000 | 0x0400 | 0x0200 | 0x0080 | 0x0020 | 0x0008, short(NO_TEXT) * 7),
    "a timestamp in milliseconds": (TIMESTAMP, struct.pack(">Q", 1_790_000_000_000)),
    "a timestamp of 2^62": (TIMESTAMP, struct.pack(">Q", 1 << 62)),
    "a header with a time in milliseconds": (HEADERS, table(b"t", b"T", struct.pack(">Q", 1_790_000_000_000))),
    "a header with a time of 2^62": (HEADERS, table(b"t", b"T", struct.pack(">Q", 1 << 62))),
    "a header whose name is no text": (HEADERS, table(NO_TEXT, b"V", b"")),
    "a header whose value is no text": (HEADERS, table(b"a", b"S", struct.pack(">I", 3) + NO_TEXT)),
    "tables within tables": (HEADERS, nested(b"F")),
    "lists within lists": (HEADERS, nested(b"A")),
}


class Raw(amqp.Message):  # type: ignore[misc]
    """A message whose properties are written as they are given."""

    def __init__(self, body: bytes, flags: int, fields: bytes) -> None:
        super().__init__(body)
        self._raw = struct.pack(">H", flags) + fields

    def _serialize_properties(self) -> bytes:
        return self._raw


def publish(broker: RabbitMQ, *messages: amqp.Message, routing_key: str | bytes = KEY) -> None:
    """Publish, and wait until the broker has taken all of it."""
    with broker.connect() as connection:
        channel = connection.channel()
        channel.confirm_select()
        for message in messages:
            channel.basic_publish_confirm(message, "nova", routing_key)


@pytest.fixture
def settings(broker: RabbitMQ, tmp_path: Path) -> Broker:
    return configured(tmp_path, broker.url)


@pytest.fixture
def quiet(broker: RabbitMQ, nova: Nova) -> Iterator[None]:
    delete_queue(broker)
    yield
    delete_queue(broker)


def good(event: str = "power_on.end") -> bytes:
    message = {"event_type": f"instance.{event}", "publisher_id": f"nova-compute:{HERE}"}
    return json.dumps(message | {"payload": versioned(GUEST, HERE)}).encode()


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("kind", POISON)
def test_properties_that_cannot_be_decoded_are_not_looked_at(settings: Broker, broker: RabbitMQ, kind: str) -> None:
    with listening(settings) as made:
        made.wait_up()
        publish(broker, amqp.Message(good()), Raw(b"{}", *POISON[kind]), amqp.Message(good("reboot.end")))
        made.wait_handled(3)
        assert made.counts == {
            ("power_on", Outcome.WOKE): 1,
            ("other", Outcome.MALFORMED): 1,
            ("reboot", Outcome.WOKE): 1,
        }
        publish(broker, Raw(good("resume.end"), *POISON[kind]))
        made.wait_handled(4)
        assert made.counts["resume", Outcome.WOKE] == 1
        assert made.listener.link.losses == 0
        taken = made.take()
        assert (set(taken.guests), taken.everything) == ({GUEST}, False)
    wait_for("an empty queue", lambda: depth(broker) == 0)


@pytest.mark.usefixtures("quiet")
def test_a_routing_key_that_is_no_text_is_not_looked_at(settings: Broker, broker: RabbitMQ) -> None:
    copied = table(b"CC", b"A", struct.pack(">I", 5 + len(KEY)) + b"S" + struct.pack(">I", len(KEY)) + KEY.encode())
    with listening(settings) as made:
        made.wait_up()
        publish(broker, Raw(good(), HEADERS, copied), routing_key=NO_TEXT)
        publish(broker, amqp.Message(good("reboot.end")))
        made.wait_handled(2)
        assert made.counts == {("power_on", Outcome.WOKE): 1, ("reboot", Outcome.WOKE): 1}
        assert made.listener.link.losses == 0


@pytest.mark.usefixtures("quiet")
def test_compressed_bodies_are_known_by_their_header_among_others(settings: Broker, broker: RabbitMQ) -> None:
    headers = {"a": {"b": [1]}, "compression": "application/x-gzip", "z": "compression"}
    with listening(settings) as made:
        made.wait_up()
        publish(
            broker,
            amqp.Message(good(), application_headers=headers),
            amqp.Message(good(), application_headers={"z": "compression"}),
        )
        made.wait_handled(2)
        assert made.counts == {("other", Outcome.UNREAD): 1, ("power_on", Outcome.WOKE): 1}


_LISTENER = """
import sys, threading
from irqaffinity.conf.broker import load_broker
from irqaffinity.conf.load import load
from irqaffinity.listen.notifications import NotificationListener
from irqaffinity.listen.queue import WakeQueue

file, host, machine = sys.argv[1:]
broker = load_broker([file], None, load([file]).notifications)

def tell(event, outcome):
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    print(event, outcome.value, status["VmHWM"].split()[0], flush=True)

listener = NotificationListener(broker, host, machine, WakeQueue(), lambda: (), tell)
threading.Thread(target=listener.run).start()
sys.stdin.read()
listener.stop()
"""
BODY = 100_000_000
MOST_KB = 8192
WAITING = 60


@pytest.mark.usefixtures("quiet")
def test_bodies_of_any_size_and_number_take_no_memory(settings: Broker, broker: RabbitMQ, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _LISTENER, str(tmp_path / "broker.conf"), HERE, "0" * 32]
    queue = f"irqaffinity.{HERE}.00000000"
    readable = amqp.Message(good().ljust(LARGEST))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def heard(count: int, *expected: str) -> int:
            """Return the peak of memory, in kB, after so many more messages like the earlier ones."""
            assert process.stdout is not None
            lines = [process.stdout.readline().split() for _ in range(count)]
            assert [line[:2] for line in lines] == [list(expected)] * count
            return int(lines[-1][2])

        wait_for("the queue", lambda: consumers(broker, queue) == 1)
        publish(broker, *[readable] * 3)
        before = heard(3, "power_on", "woke")
        for _ in range(10):
            publish(broker, amqp.Message(bytes(BODY)))
            assert heard(1, "other", "unread") - before < MOST_KB
        process.send_signal(signal.SIGSTOP)
        publish(broker, *[readable] * WAITING)
        process.send_signal(signal.SIGCONT)
        assert heard(WAITING, "power_on", "woke") - before < MOST_KB
        process.communicate()
    with broker.connect() as connection:
        assert connection.default_channel.queue_declare(queue, passive=True).message_count == 0
        connection.default_channel.queue_delete(queue)


def consumers(broker: RabbitMQ, queue: str) -> Any:
    with broker.connect() as connection:
        try:
            return connection.default_channel.queue_declare(queue, passive=True).consumer_count
        except amqp.exceptions.NotFound:
            return 0
