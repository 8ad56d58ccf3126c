# SPDX-License-Identifier: Apache-2.0
"""What keeps metrics from being served, and that they are served as soon as it is gone."""

import logging
import socket
import threading
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from irqaffinity.daemon.metrics import MetricsListener, metrics_page
from irqaffinity.daemon.web import METRICS
from irqaffinity.listen.retry import STEADY, Retry
from tests.functional.agent import wait_for
from tests.patience import HANG


class One(Collector):
    """One metric."""

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("irqaffinity_one", "One.", value=1.0)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every trouble is followed by another try within a moment."""
    monkeypatch.setattr("irqaffinity.listen.retry.Retry.failed", lambda _retry: 0.01)


def start(bind: str, port: int) -> MetricsListener:
    listener = MetricsListener(bind, port, {METRICS: metrics_page(One())}, {"/healthz": list})
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
    assert "irqaffinity_one 1.0" in get(listener, "/metrics")


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
        assert answers.wait(HANG)
        return real("127.0.0.1", 0, type=socket.SOCK_STREAM)

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    listener = start("slow.example.org", 0)
    assert asked.wait(HANG)
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

        def __enter__(self) -> object:
            return self

        def __exit__(self, *_error: object) -> None:
            pass

        def serve(self) -> None:
            nonlocal now
            now += STEADY if self.step == "served" else 1.0
            raise OSError("broke")

    monkeypatch.undo()
    monkeypatch.setattr("irqaffinity.listen.retry.random.uniform", lambda _low, _high: 1.0)
    monkeypatch.setattr("irqaffinity.daemon.metrics.time.sleep", slept.append)
    monkeypatch.setattr("irqaffinity.daemon.metrics.Server", Server)
    listener = MetricsListener("127.0.0.1", 0, {}, {})
    listener.retry = Retry(lambda: now)
    with pytest.raises(SystemExit):
        listener.run()
    assert slept == [1, 2, 1, 2, 4]
    assert listener.link.losses == 2


def test_the_page_has_the_type_that_prometheus_reads() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    listener = start("127.0.0.1", port)
    wait_up(listener)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics?x", timeout=HANG) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        names = {family.name for family in text_string_to_metric_families(answer.read().decode())}
    process = {name for name in names if name.startswith("process_")}
    assert names - process == {"irqaffinity_one"}
    assert {"process_cpu_seconds", "process_resident_memory_bytes", "process_open_fds"} <= process
