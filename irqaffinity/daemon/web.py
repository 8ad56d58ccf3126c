# SPDX-License-Identifier: Apache-2.0
"""Answers over HTTP on one thread, with a handful of descriptors, whatever the clients do.

A connection may last LIMIT seconds, however slowly the client sends or reads. There are only a few at a time: a further
one replaces the oldest one of the client that has the most. So a probe gets its answer while other clients take all
connections that they can get, and most descriptors stay free for the process's own work.
"""

import collections
import contextlib
import logging
import math
import resource
import select
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

from irqaffinity.daemon.page import LARGEST, Page, Request, head_of, read_request, reply

LOG = logging.getLogger(__name__)

METRICS = "/metrics"

LIMIT = 5.0
"""Seconds that a connection may last."""

Checks = Mapping[str, Callable[[], Sequence[str]]]
"""By path a function that returns the reasons to answer 503; with no reason the answer is 200."""

_MOST = 16
_MOST_HEARD = 8 * LARGEST
"""Bytes to read from a connection at most. The server reads and drops all after the request: closing a connection with
unread bytes would reset it, and the client would lose the answer."""

_PAUSE = 1.0
"""Seconds without new connections after the server could not even accept one to turn it away."""


def most_connections() -> int:
    """Return how many connections there may be at a time; where descriptors are few, an eighth of them."""
    try:
        soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    except OSError:  # a sandbox forbids to ask
        return _MOST
    return _MOST if soft == resource.RLIM_INFINITY else max(1, min(_MOST, soft // 8))


class _Visit:
    """A connection: the bytes that have come, and those still to send."""

    def __init__(self, opened: socket.socket, host: str) -> None:
        self.opened = opened
        self.host = host
        self.ends = time.monotonic() + LIMIT
        self.request = b""
        self.heard = 0
        self.unsent = b""
        self.waits_for: Page | None = None
        self.is_head = self.is_answered = False


class Server:
    """Serves a listening socket until the end of its context."""

    def __init__(self, listener: socket.socket, pages: Mapping[str, Page], checks: Checks) -> None:
        """Take the pages, and the checks that answer 200 or 503, by path."""
        self._listener = listener
        self._pages = pages
        self._checks = checks
        self._most = most_connections()
        self._visits: dict[int, _Visit] = {}
        self._spare: socket.socket | None = None
        self._deaf_until: float | None = 0.0
        self._poll = select.poll()
        for page in pages.values():
            self._poll.register(page.made, select.POLLIN)
        listener.setblocking(False)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_error: object) -> None:
        for visit in tuple(self._visits.values()):
            self._drop(visit, "no more is served")
        if self._spare is not None:
            self._spare.close()

    def serve(self) -> None:
        """Serve without end."""
        while True:
            self._end_late()
            self._hear_again()
            ready = {fd for fd, _event in self._poll.poll(self._idle_time())}
            for page in self._pages.values():
                if page.made in ready:
                    self._hand_out(page)
            for visit in [self._visits[fd] for fd in ready & self._visits.keys()]:
                self._go_on(visit)
            if self._listener.fileno() in ready:
                self._accept()

    def _idle_time(self) -> int | None:
        """Return the milliseconds until the next connection or pause ends, rounded up; None where there is none."""
        times = [visit.ends for visit in self._visits.values()]
        if self._deaf_until is not None:
            times.append(self._deaf_until)
        return math.ceil(1000 * max(0.0, min(times) - time.monotonic())) if times else None

    def _end_late(self) -> None:
        now = time.monotonic()
        for visit in [visit for visit in self._visits.values() if visit.ends <= now]:
            self._drop(visit, f"it took more than {LIMIT:g} s")

    def _accept(self) -> None:
        try:
            opened, address = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return  # it is gone again
        except OSError as error:
            if self._visits:
                self._drop(self._oldest_of_most(), str(error))
            else:
                self._turn_away(error)
            return
        opened.setblocking(False)
        if len(self._visits) >= self._most:
            self._drop(self._oldest_of_most(), "another one wanted its place")
        self._visits[opened.fileno()] = _Visit(opened, str(address[0]))
        self._poll.register(opened, select.POLLIN)

    def _oldest_of_most(self) -> _Visit:
        """Return the oldest connection of the client that has the most."""
        counts = collections.Counter(visit.host for visit in self._visits.values())
        return max(self._visits.values(), key=lambda visit: counts[visit.host])

    def _turn_away(self, error: OSError) -> None:
        """Close the waiting connection, which would keep `poll` awake; where that fails, do not listen for a while."""
        LOG.debug("metrics: a connection was turned away: %s", error)
        if self._spare is not None:
            self._spare.close()
        try:
            self._listener.accept()[0].close()
            self._spare = self._listener.dup()
        except OSError:
            self._spare, self._deaf_until = None, time.monotonic() + _PAUSE
            self._poll.unregister(self._listener)

    def _hear_again(self) -> None:
        """Listen for new connections, at the start and after a pause, and keep a descriptor for `_turn_away`."""
        if self._deaf_until is not None and time.monotonic() >= self._deaf_until:
            self._deaf_until = None
            self._poll.register(self._listener, select.POLLIN)
            with contextlib.suppress(OSError):
                self._spare = self._listener.dup()

    def _drop(self, visit: _Visit, why: str) -> None:
        del self._visits[visit.opened.fileno()]
        self._poll.unregister(visit.opened)
        visit.opened.close()
        if not visit.is_answered:
            LOG.debug("metrics: %s got no answer: %s", visit.host, why)

    def _go_on(self, visit: _Visit) -> None:
        try:
            if visit.unsent:
                self._send(visit)
            else:
                self._hear(visit)
        except BlockingIOError:
            return
        except OSError as error:
            self._drop(visit, str(error))

    def _send(self, visit: _Visit) -> None:
        visit.unsent = visit.unsent[visit.opened.send(visit.unsent) :]
        if not visit.unsent:
            visit.is_answered = True
            visit.opened.shutdown(socket.SHUT_WR)
            self._poll.modify(visit.opened, select.POLLIN)

    def _hear(self, visit: _Visit) -> None:
        data = visit.opened.recv(LARGEST)
        visit.heard += len(data)
        if not data or visit.heard > _MOST_HEARD:
            self._drop(visit, "it sent too much" if data else "it left")
        elif visit.waits_for is None and not visit.is_answered:
            visit.request += data
            self._heed(visit, read_request(visit.request))

    def _heed(self, visit: _Visit, asked: Request | HTTPStatus | None) -> None:
        if asked is None:
            return
        if isinstance(asked, HTTPStatus):
            self._answer(visit, reply(asked, f"{asked.phrase}\n"))
            return
        visit.is_head = asked.is_head
        page = self._pages.get(asked.path)
        if page is None:
            self._answer(visit, self._reply(asked.path))
            return
        visit.waits_for = page
        self._poll.modify(visit.opened, 0)  # poll still reports a broken connection
        page.ask()

    def _reply(self, path: str) -> bytes:
        if path not in self._checks:
            return reply(HTTPStatus.NOT_FOUND, f"{', '.join((*self._pages, *self._checks))}\n")
        reasons = self._checks[path]()
        if reasons:
            return reply(HTTPStatus.SERVICE_UNAVAILABLE, "".join(f"not ok: {reason}\n" for reason in reasons))
        return reply(HTTPStatus.OK, "ok\n")

    def _hand_out(self, page: Page) -> None:
        made = page.take()
        for visit in self._visits.values():
            if visit.waits_for is page:
                visit.waits_for = None
                self._answer(visit, made)

    def _answer(self, visit: _Visit, made: bytes) -> None:
        visit.unsent = head_of(made) if visit.is_head else made
        self._poll.modify(visit.opened, select.POLLOUT)
