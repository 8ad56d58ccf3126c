# SPDX-License-Identifier: Apache-2.0
"""The metrics of the relay. Labels come from closed lists."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from irqaffinity.listen.link import Link
from irqaffinity.relay.counters import Counters


class RelayCollector(Collector):
    """Turns what the relay counts into metrics, whenever it is asked."""

    def __init__(self, counters: Counters, links: Callable[[], Mapping[str, Link]]) -> None:
        self._counters = counters
        self._links = links

    def collect(self) -> Iterator[Metric]:
        """Give all metrics."""
        messages = CounterMetricFamily("irqaffinity_relay_messages", "Messages by outcome.", labels=["outcome"])
        for fate, count in self._counters.messages.items():
            messages.add_metric([fate.value], count)
        copies = CounterMetricFamily("irqaffinity_relay_copies", "Copies for hosts by result.", labels=["result"])
        copies.add_metric(["confirmed"], self._counters.confirmed)
        copies.add_metric(["refused"], self._counters.refused)
        losses = CounterMetricFamily("irqaffinity_connection_losses", "Connections that broke.", labels=["peer"])
        connected = GaugeMetricFamily("irqaffinity_connected", "1 while a connection stands.", labels=["peer"])
        for name, link in self._links().items():
            losses.add_metric([name], link.losses)
            connected.add_metric([name], float(link.state.is_up))
        yield from (messages, copies, losses, connected)
        yield from self._gauges()

    def _gauges(self) -> Iterator[Metric]:
        counters = self._counters
        yield GaugeMetricFamily(
            "irqaffinity_relay_active",
            "1 once this relay gets the messages, 0 while it stands by.",
            value=float(counters.is_active),
        )
        yield GaugeMetricFamily(
            "irqaffinity_relay_blocked",
            "1 while the broker takes no message, for want of memory or disk.",
            value=float(counters.blocked is not None),
        )
        yield GaugeMetricFamily(
            "irqaffinity_relay_unconfirmed_copies",
            "Copies that the broker has not confirmed yet.",
            value=counters.unconfirmed,
        )
        yield GaugeMetricFamily(
            "irqaffinity_relay_queue_messages",
            "Messages in the queue of the relays, which none of them has got yet.",
            value=counters.waiting,  # no sample where nobody knows
        )
