# SPDX-License-Identifier: Apache-2.0
"""Answers over HTTP in a process of its own, whose descriptors, threads and turns of the loop are nobody else's.

The commands that it reads from standard input, and what it prints to standard output, a line each:

- `port`: where it listens.
- `visits`: how many connections stand.
- `made`: how often the metrics were made; `hold` and `make` have their making wait, and go on.
- `turns`: how often the loop has looked for something to do, and how often it asked for a connection.
- `fill` and `free`: take all descriptors but those that it has, and give them back; `rob` takes the spare one too.
"""

import argparse
import contextlib
import logging
import os
import resource
import select
import socket
import sys
import threading
from typing import Any

from irqaffinity.daemon import web
from irqaffinity.daemon.page import Page


class Listener(socket.socket):
    """Counts how often a connection is asked for."""

    accepts = 0

    def accept(self) -> tuple[socket.socket, Any]:
        """Count, and accept."""
        Listener.accepts += 1
        return super().accept()


class Poll:
    """Counts how often the loop looks for something to do."""

    def __init__(self, poll: "select.poll") -> None:
        self.turns = 0
        self._poll = poll

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """Count, and wait."""
        self.turns += 1
        return self._poll.poll(timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poll, name)


class Served:
    """The server, and the commands that it carries out."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken: list[int] = []
        self._may_make = threading.Event()
        self._made = 0
        self._listener = Listener(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.bind(("0.0.0.0", 0))
        self._listener.listen(1024)
        checks: web.Checks = {"/healthz": list, "/readyz": lambda: ["the first reason", "the second one"]}
        pages = {
            web.METRICS: Page("text/plain", self._render, fresh=0.0),
            "/": Page("text/html; charset=utf-8", lambda: "<p>ü", fresh=0.0, headers={"X-Extra": "1"}),
        }
        self.server = web.Server(self._listener, pages, checks)
        self.server._poll = self._poll = Poll(self.server._poll)  # type: ignore[assignment]
        self.make()

    def _render(self) -> str:
        self._may_make.wait()
        self._made += 1
        return "x" * self._size

    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def visits(self) -> int:
        return len(self.server._visits)

    def made(self) -> int:
        return self._made

    def hold(self) -> None:
        self._may_make.clear()

    def make(self) -> None:
        self._may_make.set()

    def turns(self) -> str:
        return f"{self._poll.turns} {Listener.accepts}"

    def fill(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._taken.append(os.dup(0))

    def rob(self) -> None:
        assert self.server._spare is not None
        self._taken.append(os.dup2(0, self.server._spare.detach()))
        self.server._spare = None

    def free(self) -> None:
        while self._taken:
            os.close(self._taken.pop())


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=10)
    parser.add_argument("--limit", type=float, default=web.LIMIT)
    parser.add_argument("--descriptors", type=int, default=1024)
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (arguments.descriptors, arguments.descriptors))
    logging.basicConfig(level=logging.DEBUG, format="%(message)s")
    web.LIMIT = arguments.limit
    served = Served(arguments.size)
    threading.Thread(target=served.server.serve, daemon=True).start()
    for line in sys.stdin:
        print(getattr(served, line.strip())(), flush=True)


if __name__ == "__main__":
    main()
