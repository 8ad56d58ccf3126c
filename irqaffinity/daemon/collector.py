# SPDX-License-Identifier: Apache-2.0
"""The metrics that the agent and the relay share: of the program, its configuration and its connections."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from irqaffinity.daemon.reload import LastReload
from irqaffinity.listen.link import Link

Rows = Iterable[tuple[Sequence[str], float]]
"""The values of the labels, in the order of the labels, and the value of the metric."""


def counter(name: str, text: str, labels: Sequence[str], rows: Rows) -> Metric:
    """Return a counter with labels; the library adds `_total` to its name."""
    family = CounterMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def gauge(name: str, text: str, labels: Sequence[str], rows: Rows) -> Metric:
    """Return a gauge with labels."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


class ProgramCollector(Collector):
    """Makes metrics of the program's version, configuration and connections each time Prometheus asks."""

    def __init__(
        self, reload: LastReload, links: Callable[[], Mapping[str, Link]], optional: Collection[str] = ()
    ) -> None:
        """Take the parts to ask; `optional` names connections that the program uses if it can, but does not need."""
        self._reload = reload
        self._links = links
        self._optional = optional
        self._version = version("irqaffinity")

    def collect(self) -> Iterator[Metric]:
        """Give all metrics."""
        yield gauge(
            "irqaffinity_build_info",
            "The version of irqaffinity that runs, as a label; the value is always 1.",
            ["version"],
            [([self._version], 1)],
        )
        yield GaugeMetricFamily(
            "irqaffinity_config_last_reload_successful",
            "1 if the program accepted the configuration when it last read it, at the start or after SIGHUP. 0 if it "
            "has a mistake: then the one before is still in use, and the next start will fail. Worry at 0; the log "
            "names the mistake.",
            value=float(self._reload.error is None),
        )
        yield GaugeMetricFamily(
            "irqaffinity_config_last_reload_success_timestamp_seconds",
            "When the program read the configuration that is in use, in seconds since 1970.",
            value=self._reload.time.timestamp(),
        )
        yield from self._connections()

    def _connections(self) -> Iterator[Metric]:
        links = self._links()
        states = {name: link.state for name, link in links.items() if name not in self._optional}
        yield gauge(
            "irqaffinity_connected",
            "1 while the program is connected to this peer, else 0. Only peers that are configured and needed have a "
            "value. Worry when one stays at 0 for minutes.",
            ["peer"],
            [([name], float(state.is_up)) for name, state in states.items() if state.is_needed],
        )
        yield counter(
            "irqaffinity_connection_losses",
            "How often the connection to this peer broke. Once now and then is a restart of the peer. Worry when it "
            "rises again and again.",
            ["peer"],
            [([name], link.losses) for name, link in links.items()],
        )
