# SPDX-License-Identifier: Apache-2.0
"""A broker that means no good: it speaks AMQP 0-9-1 up to a step, and then does what a real one never would."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

from irqaffinity.listen.broker import Broker, BrokerHost

USER, PASSWORD = "nova", "s3cr@t:p%$"

START, TUNE, OPEN_OK = (10, 10), (10, 30), (10, 41)
CLOSE, CHANNEL_OPEN_OK = (10, 50), (20, 11)
STEPS = ("header", "start", "tune", "open", "channel")
"""How far the handshake goes: the header of the client's, or what the broker sent last."""

CONSUMING = "consuming"
"""The step at which a listener to one topic is up."""


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    """Return a frame."""
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def method(signature: tuple[int, int], arguments: bytes = b"", channel: int = 0) -> bytes:
    """Return the frame of a method."""
    return frame(1, channel, struct.pack(">HH", *signature) + arguments)


def close(text: bytes, code: int = 320, *, channel: int = 0) -> bytes:
    """Return the frame with which a broker closes a connection, or a channel."""
    signature = (20, 40) if channel else CLOSE
    return method(signature, struct.pack(">HB", code, len(text)) + text + bytes(4), channel)


_ANSWERS = (
    method(START, b"\x00\x09" + bytes(4) + struct.pack(">I", 14) + b"AMQPLAIN PLAIN" + struct.pack(">I", 5) + b"en_US"),
    method(TUNE, struct.pack(">HIH", 2047, 131072, 60)),
    method(OPEN_OK, b"\x00"),
    method(CHANNEL_OPEN_OK, bytes(4), 1),
    method((40, 11), channel=1),  # the exchange is there
    method((50, 11), b"\x01q" + bytes(8), 1),  # so is the queue
    method((50, 21), channel=1),  # it is bound
    method((60, 11), channel=1),  # basic.qos-ok
    method((60, 21), b"\x01t", 1),  # consuming
    method(CHANNEL_OPEN_OK, bytes(4), 2),
    method((50, 41), bytes(4), 2),  # the queue of the other source is deleted
    method((20, 41), channel=2),
)


def _read_method(peer: socket.socket) -> bool:
    """Read up to a method; tell whether there was one."""
    while True:
        head = _read(peer, 7)
        if len(head) < 7:
            return False
        kind, _, size = struct.unpack(">BHI", head)
        _read(peer, size + 1)
        if kind == 1:
            return True


def _read(peer: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := peer.recv(count - len(data))):
        data += more
    return data


def speak(peer: socket.socket, step: str) -> None:
    """Speak AMQP until a step is done; a client that has gone is no error."""
    _read(peer, 8)
    answers = list(_ANSWERS if step == CONSUMING else _ANSWERS[: STEPS.index(step)])
    while answers:
        peer.sendall(answers.pop(0))
        if not answers or not _read_method(peer):
            return
        if answers[0] is _ANSWERS[2]:  # the client tunes, and opens at once
            _read_method(peer)


class HostileBroker:
    """Listens on loopback, and treats each client in a thread of its own as `treat` does."""

    def __init__(self, treat: Callable[[socket.socket], None]) -> None:
        self.connections = 0
        self._treat = treat
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    @property
    def settings(self) -> Broker:
        """The broker as the agent's configuration has it."""
        return Broker((BrokerHost("127.0.0.1", self.port, USER, PASSWORD),), "/", "nova", ("notifications.info",))

    def _accept(self) -> None:
        peers = []
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                self.connections += 1
                peers.append((peer, threading.Thread(target=self._serve, args=(peer,))))
                peers[-1][1].start()
        for peer, thread in peers:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _serve(self, peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):
            self._treat(peer)

    def stop(self) -> None:
        """End it and all its connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()


@contextlib.contextmanager
def hostile(treat: Callable[[socket.socket], None]) -> Iterator[HostileBroker]:
    """Run one."""
    broker = HostileBroker(treat)
    try:
        yield broker
    finally:
        broker.stop()
