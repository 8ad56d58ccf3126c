# SPDX-License-Identifier: Apache-2.0
"""Takes messages from the frames of AMQP 0-9-1, and reads of each its delivery tag, its size and its body alone.

py-amqp decodes the routing key and all properties of a message, and keeps its body however large it is, before a
program sees any of it. Where it cannot decode something it raises an error: such a message is never acknowledged, and
comes back on every connection. So this module keeps the frames of messages away from py-amqp, and every message can be
acknowledged.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from struct import unpack_from
from typing import Any

import amqp.exceptions
from amqp.method_framing import frame_handler

LARGEST = 1 << 20
"""Bytes of a body that are read; Nova's have some tens of thousands."""

_METHOD, _HEADER, _BODY = 1, 2, 3
_DELIVER = b"\x00\x3c\x00\x3c"
"""Class and method of basic.deliver; its arguments begin with the consumer's tag, a short string, and the message's."""

_COMPRESSION = b"\x0bcompressionS"
"""Name and type of a header, as they stand in the frame: kombu writes it where it compresses (kombu/messaging.py)."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message. `body` is None where it has more than LARGEST bytes; these were dropped as they came."""

    delivery_tag: int
    body: bytes | None
    is_compressed: bool = False


@dataclass(slots=True)
class _Coming:
    """A message whose frames have not all come; `missing` is how many bytes have not, None before the header."""

    channel: int
    delivery_tag: int
    missing: int | None = None
    is_read: bool = False
    is_compressed: bool = False
    chunks: list[bytes] = field(default_factory=list)

    def add(self, kind: int, payload: bytes) -> None:
        """Take the next frame; raise UnexpectedFrame."""
        if (kind == _HEADER) is not (self.missing is None):
            raise amqp.exceptions.UnexpectedFrame("a header and a body of a message came in the wrong order")
        if self.missing is None:
            (self.missing,) = unpack_from(">4xQ", payload)
            self.is_read = self.missing <= LARGEST
            self.is_compressed = _COMPRESSION in payload
            return
        self.missing -= len(payload)
        if self.missing < 0:
            raise amqp.exceptions.UnexpectedFrame("a body is larger than its header says")
        if self.is_read:
            self.chunks.append(payload)

    def finish(self) -> Delivery:
        """Return the message, which is complete."""
        return Delivery(self.delivery_tag, b"".join(self.chunks) if self.is_read else None, self.is_compressed)


class DeliveryFrames:
    """The `frame_handler` of an amqp.Connection: it hands messages to `take`, other frames to the library's handler."""

    def __init__(self, take: Callable[[Any, Delivery], None], connection: Any, callback: Callable[..., None]) -> None:
        """`take` gets each message with its channel; `connection` and `callback` come from the library."""
        self._take = take
        self._connection = connection
        self._others = frame_handler(connection, callback)
        self._coming: _Coming | None = None

    def __call__(self, frame: tuple[int, int, bytes]) -> bool:
        """Take one frame, and tell whether the library may stop reading, as it may while a body is dropped."""
        kind, channel, payload = frame
        is_new = kind == _METHOD and payload[:4] == _DELIVER
        if not is_new and kind not in (_HEADER, _BODY):
            return bool(self._others(frame))
        self._connection.bytes_recv += 1  # as the library counts: heartbeats go by it
        if is_new:
            (delivery_tag,) = unpack_from(">Q", payload, 5 + payload[4])
            self._coming = _Coming(channel, delivery_tag)
            return False
        coming = self._coming
        if coming is None or coming.channel != channel:
            raise amqp.exceptions.UnexpectedFrame("a part of a message came that was not announced")
        coming.add(kind, payload)
        if coming.missing:
            return not coming.is_read
        self._coming = None
        self._take(self._connection.channels[channel], coming.finish())
        return True
