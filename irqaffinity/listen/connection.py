# SPDX-License-Identifier: Apache-2.0
"""Connects to one node of the broker. A connection that stands still is given up, and nothing is left open."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import kombu

from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.listen.deliveries import Delivery, DeliveryFrames

_CONNECT_TIMEOUT = 5.0
_ANSWER_TIMEOUT = 10
_CLOSE_TIMEOUT = 1.0

LARGEST_FRAME = 16 << 20
"""Bytes of a frame that are read; RabbitMQ sends 128 KiB at most, unless its frame_max is set to more."""


def connect(broker: Broker, host: BrokerHost, name: str, frame_handler: Callable[..., object]) -> kombu.Connection:
    """Return a connection to one node, not opened yet; `name` is what the broker's management shows for it."""
    tls: object = False
    if broker.tls is not None:
        named = {"server_hostname": host.name} if "ca_certs" in broker.tls else {}
        tls = {**broker.tls, **named} or True
    return kombu.Connection(
        transport="pyamqp",
        hostname=host.name,
        port=host.port,
        userid=host.user,
        password=host.password,
        virtual_host=broker.virtual_host,
        ssl=tls,
        login_method=broker.login_method,
        heartbeat=broker.heartbeat,
        connect_timeout=_CONNECT_TIMEOUT,
        transport_options={
            "client_properties": {"connection_name": name},
            "frame_handler": frame_handler,
            "read_timeout": _ANSWER_TIMEOUT,
            "write_timeout": _ANSWER_TIMEOUT,
        },
    )


@contextlib.contextmanager
def connected(
    broker: Broker,
    host: BrokerHost,
    name: str,
    take: Callable[[Any, Delivery], None] = lambda _channel, _delivery: None,
) -> Iterator[kombu.Connection]:
    """Give an open connection to one node; `take` gets each message and its channel.

    At its end the broker gets no message: a polite close would wait for the answer of a broker that stands still.
    """
    begun = []

    def handle_frames(connection: Any, callback: Callable[..., None]) -> DeliveryFrames:
        begun.append(connection)
        _bound(connection.transport)
        return DeliveryFrames(take, connection, callback)

    opened = connect(broker, host, name, handle_frames)
    try:
        opened.connect()
        begun[-1].sock.settimeout(_ANSWER_TIMEOUT)  # or one that stops within a frame is waited for
        yield opened
    finally:
        opened.collect(_CLOSE_TIMEOUT)
        for connection in begun:  # kombu forgets one on which the broker did not speak AMQP
            connection.collect()


def _bound(transport: Any) -> None:
    """Have `transport` refuse a frame that is too large: the library keeps all bytes that come, up to 4 GiB."""
    read = transport._read  # the library has no limit that could be set

    def read_some(size: int, *arguments: Any) -> bytes:
        if size > LARGEST_FRAME:
            raise ValueError(f"a frame of {size} bytes")
        found: bytes = read(size, *arguments)
        return found

    transport._read = read_some
