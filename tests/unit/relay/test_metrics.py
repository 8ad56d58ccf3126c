# SPDX-License-Identifier: Apache-2.0
"""What the metrics of the relay say."""

from prometheus_client import CollectorRegistry

from irqaffinity.relay.counters import Counters
from irqaffinity.relay.metrics import RelayCollector
from irqaffinity.relay.route import Fate


def test_what_is_counted_and_how_it_is() -> None:
    counters = Counters()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RelayCollector(counters))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"irqaffinity_{name}", labels)

    assert {fate: value("relay_messages_total", outcome=fate.value) for fate in Fate} == dict.fromkeys(Fate, 0)
    assert value("relay_queue_messages") is None
    assert [value(f"relay_{name}") for name in ("active", "blocked", "unconfirmed_copies")] == [0, 0, 0]
    counters.messages[Fate.RELAYED], counters.confirmed, counters.refused = 3, 5, 1
    counters.is_active, counters.blocked, counters.unconfirmed, counters.waiting = True, "low on memory", 4, 7
    assert value("relay_messages_total", outcome="relayed") == 3
    assert [value("relay_copies_total", result=result) for result in ("confirmed", "refused")] == [5, 1]
    names = ("active", "blocked", "unconfirmed_copies", "queue_messages")
    assert [value(f"relay_{name}") for name in names] == [1, 1, 4, 7]
