# SPDX-License-Identifier: Apache-2.0
"""Where metrics are served, of the agent and of the relay."""

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
"""Connections that the kernel keeps until they are accepted, which takes each no longer than a moment."""


def metrics_page(*collectors: Collector) -> Page:
    """Return the page that Prometheus reads, for the path METRICS; it has the metrics of the process too."""
    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    ProcessCollector(registry=registry)
    return Page(_TYPE, lambda: generate_latest(registry).decode())


def serve_metrics(
    bind: str, port: int, pages: Mapping[str, Page], checks: Checks, links: dict[str, Link], threads: Threads
) -> None:
    """Serve pages in a thread of their own from now on; `links` gets the state of the listener."""
    listener = MetricsListener(bind, port, pages, checks)
    links["metrics"] = listener.link
    threads.start("metrics", listener.run)


class MetricsListener:
    """Serves the metrics and other pages whenever the address can be had. `run` is the life of a thread.

    Nothing else waits for that thread.

    The log names once a port that another program has, a name that does not resolve and a name server that does not
    answer; each is tried again, for the work does not need metrics.
    """

    def __init__(self, bind: str, port: int, pages: Mapping[str, Page], checks: Checks) -> None:
        """Take the address to listen on, the pages by path, and what answers 200 or 503, by path."""
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
        """Return a socket that listens; raise OSError, also where a name leads nowhere."""
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
