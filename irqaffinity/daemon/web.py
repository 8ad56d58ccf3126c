# SPDX-License-Identifier: Apache-2.0
"""Answers over HTTP on one thread, with a handful of descriptors, whatever the clients do.

A connection has LIMIT seconds from its start to its end, however slowly it sends or reads. Only a few stand at a time:
one more takes the place of the oldest of the client that has the most. So a probe is answered while others hold on to
all that they can get, and most descriptors stay free for what the process is there for.
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
"""What returns the reasons for which a path answers 503, by path; without one it answers 200."""

_MOST = 16
_MOST_HEARD = 8 * LARGEST
"""Bytes that are read of a connection. What follows a request is thrown away: unread it would take the answer along."""

_PAUSE = 1.0
"""Seconds without a new connection after not even one to turn away could be had."""


def most_connections() -> int:
    """Return how many connections stand at a time; where descriptors are few, an eighth of them at most."""
    try:
        soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    except OSError:  # a sandbox forbids to ask
        return _MOST
    return _MOST if soft == resource.RLIM_INFINITY else max(1, min(_MOST, soft // 8))


class _Visit:
    """A connection: what has come, and what is still to be sent."""

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
    """Serves a socket that listens, until it is left."""

    def __init__(self, listener: socket.socket, pages: Mapping[str, Page], checks: Checks) -> None:
        """Take the pages, and what answers 200 or 503, by path."""
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
        """Return the milliseconds until something has to be ended or begun; None where nothing has."""
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
        """Close the connection that waits, for it would keep `poll` awake; where that fails too, hear of none."""
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
        """Hear of new connections, at the start and after a pause, with a descriptor kept for `_turn_away`."""
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
        self._poll.modify(visit.opened, 0)  # poll tells all the same when it breaks
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
