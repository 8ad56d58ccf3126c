# SPDX-License-Identifier: Apache-2.0
"""What the metrics say."""

from datetime import datetime, timezone

from prometheus_client import CollectorRegistry

from irqaffinity.agent.counters import Counters
from irqaffinity.agent.metrics import AgentCollector
from irqaffinity.agent.view import View
from irqaffinity.listen.link import Link
from irqaffinity.model.record import RememberedSpecs
from irqaffinity.model.verdict import Verdict
from tests.fakes.scene import VF0, VF1, Scene


class Rig:
    """What the metrics are made of."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.view = View("cmp-1")
        self.links: dict[str, Link] = {}
        self.collector = AgentCollector(self.counters, self.view, lambda: self.links)

    def value(self, name: str, **labels: str) -> float | None:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self.collector)
        return registry.get_sample_value(f"irqaffinity_{name}", labels)


def test_what_is_counted() -> None:
    rig = Rig()
    rig.counters.passes.update({("full", "done"): 2, ("guest", "failed"): 1})
    rig.counters.writes.update({"set": 3})
    rig.counters.drifts = 4
    rig.counters.count_notification("create", "woke")
    rig.counters.clocks.saw(RememberedSpecs("1", "2026-11-20 12:07:00", "cmp-2", "2026-11-20 12:00:00"))
    rig.counters.pass_seconds.add(0.02)
    rig.counters.wake_seconds.add(3.0)
    rig.counters.wake_seconds.add(40.0)
    assert rig.value("passes_total", kind="full", result="done") == 2
    assert rig.value("passes_total", kind="guest", result="failed") == 1
    assert rig.value("writes_total", result="set") == 3
    assert rig.value("drift_repaired_total") == 4
    assert rig.value("notifications_total", event="create", outcome="woke") == 1
    assert rig.value("clock_ahead_total") == 1
    assert [rig.value("pass_seconds_bucket", le=bound) for bound in ("0.01", "0.025", "+Inf")] == [0, 1, 1]
    assert [rig.value("wake_to_placed_seconds_bucket", le=bound) for bound in ("2.5", "5.0", "+Inf")] == [0, 1, 2]
    assert (rig.value("pass_seconds_sum"), rig.value("pass_seconds_count")) == (0.02, 1)
    assert (rig.value("wake_to_placed_seconds_sum"), rig.value("wake_to_placed_seconds_count")) == (43.0, 2)


def test_connections_and_their_losses() -> None:
    rig = Rig()
    rig.links = {"broker": Link("broker", "amqp://b"), "libvirt": Link("libvirt", "qemu:///system")}
    rig.links["libvirt"].up("qemu:///system")
    rig.links["broker"].up("b:5672")
    rig.links["broker"].down("reset")
    assert [rig.value("connected", peer=peer) for peer in ("libvirt", "broker")] == [1, 0]
    assert [rig.value("connection_losses_total", peer=peer) for peer in ("libvirt", "broker")] == [0, 1]


def test_a_connection_that_is_new_is_shown_from_then_on() -> None:
    rig = Rig()
    assert rig.value("connected", peer="broker") is None
    rig.links = {"broker": Link("broker", "amqp://b")}
    assert rig.value("connected", peer="broker") == 0


def test_a_broker_that_is_not_needed_is_no_connection_that_is_down() -> None:
    rig = Rig()
    assert rig.value("notifications_wanted") == 0
    rig.links = {"broker": Link("broker", "amqp://b")}
    assert (rig.value("notifications_wanted"), rig.value("connected", peer="broker")) == (1, 0)
    rig.links["broker"].rest("every domain has its extra specs")
    assert (rig.value("notifications_wanted"), rig.value("connected", peer="broker")) == (0, None)
    assert rig.value("connection_losses_total", peer="broker") == 0
    rig.links["broker"].turn_to("amqp://b")
    assert (rig.value("notifications_wanted"), rig.value("connected", peer="broker")) == (1, 0)


def test_an_agent_that_has_seen_nothing_has_each_verdict_with_none() -> None:
    rig = Rig()
    found = {verdict: rig.value("interrupts", verdict=verdict.value) for verdict in Verdict}
    assert found == {verdict: None if verdict is Verdict.WOULD_SET else 0 for verdict in Verdict}
    assert (rig.value("guests"), rig.value("last_complete_audit_timestamp_seconds")) == (0, 0)


def test_what_the_last_pass_saw(scene: Scene) -> None:
    rig = Rig()
    scene.add_guest(VF0, VF1)
    scene.host.quiet = {40}
    before = datetime.now(timezone.utc).timestamp()
    rig.view.saw(scene.auditor.audit(), 0.1, is_full=True)
    verdicts = {verdict: rig.value("interrupts", verdict=verdict) for verdict in ("set", "pending", "denied")}
    assert verdicts == {"set": 3, "pending": 1, "denied": 0}
    assert rig.value("guests") == 1
    audited = rig.value("last_complete_audit_timestamp_seconds") or 0.0
    assert before <= audited <= datetime.now(timezone.utc).timestamp()
