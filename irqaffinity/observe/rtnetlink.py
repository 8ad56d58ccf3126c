# SPDX-License-Identifier: Apache-2.0
"""Asks the kernel over rtnetlink(7), on a plain socket: each wait has an end, and no thread or process is left over."""

import errno
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds of waiting after which questions are given up: the kernel answers none while a driver hangs under RTNL."""

_HEADER = struct.Struct("=IHHII")
"""Length, type, flags, sequence number and port of a message (include/uapi/linux/netlink.h, struct nlmsghdr)."""

_ATTRIBUTE = struct.Struct("=HH")
_ATTRIBUTE_TYPE = 0x3FFF

_REQUEST, _ACK, _DUMP, _INTERRUPTED = 0x1, 0x4, 0x300, 0x10
_ERROR, _DONE = 2, 3

_LARGEST = 1 << 20
"""Bytes of an answer: the settings of 256 virtual functions take some 50 KiB."""

_TRIES = 3
"""How often something is asked for that changes while the kernel lists it."""


def open_route_socket() -> socket.socket:
    """Return a socket of the family NETLINK_ROUTE; raise OSError."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)


class Rtnetlink:
    """A socket to ask by; a context that closes it. Raises OSError, TimeoutError where the kernel does not answer."""

    def __init__(
        self, patience: float = PATIENCE, open_socket: Callable[[], socket.socket] = open_route_socket
    ) -> None:
        self._socket = open_socket()
        self._left = patience
        self._sequence = 0
        self._buffer = bytearray(_LARGEST)

    def __enter__(self) -> "Rtnetlink":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def dump(self, kind: int, body: bytes) -> list[bytes]:
        """Return the bodies of all messages that answer a question for all things of a kind.

        Where they changed at that moment again and again, the list may lack one that came or went.
        """
        for _ in range(_TRIES):
            bodies, is_whole = self._ask(kind, _REQUEST | _DUMP, body)
            if is_whole:
                break
        return bodies

    def get(self, kind: int, body: bytes) -> bytes:
        """Return the body of the message that answers a question for one thing."""
        bodies, _ = self._ask(kind, _REQUEST | _ACK, body)
        if not bodies:
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA))
        return bodies[0]

    def _ask(self, kind: int, flags: int, body: bytes) -> tuple[list[bytes], bool]:
        """Return the bodies of the answer, and whether nothing changed while the kernel wrote it."""
        self._sequence += 1
        question = _HEADER.pack(_HEADER.size + len(body), kind, flags, self._sequence, 0) + body
        self._wait(lambda: self._socket.send(question))
        bodies: list[bytes] = []
        is_whole = True
        while True:
            for answer, flags_, data in self._receive():
                is_whole = is_whole and not flags_ & _INTERRUPTED
                if answer in (_ERROR, _DONE):
                    code = -struct.unpack_from("=i", data)[0] if len(data) >= 4 else 0
                    if code:
                        raise OSError(code, os.strerror(code))
                    return bodies, is_whole
                bodies.append(data)

    def _receive(self) -> Iterator[tuple[int, int, bytes]]:
        """Give type, flags and body of the messages that come together, of those that answer the question."""
        length, (port, _) = self._wait(lambda: self._socket.recvfrom_into(self._buffer, _LARGEST, socket.MSG_TRUNC))
        if length > _LARGEST:
            raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
        place = 0
        while not port and place + _HEADER.size <= length:
            size, kind, flags, sequence, _port = _HEADER.unpack_from(self._buffer, place)
            if not _HEADER.size <= size <= length - place:
                raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))
            if sequence == self._sequence:
                yield kind, flags, bytes(self._buffer[place + _HEADER.size : place + size])
            place += _aligned(size)

    def _wait(self, call: Callable[[], T]) -> T:
        """Return what a call returns, which may wait as long as all calls together may, and no longer."""
        if self._left <= 0:
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        self._socket.settimeout(self._left)
        start = time.monotonic()
        try:
            return call()
        finally:
            self._left -= time.monotonic() - start


def attributes(data: bytes, start: int) -> dict[int, bytes]:
    """Return the attributes of a message by type, from a place on; of several of a type the last."""
    found = {}
    while start + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, start)
        if size < _ATTRIBUTE.size:
            break
        found[kind & _ATTRIBUTE_TYPE] = data[start + _ATTRIBUTE.size : start + size]
        start += _aligned(size)
    return found


def attribute(kind: int, value: bytes) -> bytes:
    """Return an attribute, as a question has it."""
    size = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(size, kind) + value + bytes(_aligned(size) - size)


def _aligned(size: int) -> int:
    return (size + 3) & ~3
