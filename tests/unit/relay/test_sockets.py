# SPDX-License-Identifier: Apache-2.0
"""Several connections read in turn; TLS may have read more than a program asked for."""

import socket
from collections.abc import Iterator

import pytest

from irqaffinity.relay.sockets import Sockets


class Socket:
    """One end of a pair; `held` is what TLS has of it beyond the socket."""

    def __init__(self, end: socket.socket, held: int) -> None:
        self.fileno = end.fileno
        self.held = held

    def pending(self) -> int:
        return self.held


class Connection:
    """An open connection that has something to read, in its socket or beyond; each `drain_events` reads one thing."""

    def __init__(self, end: socket.socket, held: int = 0) -> None:
        self.end = end
        self.sock = Socket(end, held)
        self.connection = self
        self.has_read = 0

    def get_heartbeat_interval(self) -> int:
        return 0

    def drain_events(self, timeout: float) -> None:
        assert timeout > 0
        self.has_read += 1
        if self.sock.held:
            self.sock.held -= 1
        else:
            self.end.recv(1)


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    made = [socket.socketpair() for _ in range(2)]
    yield made
    for ends in made:
        for end in ends:
            end.close()


def test_one_of_which_tls_has_much_does_not_keep_another_waiting(
    pairs: list[tuple[socket.socket, socket.socket]],
) -> None:
    """What the other one has may be that the broker takes nothing more."""
    busy, quiet = Connection(pairs[0][0], held=3), Connection(pairs[1][0])
    sockets = Sockets(busy, quiet)  # type: ignore[arg-type]
    assert sockets.read(0)
    assert (busy.has_read, quiet.has_read) == (1, 0)
    pairs[1][1].send(b"x")
    assert sockets.read(0)
    assert (busy.has_read, quiet.has_read) == (2, 1)
    assert sockets.read(0)
    assert not sockets.read(0)
    assert (busy.has_read, quiet.has_read) == (3, 1)
