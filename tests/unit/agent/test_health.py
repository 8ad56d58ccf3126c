# SPDX-License-Identifier: Apache-2.0
"""What a probe learns of an agent that does not live or work."""

from types import SimpleNamespace
from typing import Any

import pytest

from irqaffinity.agent.health import Health
from irqaffinity.daemon.threads import Threads
from irqaffinity.listen.link import Link
from irqaffinity.model.times import FRESH

INTERVAL = 60.0


class Rig:
    """An agent that works, until the test changes something."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("irqaffinity.agent.health.time.monotonic", lambda: self.now)
        self.link = Link("libvirt", "qemu:///system")
        self.link.up("qemu:///system")
        libvirt = SimpleNamespace(link=self.link, is_up=True)
        self.worker: Any = SimpleNamespace(heartbeat=self.now, audited=self.now, libvirt=libvirt)
        self.threads = Threads()
        self.health = Health(self.threads, self.worker, lambda: INTERVAL)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig(monkeypatch)


def test_an_agent_that_works_has_no_reason_not_to(rig: Rig) -> None:
    assert (rig.health.why_dead(), rig.health.why_not_ready()) == ([], [])


def test_a_thread_that_ended_is_named(rig: Rig) -> None:
    def fail() -> None:
        raise ValueError("a bug")

    rig.threads.start("uevents", fail).join()
    assert rig.health.why_dead() == ["the thread uevents has ended with an error; the log names it"]
    assert rig.health.why_not_ready() == rig.health.why_dead()


def test_a_worker_that_does_not_move_is_dead_after_its_time(rig: Rig) -> None:
    rig.now += FRESH - 1
    assert rig.health.why_dead() == []
    rig.now += 4
    assert rig.health.why_dead() == ["the worker has not moved for 63 s, which is 60 s or more"]


def test_libvirt_that_is_away_makes_it_unready_and_kills_nobody(rig: Rig) -> None:
    rig.link.down("refused, with a URI of somebody")
    rig.worker.libvirt.is_up = False
    since = rig.link.state.since.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert rig.health.why_dead() == []
    assert rig.health.why_not_ready() == [f"libvirt is away since {since}; irqaffinity status tells why"]


def test_a_full_pass_has_to_be_made_and_not_too_long_ago(rig: Rig) -> None:
    rig.worker.audited = None
    assert rig.health.why_not_ready() == ["no full pass has come to its end yet"]
    rig.worker.audited = rig.now
    rig.now += 3 * INTERVAL + FRESH - 1
    rig.worker.heartbeat = rig.now
    assert rig.health.why_not_ready() == []
    rig.now += 2
    assert rig.health.why_not_ready() == ["no full pass has come to its end for 241 s, which is 240 s or more"]


def test_all_reasons_are_told(rig: Rig) -> None:
    rig.worker.libvirt.is_up, rig.worker.audited = False, None
    rig.now += FRESH
    assert [reason.split()[0] for reason in rig.health.why_not_ready()] == ["the", "libvirt", "no"]
