# SPDX-License-Identifier: Apache-2.0
"""Serves the metrics of the agent and of the relay."""

import socket
import time
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

from irqaffinity.daemon.page import Page
from irqaffinity.daemon.threads import Threads
from irqaffinity.daemon.web import METRICS, Checks, Server
from irqaffinity.listen.link import Link
from irqaffinity.listen.retry import Retry

_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BACKLOG = 1024
"""Connections that the kernel keeps until the server accepts them, which it does within a moment."""


def metrics_page(*collectors: Collector) -> Page:
    """Return the page for the path METRICS, which Prometheus reads; it has the metrics of the process too."""
    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    ProcessCollector(registry=registry)
    return Page(_TYPE, lambda: generate_latest(registry).decode())


def serve_metrics(
    bind: str, port: int, pages: Mapping[str, Page], checks: Checks, links: dict[str, Link], threads: Threads
) -> None:
    """Start a thread that serves the pages; `links` gets the state of its listener."""
    listener = MetricsListener(bind, port, pages, checks)
    links["metrics"] = listener.link
    threads.start("metrics", listener.run)


class MetricsListener:
    """Serves the metrics and other pages whenever it can listen on the address. A thread calls `run`.

    No other thread waits for this one. Where another program has the port, the name does not resolve or the name server
    does not answer, it logs that once and tries again: the agent works without metrics.
    """

    def __init__(self, bind: str, port: int, pages: Mapping[str, Page], checks: Checks) -> None:
        """Take the address to listen on, and by path the pages and the checks that answer 200 or 503."""
        host = f"[{bind}]" if ":" in bind else bind
        self.link = Link("metrics", f"http://{host}:{port}{METRICS}", verb="served at")
        self.retry = Retry()
        self._bind = bind
        self._port = port
        self._pages = pages
        self._checks = checks

    def run(self) -> None:
        """Serve without end."""
        while True:
            try:
                with self._listen() as opened, Server(opened, self._pages, self._checks) as server:
                    self.link.up(self.link.state.peer)
                    self.retry.worked()
                    server.serve()
            except Exception as error:  # noqa: BLE001  the top of a thread, and metrics may never end the process
                trouble = f"not served at {self.link.state.peer} ({error})"
                self.link.down(f"{trouble}; mend [metrics] bind and port, or stop what has them")
            time.sleep(self.retry.failed())  # a daemon thread may sleep: nobody waits for its end

    def _listen(self) -> socket.socket:
        """Return a socket that listens; raise OSError, also where a name does not resolve."""
        found = socket.getaddrinfo(self._bind, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _type, _protocol, _name, address = found[0]
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(address)
            opened.listen(_BACKLOG)
        except OSError:
            opened.close()
            raise
        return opened
