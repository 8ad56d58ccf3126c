# SPDX-License-Identifier: Apache-2.0
"""The metrics of the relay. Each label has a closed list of values, and each of these has its value from the start."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from irqaffinity.daemon.collector import counter
from irqaffinity.relay.counters import Counters


class RelayCollector(Collector):
    """Turns the relay's counts into metrics each time Prometheus asks."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def collect(self) -> Iterator[Metric]:
        """Give all metrics."""
        counters = self._counters
        yield counter(
            "irqaffinity_relay_messages",
            "Messages from Nova's queue: relayed; ignored, no node needs it; no_host, the relay does not know its "
            "node; malformed, not a notification; unread, too large, compressed or too many at once; refused, the "
            "broker did not take a copy. Worry when the last three rise.",
            ["outcome"],
            [([fate.value], count) for fate, count in counters.messages.items()],
        )
        yield counter(
            "irqaffinity_relay_copies",
            "Copies that were published, one for each node: confirmed by the broker, or refused. Worry when refused "
            "rises: those nodes did not get the message.",
            ["result"],
            [(["confirmed"], counters.confirmed), (["refused"], counters.refused)],
        )
        yield from self._gauges()

    def _gauges(self) -> Iterator[Metric]:
        counters = self._counters
        yield GaugeMetricFamily(
            "irqaffinity_relay_active",
            "1 once this relay gets the messages, 0 while it stands by. Worry when no relay has 1 although messages "
            "wait.",
            value=float(counters.is_active),
        )
        yield GaugeMetricFamily(
            "irqaffinity_relay_blocked",
            "1 while the broker takes no message, because it lacks memory or disk. Worry at 1, and look at the broker.",
            value=float(counters.blocked is not None),
        )
        yield GaugeMetricFamily(
            "irqaffinity_relay_unconfirmed_copies",
            "Copies that the broker has not confirmed yet. Worry when it stays high: the broker is slow.",
            value=counters.unconfirmed,
        )
        yield GaugeMetricFamily(
            "irqaffinity_relay_queue_messages",
            "Messages in the queue of the relays that no relay has got yet; no value while the relay cannot ask. Worry "
            "when it grows.",
            value=counters.waiting,
        )
