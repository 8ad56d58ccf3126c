# SPDX-License-Identifier: Apache-2.0
"""The process of a relay, without a broker."""

import signal
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.conf.load import ConfigError, load
from irqaffinity.daemon import metrics
from irqaffinity.listen.broker import Broker, BrokerHost
from irqaffinity.listen.link import Link
from irqaffinity.relay.counters import Counters
from irqaffinity.relay.relay import Relay
from irqaffinity.relay.route import Router
from irqaffinity.relay.service import Configuration, Service

BROKER = Broker((BrokerHost("a", 5672, "nova", "x"),), "/", "nova", ("key",))


def no_other() -> Configuration:
    raise ConfigError("there is no other")


def test_a_probe_is_answered_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {}

    class Listener:
        """Is asked before anything else happens."""

        def __init__(self, bind: str, port: int, _collector: object, checks: Any) -> None:
            self.link = Link("metrics", f"{bind}:{port}")
            answers.update({path: check() for path, check in checks.items()})

        def run(self) -> None:
            return

    file = tmp_path / "relay.conf"
    file.write_text("[metrics]\nenabled = true\n")
    monkeypatch.setattr(metrics, "MetricsListener", Listener)
    monkeypatch.setattr(Relay, "run", lambda _relay: None)
    monkeypatch.setattr(signal, "pthread_sigmask", lambda *_arguments: None)
    monkeypatch.setattr(signal, "sigtimedwait", lambda *_arguments: signal.struct_siginfo((signal.SIGTERM,) * 7))
    assert Service(Configuration(load([str(file)]), BROKER), no_other).run() == 0
    assert answers == {"/healthz": True, "/readyz": False}


def test_why_the_broker_takes_nothing_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    counters = Counters()
    Relay(BROKER, "relay", Router(), counters)._block("low on\nmemory")
    assert counters.blocked == r"low on\x0amemory"
    assert r"it takes no message (low on\x0amemory)" in caplog.text
