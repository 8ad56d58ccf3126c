# SPDX-License-Identifier: Apache-2.0
"""Reads from several connections to the broker in one thread, and keeps all of them alive."""

import contextlib
import select
import time

import kombu

_WITHIN = 0.05
"""Seconds to wait at a time for the rest of a frame; never 0, with which the library spins until the rest has come."""


class Sockets:
    """Open connections; `read` reads from each one that has data."""

    def __init__(self, *connections: kombu.Connection) -> None:
        self._poll = select.poll()
        self._connections: dict[int, kombu.Connection] = {}
        for connection in connections:
            fd = connection.connection.sock.fileno()
            self._connections[fd] = connection
            self._poll.register(fd, select.POLLIN)
        heartbeats = [seconds for each in connections if (seconds := each.get_heartbeat_interval())]
        self._check_every = min(heartbeats) / 4 if heartbeats else None
        self._checked = time.monotonic()

    def read(self, seconds: float) -> bool:
        """Read once from each connection that has data, and wait so long at most for any; return whether any had."""
        if self._check_every is not None:
            seconds = min(seconds, self._check_every)
        decrypted = self._decrypted()  # do not let the other connections wait until these have no more
        ready = decrypted | {fd for fd, _event in self._poll.poll(0 if decrypted else seconds * 1000)}
        for fd in ready:
            with contextlib.suppress(TimeoutError):
                self._connections[fd].drain_events(timeout=_WITHIN)
        self._keep_alive()
        return bool(ready)

    def _decrypted(self) -> set[int]:
        """Return the connections for which TLS holds decrypted data that the socket does not show."""
        return {
            fd
            for fd, connection in self._connections.items()
            if (pending := getattr(connection.connection.sock, "pending", None)) and pending()
        }

    def _keep_alive(self) -> None:
        now = time.monotonic()
        if self._check_every is not None and now - self._checked >= self._check_every:
            self._checked = now
            for connection in self._connections.values():
                connection.heartbeat_check(rate=4)
