# SPDX-License-Identifier: Apache-2.0
"""What the metrics of the relay say."""

from irqaffinity.daemon.collector import ProgramCollector
from irqaffinity.daemon.reload import LastReload
from irqaffinity.listen.link import Link
from irqaffinity.relay.counters import Counters
from irqaffinity.relay.metrics import RelayCollector
from irqaffinity.relay.route import Fate
from tests.unit.daemon.scrape import scrape

GAUGES = ("active", "blocked", "unconfirmed_copies", "queue_messages")


def test_what_is_counted_and_how_it_is() -> None:
    counters = Counters()
    collector = RelayCollector(counters)
    found = scrape(collector)
    assert {fate: found.value("relay_messages_total", outcome=fate.value) for fate in Fate} == dict.fromkeys(Fate, 0)
    assert [found.value("relay_copies_total", result=result) for result in ("confirmed", "refused")] == [0, 0]
    assert [found.value(f"relay_{name}") for name in GAUGES] == [0, 0, 0, None]
    counters.messages[Fate.RELAYED], counters.confirmed, counters.refused = 3, 5, 1
    counters.is_active, counters.blocked, counters.unconfirmed, counters.waiting = True, "low on memory", 4, 7
    found = scrape(collector)
    assert found.value("relay_messages_total", outcome="relayed") == 3
    assert [found.value("relay_copies_total", result=result) for result in ("confirmed", "refused")] == [5, 1]
    assert [found.value(f"relay_{name}") for name in GAUGES] == [1, 1, 4, 7]


def test_promtool_has_nothing_to_say() -> None:
    links = {"broker": Link("broker", "amqp://b")}
    scrape(RelayCollector(Counters()), ProgramCollector(LastReload(), lambda: links)).check()
