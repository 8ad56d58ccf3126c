# SPDX-License-Identifier: Apache-2.0
"""The metrics of pools: their labels, how often they are made, and how many there can be."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from irqaffinity.agent import pools
from irqaffinity.agent.pools import FRESH, PoolCollector
from irqaffinity.grammar.device_spec import DeviceSpec, parse_device_spec
from irqaffinity.observe.guests import Seen
from tests.fakes.host import FakeHost, overhear
from tests.fakes.tree import sriov_host
from tests.unit.daemon.scrape import Scrape, scrape

NAME = "sriov_pool_functions"


class Rig:
    """A collector, and what it is made of."""

    def __init__(self, host: FakeHost) -> None:
        sriov_host(host)
        self.host = host
        self.specs: Sequence[DeviceSpec] = parse_device_spec(
            '[{"address": "0000:41:00.0", "physical_network": "sriov-a", "trusted": "true"}, {"address": "*:81:*.*"}]'
        )
        self.guests: Seen | None = {}
        self.now = 1000.0
        self.collector = PoolCollector(host.root, lambda: self.specs, lambda: self.guests, lambda: self.now)

    def scrape(self) -> Scrape:
        return scrape(self.collector)

    def value(self, state: str, **labels: str) -> float | None:
        usual = {"vendor": "8086", "product": "1889", "numa_node": "0", "dev_type": "type-VF"}
        return self.scrape().value(NAME, **({"physical_network": "sriov-a"} | usual | labels | {"state": state}))

    def reads(self) -> int:
        """Return how many calls of the kernel a scrape makes."""
        calls = overhear(self.host)
        self.scrape()
        return len(calls)


@pytest.fixture
def rig(host: FakeHost) -> Rig:
    return Rig(host)


def test_each_pool_has_its_counts(rig: Rig) -> None:
    assert [rig.value(state) for state in ("total", "used", "free")] == [4, 2, 2]
    nvme = {"physical_network": "none", "product": "a824", "numa_node": "1"}
    assert [rig.value(state, **nvme) for state in ("total", "used", "free")] == [2, 0, 2]


def test_pools_that_differ_in_other_tags_are_one(rig: Rig) -> None:
    first = '{"address": "0000:41:02.2", "physical_network": "sriov-a"}'
    rig.specs = (*parse_device_spec(first), *rig.specs)
    assert [rig.value(state) for state in ("total", "used", "free")] == [4, 2, 2]


def test_without_a_device_spec_or_before_libvirt_has_answered_there_is_no_value(rig: Rig) -> None:
    specs, rig.specs = rig.specs, ()
    assert (rig.reads(), rig.value("total")) == (0, None)
    rig.specs, rig.guests = specs, None
    assert (rig.reads(), rig.value("total")) == (0, None)
    rig.guests = {}
    assert rig.value("total") == 4


def test_it_is_counted_once_a_minute_and_when_the_specs_change(rig: Rig) -> None:
    assert rig.reads() > 0
    rig.now += FRESH - 1
    assert rig.reads() == 0
    rig.specs = list(rig.specs)
    assert rig.reads() > 0
    rig.now += FRESH
    assert rig.reads() > 0


def test_a_host_that_cannot_be_read_has_no_value_and_says_so_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    (rig.host.sys / "bus/pci/devices").rename(rig.host.sys / "bus/pci/elsewhere")
    (rig.host.sys / "bus/pci/devices").write_text("")
    for _ in range(2):
        assert rig.value("total") is None
        rig.now += FRESH
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("pools are not counted: ")


def test_more_pools_than_a_server_should_keep_are_left_out_and_told_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pools, "MOST", 3)
    for _ in range(2):
        (family,) = rig.collector.collect()
        assert len({tuple(sample.labels.items())[:5] for sample in family.samples}) == 3
        rig.now += FRESH
    told = "only the first 3 of 4 pools have metrics: irqaffinity sriov pools shows all"
    assert caplog.messages == [told]


def test_the_metric_is_as_prometheus_wants_it_and_stands_in_the_guide(rig: Rig) -> None:
    rig.scrape().check()
    guide = (Path(__file__).parents[3] / "doc/agent.rst").read_text()
    assert f"``irqaffinity_{NAME}{{" in guide
