# SPDX-License-Identifier: Apache-2.0
"""What the metrics say, what keeps them from being served, and that they are served as soon as it is gone."""

import logging
import socket
import threading
import urllib.request
from datetime import UTC, datetime
from typing import Self

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from irqaffinity.agent.counters import Counters
from irqaffinity.agent.metrics import AgentCollector, MetricsListener
from irqaffinity.agent.view import View
from irqaffinity.listen.link import Link
from irqaffinity.listen.retry import STEADY, Retry
from irqaffinity.model.record import RememberedSpecs
from irqaffinity.model.verdict import Verdict
from tests.fakes.scene import VF0, VF1, Scene
from tests.functional.agent import wait_for
from tests.patience import HANG

LIMIT = 60.0


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every trouble is followed by another try within a moment."""
    monkeypatch.setattr("irqaffinity.listen.retry.Retry.failed", lambda _retry: 0.01)


def start(bind: str, port: int) -> MetricsListener:
    collector = AgentCollector(Counters(), View("cmp-1"), lambda: {"metrics": listener.link})
    listener = MetricsListener(bind, port, collector, {"/healthz": lambda: True})
    threading.Thread(target=listener.run, daemon=True).start()
    return listener


def wait_up(listener: MetricsListener) -> None:
    wait_for("the metrics", lambda: listener.link.state.is_up)


def get(listener: MetricsListener, path: str) -> str:
    url = listener.link.state.peer.replace("/metrics", path)
    with urllib.request.urlopen(url, timeout=HANG) as answer:
        text: str = answer.read().decode()
        return text


def test_a_port_in_use_is_told_once_and_had_when_it_is_free(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        listener = start("127.0.0.1", port)
        wait_for("some tries", lambda: len(caplog.records) > 3)
        assert not listener.link.state.is_up
        told = (
            f"metrics: not served at http://127.0.0.1:{port}/metrics ([Errno 98] Address already in use); mend [metri"
        )
        assert [record.levelname for record in caplog.records if record.getMessage().startswith(told)][:3] == [
            "WARNING",
            "DEBUG",
            "DEBUG",
        ]
    wait_up(listener)
    assert get(listener, "/healthz") == "ok\n"
    assert 'irqaffinity_connected{peer="metrics"} 1.0' in get(listener, "/metrics")


def test_a_name_that_leads_nowhere_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo
    answers = [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")]

    def resolve(host: str, *arguments: object, **options: object) -> object:
        if host != "node.example.org":
            return real(host, *arguments, **options)  # type: ignore[arg-type]
        if answers:
            raise answers.pop(0)
        return real("127.0.0.1", 0, type=socket.SOCK_STREAM)

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    listener = start("node.example.org", 0)
    wait_up(listener)
    assert not answers


def test_a_name_server_that_takes_its_time_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answers = threading.Event(), threading.Event()
    real = socket.getaddrinfo

    def resolve(*_arguments: object, **_options: object) -> object:
        asked.set()
        assert answers.wait(LIMIT)
        return real("127.0.0.1", 0, type=socket.SOCK_STREAM)

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    listener = start("slow.example.org", 0)
    assert asked.wait(LIMIT)
    assert (listener.link.state.is_up, listener.link.state.trouble) == (False, "not connected yet")
    answers.set()
    wait_up(listener)


def test_no_name_is_asked_for_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """http.server asks for the name of the address that it was bound to, which may take minutes."""
    asked: list[object] = []
    monkeypatch.setattr("socket.getfqdn", asked.append)
    wait_up(start("127.0.0.1", 0))
    assert asked == []


def test_an_address_of_ipv6_is_shown_as_a_url_has_it() -> None:
    listener = start("::1", 0)
    assert listener.link.state.peer == "http://[::1]:0/metrics"
    wait_up(listener)


def test_the_delays_are_short_again_after_metrics_were_served_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """What served them broke; it is not tried as seldom then as if it had never worked."""
    now, slept = 1000.0, list[float]()
    steps = iter(["away", "away", "served", "away", "broke", "end"])

    class Server:
        def __init__(self, *_arguments: object) -> None:
            self.step = next(steps)
            if self.step == "away":
                raise OSError("in use")
            if self.step == "end":
                raise SystemExit

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_error: object) -> None:
            pass

        def serve(self) -> None:
            nonlocal now
            now += STEADY if self.step == "served" else 1.0
            raise OSError("broke")

    monkeypatch.undo()
    monkeypatch.setattr("irqaffinity.listen.retry.random.uniform", lambda _low, _high: 1.0)
    monkeypatch.setattr("irqaffinity.agent.metrics.time.sleep", slept.append)
    monkeypatch.setattr("irqaffinity.agent.metrics.Server", Server)
    listener = MetricsListener("127.0.0.1", 0, AgentCollector(Counters(), View("cmp-1"), dict), {})
    listener.retry = Retry(lambda: now)
    with pytest.raises(SystemExit):
        listener.run()
    assert slept == [1, 2, 1, 2, 4]
    assert listener.link.losses == 2


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


def test_an_agent_that_has_seen_nothing_has_each_verdict_with_none() -> None:
    rig = Rig()
    found = {verdict: rig.value("interrupts", verdict=verdict.value) for verdict in Verdict}
    assert found == {verdict: None if verdict is Verdict.WOULD_SET else 0 for verdict in Verdict}
    assert (rig.value("guests"), rig.value("last_complete_audit_timestamp_seconds")) == (0, 0)


def test_what_the_last_pass_saw(scene: Scene) -> None:
    rig = Rig()
    scene.add_guest(VF0, VF1)
    scene.host.quiet = {40}
    before = datetime.now(UTC).timestamp()
    rig.view.saw(scene.auditor.audit(), 0.1, is_full=True)
    verdicts = {verdict: rig.value("interrupts", verdict=verdict) for verdict in ("set", "pending", "denied")}
    assert verdicts == {"set": 3, "pending": 1, "denied": 0}
    assert rig.value("guests") == 1
    assert before <= (rig.value("last_complete_audit_timestamp_seconds") or 0.0) <= datetime.now(UTC).timestamp()


def test_the_page_has_the_type_that_prometheus_reads() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    listener = start("127.0.0.1", port)
    wait_up(listener)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics?x", timeout=HANG) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        names = {family.name for family in text_string_to_metric_families(answer.read().decode())}
    assert "irqaffinity_guests" in names
