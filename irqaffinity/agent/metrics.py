# SPDX-License-Identifier: Apache-2.0
"""The metrics of the agent. Each label has a closed list of values, and each of these is there from the start."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from irqaffinity.agent.counters import (
    AWAY,
    BIRTH,
    BROKEN,
    DONE,
    FULL,
    GUEST,
    OUTSIDE,
    TARGET,
    Counters,
    Histogram,
    is_movable,
)
from irqaffinity.agent.listening import BROKER
from irqaffinity.agent.metric_texts import HELP
from irqaffinity.agent.view import View
from irqaffinity.daemon.collector import Rows, counter, gauge
from irqaffinity.listen.events import EVENTS, OTHER, asks_for_a_look
from irqaffinity.listen.link import Link
from irqaffinity.listen.payload import Outcome
from irqaffinity.model.declared import Made
from irqaffinity.model.host import MsiSource
from irqaffinity.model.isolation import Isolated
from irqaffinity.model.verdict import FAILED, DeviceReason, Status, Term, Verdict
from irqaffinity.observe.rivals import ADVICE
from irqaffinity.plan.policy import IsolationMode
from irqaffinity.state.tolerant import TolerantStore

NO_REASON = "none"
"""The reason of a device that has none; the node of CPUs that have none."""

_PASSES = [(kind, result) for kind in (FULL, GUEST, BIRTH) for result in (DONE, AWAY, BROKEN)]
_VERDICTS = [verdict for verdict in Verdict if verdict is not Verdict.WOULD_SET]
_MODES = tuple(IsolationMode)
_WRITTEN = (Made.SET, Made.UNSUPPORTED, Made.FAILED)
_MOVABLE = {True: "true", False: "false"}
_MESSAGES = [
    (event, outcome.value)
    for event in sorted(EVENTS)
    for outcome in (Outcome.WOKE, Outcome.FOREIGN, Outcome.IGNORED)
    if outcome is not Outcome.WOKE or asks_for_a_look(event, "end")
] + [(OTHER, outcome.value) for outcome in Outcome]
"""All pairs of an event and the outcome of a message with it."""


class AgentCollector(Collector):
    """Turns the agent's counts into metrics each time Prometheus asks."""

    def __init__(
        self,
        counters: Counters,
        view: View,
        store: TolerantStore,
        links: Callable[[], Mapping[str, Link]],
        interval: Callable[[], float],
        lost: Callable[[], Mapping[str, int]],
    ) -> None:
        """Take the parts to ask; `interval` returns the seconds between audits, `lost` the lost events by source."""
        self._counters = counters
        self._view = view
        self._store = store
        self._links = links
        self._interval = interval
        self._lost = lost

    def collect(self) -> Iterator[Metric]:
        """Give all metrics."""
        yield from self._placement()
        yield from self._passes()
        yield from self._writes()
        yield from self._births()
        yield from self._isolation()
        yield from self._functions()
        yield from self._holds()
        yield from self._surroundings()
        yield from self._messages()

    def _placement(self) -> Iterator[Metric]:
        outcome = self._view.outcome
        guests: Counter[Term] = Counter(guest.status for guest in outcome.guests)
        devices = Counter(device.reason for device in outcome.devices if device.guest is not None)
        verdicts: Counter[Term] = Counter(result.verdict for result in outcome.results)
        reasons = [([reason.value], devices[reason]) for reason in DeviceReason]
        yield _gauge("guests", ["status"], [([status.value], guests[status]) for status in Status])
        yield _gauge("devices", ["reason"], [([NO_REASON], devices[None]), *reasons])
        yield _gauge("interrupts", ["verdict"], [([verdict.value], verdicts[verdict]) for verdict in _VERDICTS])
        arrivals = self._counters.arrivals
        yield _counter("arrivals", ["place"], [([place], arrivals[place]) for place in (TARGET, OUTSIDE)])

    def _passes(self) -> Iterator[Metric]:
        passes, looks = self._counters.passes, self._counters.looks
        yield _counter("passes", ["kind", "result"], [(labels, passes[labels]) for labels in _PASSES])
        yield _counter("looks", ["result"], [([result], looks[result]) for result in (DONE, BROKEN)])
        yield _histogram(
            "pass_seconds", ["kind"], {(kind,): each for kind, each in self._counters.pass_seconds.items()}
        )
        last = self._view.last_audit
        yield _gauge("last_complete_audit_timestamp_seconds", value=0.0 if last is None else last.timestamp())
        yield _gauge("audit_interval_seconds", value=self._interval())

    def _writes(self) -> Iterator[Metric]:
        writes, failures = self._counters.writes, self._counters.failures
        accepted = [verdict.value for verdict in (Verdict.SET, Verdict.PENDING)]
        failed = [verdict.value for verdict in Verdict if verdict in FAILED]
        yield _counter("writes", ["result"], [([verdict], writes[verdict]) for verdict in accepted])
        yield _counter("write_failures", ["verdict"], [([verdict], failures[verdict]) for verdict in failed])
        yield _counter("drift_repaired", value=self._counters.drifts)
        yield _counter("fights", value=self._counters.fights)

    def _births(self) -> Iterator[Metric]:
        vectors = self._links().get("vectors")
        source = MsiSource.TRACE if vectors is not None and vectors.state.is_up else MsiSource.POLL
        yield _histogram("wake_to_placed_seconds", [], {(): self._counters.wake_seconds})
        yield _counter("births_throttled", value=self._counters.throttled)
        yield _gauge("vector_source", ["source"], [([each.value], float(each is source)) for each in MsiSource])
        yield _counter("events_lost", ["source"], [([lossy], lost) for lossy, lost in self._lost().items()])

    def _isolation(self) -> Iterator[Metric]:
        found = self._view.isolated or Isolated("")
        intruders = Counter(is_movable(intruder, found) for intruder in found.intruders)
        verdicts: Counter[Term] = Counter(result.verdict for result in found.results)
        arrivals, balancer = self._counters.intruders, self._view.balancer
        yield _gauge("isolation_mode", ["mode"], [([each.value], float(each.value == found.mode)) for each in _MODES])
        yield _gauge("isolation_held_up", value=float(found.trouble is not None))
        yield _gauge("kept_cpus", value=len(found.kept.cpus))
        yield _gauge("housekeeping_cpus", value=len(found.housekeeping))
        yield _gauge("intruders", ["movable"], [([word], intruders[kind]) for kind, word in _MOVABLE.items()])
        yield _counter("intruder_arrivals", ["movable"], [([word], arrivals[kind]) for kind, word in _MOVABLE.items()])
        yield _gauge("host_interrupts", ["verdict"], [([verdict.value], verdicts[verdict]) for verdict in _VERDICTS])
        free = [([NO_REASON if each.node is None else str(each.node)], each.free) for each in found.headroom]
        yield _gauge("vectors_free", ["node"], free)
        yield _gauge("irqbalance_told", rows=[] if balancer is None else [((), float(balancer.told))])

    def _functions(self) -> Iterator[Metric]:
        standing, writes = self._view.standing, self._counters.sriov
        yield _gauge("sriov_drifts", value=0.0 if standing is None else float(standing.drifts))
        yield _counter("sriov_writes", ["result"], [([made.value], writes[made.value]) for made in _WRITTEN])

    def _holds(self) -> Iterator[Metric]:
        outcome, host = self._view.outcome, self._view.isolated
        results = (*outcome.results, *(() if host is None else host.results))
        yield _gauge("holds", value=len(outcome.holds))
        yield _gauge("deferred", value=sum(result.verdict is Verdict.HELD for result in results))
        holds = outcome.holds
        oldest, next_end = (min((getattr(hold, name) for hold in holds), default=None) for name in ("since", "until"))
        yield _gauge("oldest_hold_timestamp_seconds", rows=[((), oldest.timestamp())] if oldest else [])
        yield _gauge("next_hold_end_timestamp_seconds", rows=[((), next_end.timestamp())] if next_end else [])

    def _surroundings(self) -> Iterator[Metric]:
        rivals = self._view.rivals
        yield _gauge("rival", ["name"], [([name], float(name in rivals)) for name in sorted(ADVICE)])
        yield _gauge("state_saved", value=float(self._store.unsaved is None))

    def _messages(self) -> Iterator[Metric]:
        broker, counts = self._links().get(BROKER), self._counters.notifications
        messages = [] if broker is None else _MESSAGES
        yield _gauge("notifications_wanted", value=float(broker is not None and broker.state.is_needed))
        yield _counter("notifications", ["event", "outcome"], [(labels, counts[labels]) for labels in messages])
        yield _counter("clock_ahead", value=self._counters.clocks.count)


def _counter(name: str, labels: Sequence[str] = (), rows: Rows = (), value: float | None = None) -> Metric:
    return counter(f"irqaffinity_{name}", HELP[name], labels, rows if value is None else [((), value)])


def _gauge(name: str, labels: Sequence[str] = (), rows: Rows = (), value: float | None = None) -> Metric:
    return gauge(f"irqaffinity_{name}", HELP[name], labels, rows if value is None else [((), value)])


def _histogram(name: str, labels: Sequence[str], histograms: Mapping[tuple[str, ...], Histogram]) -> Metric:
    family = HistogramMetricFamily(f"irqaffinity_{name}", HELP[name], labels=labels)
    for values, histogram in histograms.items():
        family.add_metric(values, buckets=histogram.cumulative(), sum_value=histogram.total)
    return family
