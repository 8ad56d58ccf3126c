# SPDX-License-Identifier: Apache-2.0
"""Serves Prometheus, and whoever asks whether the agent lives and works. Labels come from closed lists."""

import http.server
import logging
import socket
import socketserver
import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from irqaffinity.agent.counters import Counters, Histogram
from irqaffinity.agent.view import View
from irqaffinity.listen.link import Link
from irqaffinity.listen.retry import delays
from irqaffinity.model.verdict import Verdict

LOG = logging.getLogger(__name__)

Checks = Mapping[str, Callable[[], bool]]
"""What answers 200 or 503, by path."""

_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class AgentCollector:
    """Turns what the agent counts into metrics, whenever it is asked."""

    def __init__(self, counters: Counters, view: View, links: Callable[[], Mapping[str, Link]]) -> None:
        self._counters = counters
        self._view = view
        self._links = links

    def collect(self) -> Iterator[Metric]:
        """Give all metrics."""
        yield from self._counts()
        yield from self._gauges()
        yield _histogram("irqaffinity_pass_seconds", "Duration of a pass.", self._counters.pass_seconds)
        yield _histogram(
            "irqaffinity_wake_to_placed_seconds",
            "From the wake-up of a guest to the end of the pass that moved its interrupts.",
            self._counters.wake_seconds,
        )

    def _counts(self) -> Iterator[Metric]:
        passes = CounterMetricFamily("irqaffinity_passes", "Passes by kind and result.", labels=["kind", "result"])
        for labels, count in list(self._counters.passes.items()):
            passes.add_metric(labels, count)
        writes = CounterMetricFamily("irqaffinity_writes", "Accepted writes by what followed.", labels=["result"])
        for result, count in list(self._counters.writes.items()):
            writes.add_metric([result], count)
        messages = CounterMetricFamily(
            "irqaffinity_notifications", "Messages by event and outcome.", labels=["event", "outcome"]
        )
        with self._counters.lock:
            for labels, count in self._counters.notifications.items():
                messages.add_metric(labels, count)
        losses = CounterMetricFamily("irqaffinity_connection_losses", "Connections that broke.", labels=["peer"])
        for name, link in self._links().items():
            losses.add_metric([name], link.losses)
        yield from (passes, writes, messages, losses)
        yield CounterMetricFamily(
            "irqaffinity_clock_ahead",
            "Messages with extra specs from a clock more than five minutes ahead of this host's.",
            value=self._counters.clocks.count,
        )
        yield CounterMetricFamily(
            "irqaffinity_drift_repaired", "Interrupts put back after drift.", value=self._counters.drifts
        )

    def _gauges(self) -> Iterator[Metric]:
        summary = self._view.outcome.summary()
        verdicts = GaugeMetricFamily("irqaffinity_interrupts", "Interrupts by verdict.", labels=["verdict"])
        counts = {verdict.value: 0 for verdict in Verdict if verdict is not Verdict.WOULD_SET}
        for result in self._view.outcome.results:
            counts[result.verdict.value] += 1
        for verdict, count in counts.items():
            verdicts.add_metric([verdict], count)
        links = GaugeMetricFamily("irqaffinity_connected", "1 while a connection stands.", labels=["peer"])
        for name, link in self._links().items():
            links.add_metric([name], float(link.state.is_up))
        yield from (verdicts, links)
        yield GaugeMetricFamily("irqaffinity_guests", "Active guests.", value=summary["guests"])
        last = self._view.last_audit
        yield GaugeMetricFamily(
            "irqaffinity_last_complete_audit_timestamp_seconds",
            "Start of the last full pass that was made to its end, in Unix time; 0 before the first.",
            value=0.0 if last is None else last.timestamp(),
        )


class MetricsListener:
    """Serves metrics whenever the address can be had. `run` is the life of a thread, and nothing else waits for it.

    The log names once a port that another program has, a name that does not resolve and a name server that does not
    answer; each is tried again, for placement does not need metrics.
    """

    def __init__(self, bind: str, port: int, collector: AgentCollector, checks: Checks) -> None:
        """Take the address to listen on, and what answers 200 or 503, by path."""
        host = f"[{bind}]" if ":" in bind else bind
        self.link = Link("metrics", f"http://{host}:{port}/metrics", verb="served at")
        self._bind = bind
        self._port = port
        self._collector = collector
        self._checks = checks

    def run(self) -> None:
        """Serve without end."""
        waits = delays()
        while True:
            try:
                family, address = self._resolve()
                with MetricsServer(family, address, self._collector, self._checks) as server:
                    self.link.up(self.link.state.peer)
                    waits = delays()
                    server.serve_forever()
            except Exception as error:  # noqa: BLE001  the top of a thread, and metrics may never end the agent
                trouble = f"not served at {self.link.state.peer} ({error})"
                self.link.down(f"{trouble}; mend [metrics] bind and port, or stop what has them")
            time.sleep(next(waits))  # a daemon thread may sleep: nobody waits for its end

    def _resolve(self) -> tuple[socket.AddressFamily, tuple[object, ...]]:
        """Return family and address to bind; raise OSError, also where a name leads nowhere."""
        found = socket.getaddrinfo(self._bind, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _type, _protocol, _name, address = found[0]
        return family, address


class MetricsServer(http.server.ThreadingHTTPServer):
    """Answers GET of /metrics, /healthz and /readyz."""

    daemon_threads = True

    def __init__(
        self, family: socket.AddressFamily, address: tuple[object, ...], collector: AgentCollector, checks: Checks
    ) -> None:
        """Listen on an address; raise OSError. `checks` are what answers 200 or 503, by path."""
        self.address_family = family
        registry = CollectorRegistry(auto_describe=False)
        registry.register(collector)
        self._registry = registry
        self._checks = checks
        super().__init__(address, _Handler)  # type: ignore[arg-type]

    def server_bind(self) -> None:
        """Bind without what http.server adds: it asks a name server for a name that nobody reads."""
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, _request: object, client_address: object) -> None:
        """Tell at DEBUG what http.server prints with a traceback: a client that left is no news."""
        LOG.debug("metrics: %s got no answer", client_address, exc_info=True)

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Return status, content type and body for a path."""
        path = path.partition("?")[0]
        if path == "/metrics":
            return 200, _TYPE, generate_latest(self._registry)
        if path in self._checks:
            good = self._checks[path]()
            return (200, "text/plain", b"ok\n") if good else (503, "text/plain", b"not ok; see irqaffinity status\n")
        return 404, "text/plain", b"/metrics, /healthz or /readyz\n"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: MetricsServer
    server_version = "irqaffinity"
    sys_version = ""
    timeout = 10

    def do_GET(self) -> None:
        status, kind, body = self.server.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Log nothing: a probe every few seconds is no news."""


def _histogram(name: str, text: str, histogram: Histogram) -> HistogramMetricFamily:
    return HistogramMetricFamily(name, text, buckets=histogram.cumulative(), sum_value=histogram.total)
