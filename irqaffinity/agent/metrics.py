# SPDX-License-Identifier: Apache-2.0
"""The metrics of the agent. Labels come from closed lists."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from irqaffinity.agent.counters import Counters, Histogram
from irqaffinity.agent.view import View
from irqaffinity.listen.link import Link
from irqaffinity.model.verdict import Verdict


class AgentCollector(Collector):
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
            "irqaffinity_births_throttled",
            "New interrupts that waited for others of their guest, because it made too many.",
            value=self._counters.throttled,
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
        states = {name: link.state for name, link in self._links().items()}
        for name, state in states.items():
            if state.is_needed:
                links.add_metric([name], float(state.is_up))
        yield from (verdicts, links)
        yield GaugeMetricFamily(
            "irqaffinity_notifications_wanted",
            "1 while Nova's notifications are listened to or tried for, 0 where no guest needs them or they are off.",
            value=float("broker" in states and states["broker"].is_needed),
        )
        yield GaugeMetricFamily("irqaffinity_guests", "Active guests.", value=summary["guests"])
        last = self._view.last_audit
        yield GaugeMetricFamily(
            "irqaffinity_last_complete_audit_timestamp_seconds",
            "Start of the last full pass that was made to its end, in Unix time; 0 before the first.",
            value=0.0 if last is None else last.timestamp(),
        )


def _histogram(name: str, text: str, histogram: Histogram) -> HistogramMetricFamily:
    return HistogramMetricFamily(name, text, buckets=histogram.cumulative(), sum_value=histogram.total)
