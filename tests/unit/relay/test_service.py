# SPDX-License-Identifier: Apache-2.0
"""The process of a relay, without a broker."""

import re
import signal
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.conf.load import ConfigError, load
from irqaffinity.daemon import metrics
from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.listen.link import Link
from irqaffinity.model.times import FRESH
from irqaffinity.relay.counters import Counters
from irqaffinity.relay.relay import Relay
from irqaffinity.relay.route import Fate, Router
from irqaffinity.relay.service import Configuration, Service

BROKER = Broker((BrokerHost("a", 5672, "nova", "x"),), "/", "nova", ("key",))


def no_other() -> Configuration:
    raise ConfigError("there is no other")


def test_a_probe_is_answered_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {}

    class Listener:
        """Is asked before anything else happens."""

        def __init__(self, bind: str, port: int, _pages: object, checks: Any) -> None:
            self.link = Link("metrics", f"{bind}:{port}")
            answers.update({path: list(check()) for path, check in checks.items()})

        def run(self) -> None:
            return

    file = tmp_path / "relay.conf"
    file.write_text("[metrics]\nenabled = true\n")
    monkeypatch.setattr(metrics, "MetricsListener", Listener)
    monkeypatch.setattr(Relay, "run", lambda _relay: None)
    monkeypatch.setattr(signal, "pthread_sigmask", lambda *_arguments: None)
    monkeypatch.setattr(signal, "sigtimedwait", lambda *_arguments: signal.struct_siginfo((signal.SIGTERM,) * 7))
    assert Service(Configuration(load([str(file)]), BROKER), no_other).run() == 0
    assert answers == {"/healthz": [], "/readyz": ["the broker is not connected; the log tells why"]}


def test_what_nobody_needs_does_not_count_as_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is most of what Nova sends."""
    monkeypatch.setattr(Relay, "run", lambda _relay: None)
    file = tmp_path / "relay.conf"
    file.write_text("")
    service = Service(Configuration(load([str(file)]), BROKER), no_other)
    service._start_relay()
    for number, fate in enumerate(Fate, 1):
        service._counters.messages[fate] = 10**number
    assert service._one_line() == "broker down; 10 messages relayed, 100 needed by nobody, 1111000 dropped"


def test_one_that_ends_late_says_nothing_of_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """After SIGHUP one that waits for a broker that is away may end when the next one has long been active."""
    counters = Counters()
    relay = Relay(BROKER, "relay", Router(), counters)

    def connect(_relay: Relay, _node: BrokerHost) -> None:
        relay.stop()
        counters.is_active, counters.blocked = True, "memory"  # by the next one
        raise TimeoutError

    monkeypatch.setattr(Relay, "_relay", connect)
    relay.run()
    assert (counters.is_active, counters.blocked) == (True, "memory")


def test_why_the_broker_takes_nothing_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    counters = Counters()
    Relay(BROKER, "relay", Router(), counters)._block("low on\nmemory")
    assert counters.blocked == r"low on\x0amemory"
    assert r"it takes no message (low on\x0amemory)" in caplog.text


def test_a_probe_is_told_each_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Relay, "run", lambda _relay: None)
    file = tmp_path / "relay.conf"
    file.write_text("")
    service = Service(Configuration(load([str(file)]), BROKER), no_other)
    service._start_relay()
    relay = service._relay
    assert (service._why_dead(), service._why_not_ready()) == ([], ["the broker is not connected; the log tells why"])
    relay.link.up("a:5672")
    assert service._why_not_ready() == []
    service._counters.blocked = "low on memory"
    assert service._why_not_ready() == ["the broker takes no message, because it lacks memory or disk"]
    service._threads.dead = "metrics"
    relay.beat -= FRESH + 2
    dead, silent = service._why_dead()
    assert dead == "the thread metrics has ended with an error; the log names it"
    assert re.fullmatch(r"the relay has not moved for \d+ s, which is 60 s or more", silent)
    assert service._why_not_ready()[:2] == [dead, silent]


def test_what_was_read_last_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Relay, "run", lambda _relay: None)
    file = tmp_path / "relay.conf"
    file.write_text("")
    service = Service(Configuration(load([str(file)]), BROKER), no_other)
    service._start_relay()
    service._reconfigure()
    assert service._last_reload.error == "there is no other"
    service._reload = lambda: service._configuration
    service._reconfigure()
    assert service._last_reload.error is None
