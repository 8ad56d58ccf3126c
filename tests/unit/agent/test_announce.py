# SPDX-License-Identifier: Apache-2.0
"""What the agent tells systemd and the status file of itself, and when."""

import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from irqaffinity.agent import announce
from irqaffinity.agent.announce import Announcer
from irqaffinity.agent.counters import Counters
from irqaffinity.agent.marks import ALIVE, READY
from irqaffinity.agent.view import View
from irqaffinity.conf.load import Settings, load
from irqaffinity.daemon.reload import LastReload
from irqaffinity.listen.link import Link
from irqaffinity.model.balance import Balancing
from irqaffinity.model.record import RememberedSpecs
from irqaffinity.observe.rivals import advise
from irqaffinity.report.status_text import render_status
from tests.probe import passes

GUEST = "11111111-1111-1111-1111-111111111111"


class Rig:
    """An announcer whose parts and clock the test moves, and who hears it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "run/status.json"
        self.now = 1000.0
        self.worker: Any = SimpleNamespace(started=threading.Event(), settling=[], heartbeat=5.5)
        self.store: Any = SimpleNamespace(unsaved=None)
        self.counters = Counters()
        self.view = View("cmp-1")
        self.links = {"libvirt": Link("libvirt", "qemu:///system"), "uevents": Link("uevents", "the kernel")}
        self.last_reload = LastReload()
        self.make()
        self.settings = self.configured(folder, "")
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._manager.bind(str(folder / "notify"))
        self._manager.setblocking(False)

    def make(self) -> None:
        """Make an announcer that knows nothing yet."""
        self.may_start = True
        self.announcer = Announcer(
            self.worker,
            self.counters,
            self.view,
            self.store,
            self.links,
            self.last_reload,
            lambda: self.may_start,
        )

    def configured(self, folder: Path, lines: str) -> Settings:
        file = folder / "irqaffinity.conf"
        file.write_text(f"[DEFAULT]\nhost = cmp-1\n[status]\npath = {self.path}\n{lines}")
        return load([str(file)])

    def tell(self, *, is_alive: bool = True, works: bool = True) -> list[str]:
        """Have it told, and return the lines that systemd got."""
        self.announcer.tell(self.settings, is_alive=is_alive, works=works)
        return self.heard()

    def heard(self) -> list[str]:
        lines: list[str] = []
        while True:
            try:
                lines += self._manager.recv(1 << 16).decode().split("\n")
            except BlockingIOError:
                return lines

    def probes(self) -> tuple[bool, bool]:
        """Return what the probes for life and for readiness would say of the agent at this moment."""
        return tuple(passes(f"{self.path}{suffix}") for suffix in (ALIVE, READY))  # type: ignore[return-value]

    @property
    def status(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.path.read_text())
        return read

    def close(self) -> None:
        self._manager.close()


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    made = Rig(tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setattr(announce, "time", SimpleNamespace(monotonic=lambda: made.now))
    yield made
    made.close()


LINE = "STATUS=libvirt down, uevents down; 0 guests, 0 interrupts, 0 failed"


def test_systemd_hears_once_that_the_worker_has_started(rig: Rig) -> None:
    assert rig.tell() == [LINE, "WATCHDOG=1"]
    rig.worker.started.set()
    assert rig.tell() == ["READY=1"]
    rig.now += 10.0
    assert rig.tell() == [LINE, "WATCHDOG=1"]


def test_ready_waits_for_what_others_need_at_their_start(rig: Rig) -> None:
    rig.may_start = False
    rig.worker.started.set()
    assert rig.tell() == [LINE, "WATCHDOG=1"]
    rig.may_start = True
    assert rig.tell() == ["READY=1"]


def test_an_irqbalance_that_leaves_guests_alone_is_no_rival(rig: Rig) -> None:
    rig.view.rivals = ("irqbalance", "tuned")
    for told, names in ((False, ["irqbalance", "tuned"]), (True, ["tuned"])):
        rig.view.saw_balancer(Balancing(7, told=told))
        rig.tell()
        assert (rig.status["rivals"], rig.status["advice"]) == (names, advise(names))


def test_the_watchdog_is_fed_while_the_agent_lives_alone(rig: Rig) -> None:
    assert rig.tell(is_alive=False) == [LINE]


def test_what_has_not_changed_is_told_again_after_ten_seconds(rig: Rig) -> None:
    rig.tell()
    rig.path.unlink()
    rig.now += 9.99
    assert rig.tell() == []
    assert not rig.path.exists()
    rig.now += 0.01
    assert rig.tell() == [LINE, "WATCHDOG=1"]
    assert rig.path.exists()
    rig.now += 9.99
    assert rig.tell() == []


def test_what_probes_look_at_follows_the_agent(rig: Rig) -> None:
    rig.tell(works=False)
    assert rig.probes() == (True, False)
    assert len(rig.tell()) == 2, "systemd hears at once that it works"
    assert rig.probes() == (True, True)
    rig.now += 10.0
    rig.tell(is_alive=False, works=False)
    assert rig.probes() == (False, False)


def test_what_probes_look_at_is_renewed_at_least_every_ten_seconds(rig: Rig) -> None:
    rig.tell()
    marks = [Path(f"{rig.path}{suffix}") for suffix in (ALIVE, READY)]
    for mark in marks:
        os.utime(mark, (0, 0))
    assert rig.probes() == (False, False)
    rig.now += 10.0
    rig.tell()
    assert rig.probes() == (True, True)


@pytest.mark.parametrize(
    "change",
    [
        lambda rig: rig.counters.count_notification("create", "woke"),
        lambda rig: rig.view.fail("libvirt is away"),
        lambda rig: rig.worker.settling.append(GUEST),
        lambda rig: rig.links["libvirt"].up("qemu:///system"),
        lambda rig: rig.links["uevents"].down("a new trouble"),
        lambda rig: rig.links.pop("uevents"),
        lambda rig: setattr(rig.store, "unsaved", "no space"),
        lambda rig: rig.last_reload.failed(ValueError("no such option")),
    ],
    ids=["a-message", "a-pass", "settling", "up", "down", "a-link-less", "unsaved", "reload"],
)
def test_a_change_is_told_at_once_and_once(rig: Rig, change: Callable[[Rig], None]) -> None:
    rig.tell()
    change(rig)
    rig.now += 0.01
    assert len(rig.tell()) == 2
    assert rig.tell() == []


def test_the_line_for_systemd_names_each_connection(rig: Rig) -> None:
    rig.links["libvirt"].up("qemu:///system")
    assert rig.tell()[0] == "STATUS=libvirt up, uevents down; 0 guests, 0 interrupts, 0 failed"


def test_a_status_that_cannot_be_published_is_warned_of_once_until_it_can(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "irqaffinity.agent.announce")

    def levels() -> list[str]:
        rig.now += 10.0
        caplog.clear()
        assert "WATCHDOG=1" in rig.tell()
        return [record.levelname for record in caplog.records]

    rig.path.parent.write_text("a file where the folder should be")
    assert levels() == ["WARNING"]
    assert caplog.messages[0].startswith("the agent cannot publish its status: [Errno ")
    assert caplog.messages[0].endswith("; mend [status] path")
    assert levels() == ["DEBUG"]
    rig.path.parent.unlink()
    assert levels() == []
    rig.path.unlink()
    rig.path.mkdir()
    assert levels() == ["WARNING"]


def test_the_status_of_an_agent_that_has_done_nothing(rig: Rig) -> None:
    rig.tell()
    status = rig.status
    assert (status["schema"], status["host"], status["pid"], status["heartbeat"]) == (1, "cmp-1", os.getpid(), 5.5)
    assert status["version"]
    assert status["started"] <= status["updated"]
    nothing: dict[str, Any] = {key: {} for key in ("passes", "looks", "writes", "failures", "notifications")}
    assert status["counters"] == nothing | {"drifts": 0, "fights": 0}
    assert status["configuration"]["error"] is None
    assert status["configuration"]["time"] <= status["updated"]
    for name, expected in (
        ("state_unsaved", None),
        ("rivals", []),
        ("advice", None),
        ("clocks_ahead", []),
        ("settling", []),
    ):
        assert status[name] == expected, name
    assert {"last_audit", "host_facts", "placement"} <= status.keys()


def test_the_status_of_an_agent_at_work(rig: Rig) -> None:
    rig.counters.passes.update({("full", "done"): 2, ("guest", "failed"): 1})
    rig.counters.writes.update({"set": 3})
    rig.counters.drifts, rig.counters.fights = 4, 1
    rig.counters.looks.update({"done": 17})
    rig.counters.failures.update({"denied": 2})
    rig.last_reload.failed(ValueError("[audit] interval: no\nnumber"))
    for event, outcome in (("create", "woke"), ("delete", "woke"), ("create", "foreign")):
        rig.counters.count_notification(event, outcome)
    rig.counters.clocks.saw(RememberedSpecs("1", "2026-11-20 12:07:00", "cmp-2", "2026-11-20 12:00:00"))
    rig.worker.settling.append(GUEST)
    rig.store.unsaved = "no space"
    rig.view.rivals = ("irqbalance", "tuned")
    rig.tell()
    status = rig.status
    assert status["counters"] == {
        "passes": {"full done": 2, "guest failed": 1},
        "looks": {"done": 17},
        "writes": {"set": 3},
        "failures": {"denied": 2},
        "drifts": 4,
        "fights": 1,
        "notifications": {"woke": 2, "foreign": 1},
    }
    assert status["clocks_ahead"] == [{"publisher": "cmp-2", "seconds": 420, "seen": "2026-11-20 12:00:00"}]
    assert (status["settling"], status["state_unsaved"]) == ([GUEST], "no space")
    assert (status["rivals"], status["advice"]) == (["irqbalance", "tuned"], advise(("irqbalance", "tuned")))
    assert "rivals        irqbalance, tuned move interrupts too: irqbalance: " in render_status(status)
    read = status["configuration"]["time"]
    shown = render_status(status).splitlines()
    assert f"configuration read {read}; a newer one was refused: [audit] interval: no\\x0anumber" in shown
    assert (
        "counters      3 passes, 17 looks, 3 writes, 2 failed, 4 repaired after drift (1 of them fought over); "
        "notifications: 1 foreign, 2 woke"
    ) in shown


def test_what_is_not_connected_tells_why_and_what_is_off_who_wants_it_so(rig: Rig, tmp_path: Path) -> None:
    rig.links["libvirt"].up("qemu:///system")
    rig.tell()
    found = rig.status["connections"]
    assert {name: (row["state"], row["peer"], row["trouble"]) for name, row in found.items()} == {
        "libvirt": ("connected", "qemu:///system", None),
        "uevents": ("not connected", "the kernel", "not connected yet"),
        "vectors": ("off", "", "new interrupts are polled for, as [vectors] source says"),
        "metrics": ("off", "", "[metrics] enabled is false"),
        "broker": ("off", "", "no transport_url is set"),
    }
    assert found["broker"]["since"] == rig.status["started"]
    assert found["libvirt"]["since"].endswith("Z")
    rig.settings = rig.configured(tmp_path, "[notifications]\nenabled = false\n")
    rig.now += 10.0
    rig.tell()
    assert rig.status["connections"]["broker"]["trouble"] == "[notifications] enabled is false"


def test_what_is_not_needed_is_no_failure_and_tells_why(rig: Rig) -> None:
    rig.links = {"broker": Link("broker", "amqp://b:5672/nova")}
    rig.make()
    rig.links["broker"].rest("every domain of Nova's has had its extra specs for 7 days")
    assert rig.tell()[0] == "STATUS=broker not needed; 0 guests, 0 interrupts, 0 failed"
    row = rig.status["connections"]["broker"]
    assert (row["state"], row["trouble"]) == ("not needed", "every domain of Nova's has had its extra specs for 7 days")
    (line,) = [line for line in render_status(rig.status).splitlines() if line.startswith("broker ")]
    assert line == f"broker        not needed since {row['since']}: {row['trouble']}"


@pytest.mark.parametrize("name", ["vectors", "metrics", "broker"])
def test_a_connection_that_there_is_is_not_off(rig: Rig, name: str) -> None:
    rig.links[name] = Link(name, "there")
    rig.tell()
    row = rig.status["connections"][name]
    assert (row["state"], row["peer"]) == ("not connected", "there")
    assert len(rig.status["connections"]) == 5
