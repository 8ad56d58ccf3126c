# SPDX-License-Identifier: Apache-2.0
"""The metrics of pools of PCI devices, where `[pci] device_spec` is set; made at most once a minute, when asked for."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from irqaffinity.daemon.collector import gauge
from irqaffinity.grammar.device_spec import DeviceSpec
from irqaffinity.model.sriov import Pool
from irqaffinity.model.text import clean
from irqaffinity.observe.guests import Seen
from irqaffinity.observe.root import HostRoot, HostUnreadable

LOG = logging.getLogger(__name__)

FRESH = 60.0
"""Seconds for which what was counted stands."""

MOST = 256
"""As many combinations of labels have values; each has three."""

_NONE = "none"
_LABELS = ("physical_network", "vendor", "product", "numa_node", "dev_type")
_TEXT = (
    "PCI devices that [pci] device_spec names, in pools as Nova counts them: total; used, by a guest that runs, by a "
    "program or by the host; and free. none stands for devices without a physical network or node. What a stopped "
    "guest has reserved counts as free here; irqaffinity sriov pools knows it. There is no value without device_spec. "
    "Worry when free comes near 0 where guests should still fit."
)

_Counts = dict[tuple[str, ...], tuple[int, int]]


class PoolCollector(Collector):
    """Counts the pools when Prometheus asks, from the guests that the last pass has seen."""

    def __init__(
        self,
        root: HostRoot,
        specs: Callable[[], Sequence[DeviceSpec]],
        guests: Callable[[], Seen | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the parts to ask; `guests` gives None while libvirt has not told them yet."""
        self._root = root
        self._specs = specs
        self._guests = guests
        self._clock = clock
        self._counted: _Counts = {}
        self._basis: Sequence[DeviceSpec] = ()
        self._due = 0.0
        self._told: set[str] = set()

    def collect(self) -> Iterator[Metric]:
        """Give the metric; it has no value where nothing can be told."""
        specs, guests, now = self._specs(), self._guests(), self._clock()
        if not specs or guests is None:
            self._counted, self._due = {}, now
        elif now >= self._due or specs is not self._basis:
            self._counted, self._basis, self._due = self._count(specs, guests), specs, now + FRESH
        rows = [
            ([*labels, state], value)
            for labels, (total, used) in self._counted.items()
            for state, value in (("total", total), ("used", used), ("free", total - used))
        ]
        yield gauge("irqaffinity_sriov_pool_functions", _TEXT, [*_LABELS, "state"], rows)

    def _count(self, specs: Sequence[DeviceSpec], guests: Seen) -> _Counts:
        from irqaffinity.sriov.pool_glance import glance_at_pools  # noqa: PLC0415  few agents count pools

        try:
            pools = glance_at_pools(self._root, guests, specs)
        except (HostUnreadable, OSError) as error:
            self._tell(f"pools are not counted: {error}")
            return {}
        totals, used = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
        for pool in pools:
            totals[_labels(pool)] += pool.total
            used[_labels(pool)] += pool.used
        if len(totals) > MOST:
            self._tell(f"only the first {MOST} of {len(totals)} pools have metrics: irqaffinity sriov pools shows all")
        return {labels: (totals[labels], used[labels]) for labels in list(totals)[:MOST]}

    def _tell(self, text: str) -> None:
        """Log a line once."""
        if text not in self._told and len(self._told) < MOST:
            self._told.add(text)
            LOG.warning("%s", text)


def _labels(pool: Pool) -> tuple[str, ...]:
    node = _NONE if pool.numa_node is None else str(pool.numa_node)
    return clean(pool.physical_network or _NONE), pool.vendor, pool.product, node, pool.dev_type
