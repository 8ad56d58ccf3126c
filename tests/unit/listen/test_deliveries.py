# SPDX-License-Identifier: Apache-2.0
"""What is read of the frames of a message, and what of them is kept."""

import struct
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import amqp
import pytest

from irqaffinity.listen.deliveries import LARGEST, Delivery, DeliveryFrames

CHANNEL = object()
DELIVER = struct.pack(">HH", 60, 60)


def deliver(tag: int, consumer: bytes = b"None1") -> bytes:
    return DELIVER + bytes([len(consumer)]) + consumer + struct.pack(">QB", tag, 0) + b"\x04nova\x02\xff\xfe"


def header(size: int, properties: bytes = b"\x00\x00") -> bytes:
    return struct.pack(">HHQ", 60, 0, size) + properties


class Frames:
    """The frames of one connection, and what came of them."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.methods: list[tuple[Any, ...]] = []
        self.connection = SimpleNamespace(bytes_recv=0, channels={1: CHANNEL})
        self.handler = DeliveryFrames(self._take, self.connection, lambda *method: self.methods.append(method))

    def _take(self, channel: Any, delivery: Delivery) -> None:
        assert channel is CHANNEL
        self.deliveries.append(delivery)

    def come(self, *frames: tuple[int, bytes], channel: int = 1) -> list[bool]:
        return [self.handler((kind, channel, payload)) for kind, payload in frames]


def test_a_body_is_put_together() -> None:
    frames = Frames()
    assert frames.come((1, deliver(7)), (2, header(6)), (3, b"abcd"), (3, b"ef")) == [False, False, False, True]
    assert frames.deliveries == [Delivery(7, b"abcdef")]
    assert frames.connection.bytes_recv == 4
    frames.come((1, deliver(8)), (2, header(0)))
    assert frames.deliveries[1:] == [Delivery(8, b"")]


def test_nothing_of_the_properties_is_decoded_but_whether_the_body_is_compressed() -> None:
    field = b"\x0bcompressionS" + struct.pack(">I", 18) + b"application/x-gzip"
    frames = Frames()
    for properties in (b"\xff" * 50, b"\x20\x00" + struct.pack(">I", len(field)) + field, b""):
        frames.come((1, deliver(1)), (2, header(2, properties)), (3, b"{}"))
    assert [each.is_compressed for each in frames.deliveries] == [False, True, False]
    assert {each.body for each in frames.deliveries} == {b"{}"}


@pytest.mark.parametrize("size", [LARGEST, LARGEST + 1, 1 << 40])
def test_of_a_body_that_is_too_large_nothing_is_kept(size: int) -> None:
    frames = Frames()
    frames.come((1, deliver(1)), (2, header(size)))
    part = bytes(1 << 16)
    assert frames.come(*[(3, part)] * 8) == [size > LARGEST] * 8  # heartbeats and the end do not wait for the rest
    assert frames.handler._coming is not None
    assert sum(map(len, frames.handler._coming.chunks)) == (len(part) * 8 if size <= LARGEST else 0)
    if size < 1 << 40:
        frames.come(*((3, part) for _ in range(8, 16)), *[(3, b"x")] * (size - LARGEST))
        assert frames.deliveries == [Delivery(1, bytes(size) if size <= LARGEST else None)]


def test_other_frames_are_the_librarys_also_within_a_message() -> None:
    frames = Frames()
    qos_ok = struct.pack(">HH", 60, 11)
    frames.come((1, deliver(1)), (2, header(2)))
    assert frames.come((8, b""), channel=0) == [False]
    assert frames.come((1, qos_ok), channel=2) == [True]
    frames.come((3, b"{}"))
    assert frames.methods == [(2, (60, 11), qos_ok, None)]
    assert frames.deliveries == [Delivery(1, b"{}")]


@pytest.mark.parametrize(
    "wrong",
    [
        [(2, header(1))],
        [(3, b"x")],
        [(1, deliver(1)), (3, b"x")],
        [(1, deliver(1)), (2, header(2)), (2, header(2))],
        [(1, deliver(1)), (2, header(2)), (3, b"xyz")],
        [(1, deliver(1)), (2, header(1)), (3, b"x"), (3, b"x")],
    ],
)
def test_what_no_broker_sends_is_refused(wrong: Iterable[tuple[int, bytes]]) -> None:
    with pytest.raises(amqp.UnexpectedFrame):
        Frames().come(*wrong)


def test_a_part_of_a_message_on_another_channel_is_refused() -> None:
    frames = Frames()
    frames.come((1, deliver(1)))
    with pytest.raises(amqp.UnexpectedFrame):
        frames.come((2, header(1)), channel=2)
