# SPDX-License-Identifier: Apache-2.0
"""Requests and replies over HTTP, and a page that takes long to make."""

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

from irqaffinity.model.text import clean

LOG = logging.getLogger(__name__)

LARGEST = 8192
"""Bytes of a request line and its headers."""

FRESH = 1.0
"""Seconds for which the server gives the same page again."""

_END = re.compile(rb"\r?\n\r?\n")
_REQUEST = re.compile(rb"([!-~]+) ([!-~]+) HTTP/1\.[0-9]\r?\n")


_METHODS = {b"GET": False, b"HEAD": True}


@dataclass(frozen=True)
class Request:
    """The path that a client asks for, and whether it wants the headers alone (HEAD)."""

    path: str
    is_head: bool = False


def read_request(data: bytes) -> Request | HTTPStatus | None:
    """Return the request, the status that refuses it, or None while the request is not complete."""
    data = data.lstrip(b"\r\n")
    if _END.search(data, 0, LARGEST) is None:
        return None if len(data) < LARGEST else HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    asked = _REQUEST.match(data)
    if asked is None:
        return HTTPStatus.BAD_REQUEST
    if asked[1] not in _METHODS:
        return HTTPStatus.METHOD_NOT_ALLOWED
    return Request(asked[2].decode("ascii").partition("?")[0], _METHODS[asked[1]])


def reply(
    status: HTTPStatus, body: str = "", kind: str = "text/plain", headers: Mapping[str, str] | None = None
) -> bytes:
    """Return an answer with its headers, and more `headers` where they are given."""
    content = body.encode()
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Server: irqaffinity",
        f"Date: {formatdate(usegmt=True)}",
        *([f"Allow: {', '.join(method.decode() for method in _METHODS)}"] if status == 405 else []),
        f"Content-Type: {kind}",
        f"Content-Length: {len(content)}",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


def head_of(made: bytes) -> bytes:
    """Return the answer to HEAD: the headers of an answer, without its body."""
    return made[: made.index(b"\r\n\r\n") + 4]


class Page:
    """A page that takes long to make. A thread of its own makes it, once for all clients that ask meanwhile."""

    def __init__(
        self,
        kind: str,
        render: Callable[[], str],
        fresh: float = FRESH,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take the content type, the function that makes the page, the seconds for which it is fresh, and headers."""
        self.made = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        """A descriptor that can be read once the page is made; never closed, for the thread may still write to it."""
        self._kind = kind
        self._headers = headers
        self._fresh = fresh
        self._render = render
        self._is_making = False
        self._reply = b""
        self._trouble = ""
        self._made_at: float | None = None

    def ask(self) -> None:
        """Have the page made, unless a thread makes it now, or made it a moment ago."""
        if self._is_making:
            return
        self._is_making = True
        if self._made_at is not None and time.monotonic() - self._made_at < self._fresh:
            os.eventfd_write(self.made, 1)
            return
        try:
            threading.Thread(target=self._make, name="metrics-page", daemon=True).start()
        except RuntimeError as error:  # the process may have no other thread
            self._fail(error)

    def take(self) -> bytes:
        """Return the reply that was made last; after this `ask` may have another one made."""
        os.eventfd_read(self.made)
        self._is_making = False
        return self._reply

    def _make(self) -> None:
        try:
            made = reply(HTTPStatus.OK, self._render(), self._kind, self._headers)
        except Exception as error:  # noqa: BLE001  the top of a thread, and metrics may never end the process
            self._fail(error)
        else:
            self._give(made, "")

    def _fail(self, error: Exception) -> None:
        trouble = clean(f"{type(error).__name__}: {error}")
        LOG.log(logging.DEBUG if trouble == self._trouble else logging.ERROR, "metrics: no page made: %s", trouble)
        self._give(reply(HTTPStatus.INTERNAL_SERVER_ERROR, "not made; see the log\n"), trouble)

    def _give(self, made: bytes, trouble: str) -> None:
        self._reply, self._trouble = made, trouble
        self._made_at = None if trouble else time.monotonic()
        os.eventfd_write(self.made, 1)
