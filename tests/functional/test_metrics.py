# SPDX-License-Identifier: Apache-2.0
"""What a real agent's metrics say of what happens to it, scraped over HTTP."""

import http.client
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.counts import Counts
from tests.fakes.scene import VF0
from tests.fakes.tree import HostTree
from tests.functional.agent import Agent, ended, wait_for
from tests.functional.conftest import Libvirtd
from tests.functional.rabbitmq import free_ports
from tests.functional.test_agent import Stage, wait_settled
from tests.patience import HANG
from tests.unit.daemon.scrape import Scrape

AT_START = {
    "irqaffinity_passes_total",
    "irqaffinity_pass_seconds_bucket",
    "irqaffinity_pass_seconds_count",
    "irqaffinity_pass_seconds_sum",
}
"""What an agent without guests has counted: its full passes."""


class Watcher:
    """Reads what an agent serves."""

    def __init__(self, agent: Agent) -> None:
        (self.port,) = free_ports(1)
        self.agent = agent
        agent.set("metrics", enabled=True, port=self.port)
        agent.set("audit", interval=3600)
        agent.set("settle", boot=1)

    def ask(self, path: str, method: str = "GET") -> tuple[int, str, http.client.HTTPResponse]:
        """Return the status, the body and the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HANG)
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer

    def scrape(self) -> Scrape:
        """Return the metrics of this moment, or of a moment ago (page.FRESH)."""
        return Scrape(self.ask("/metrics")[1])

    def value(self, name: str, /, **labels: str) -> float:
        """Return one sample, which has to be there."""
        found = self.scrape().value(name, **labels)
        assert found is not None, (name, labels)
        return found

    def wait(self, wanted: float, name: str, /, **labels: str) -> None:
        """Wait until a sample has a value."""
        wait_for(f"{name}{labels} to be {wanted}", lambda: self.value(name, **labels) == wanted)

    def full_pass(self) -> None:
        """Have the agent make a full pass, and wait for its end."""
        before = self.value("passes_total", kind="full", result="done")
        self.agent.signal(signal.SIGUSR1)
        wait_for("a full pass", lambda: self.value("passes_total", kind="full", result="done") > before)


@pytest.fixture
def stage(libvirtd: Libvirtd, tree: HostTree, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path, libvirtd, tree, None)
    with ended(made.agent):
        yield made


def test_each_metric_moves_when_what_it_counts_happens(stage: Stage) -> None:
    watcher = Watcher(stage.agent)
    counts = Counts(stage.tree, "0-15")
    for number in (40, 41):
        counts.add(number, "vfio-msix")
    counts.write()
    stage.agent.start()
    stage.agent.wait_connected("metrics")
    check_start(watcher)
    check_placement(stage, watcher)
    check_arrivals(counts, watcher)
    check_drift_and_fight(stage, watcher)
    check_isolation(stage, counts, watcher)
    check_reload(stage, watcher)
    check_state(stage, watcher)
    check_loss_of_libvirt(stage, watcher)
    watcher.scrape().check()
    assert stage.agent.stop() == 0


def check_start(watcher: Watcher) -> None:
    """All counters are there and stand at 0, but for the full passes."""
    found = watcher.scrape()
    counted = [
        (name, value)
        for (name, _labels), value in found.samples.items()
        if name.startswith("irqaffinity_") and name.endswith(("_total", "_bucket", "_count", "_sum"))
    ]
    assert {name for name, value in counted if value} == AT_START
    assert {name for name, _ in counted} > {"irqaffinity_writes_total", "irqaffinity_wake_to_placed_seconds_count"}
    assert found.value("passes_total", kind="full", result="done")
    assert found.labels("connected") == {("libvirt",), ("uevents",), ("metrics",)}, "what is configured"
    assert [found.value("vector_source", source=source) for source in ("trace", "poll")] == [0, 1]
    assert (found.value("state_saved"), found.value("config_last_reload_successful")) == (1, 1)
    assert found.samples["process_resident_memory_bytes", frozenset()] > 1 << 20


def check_placement(stage: Stage, watcher: Watcher) -> None:
    """A guest that starts is passed over with libvirt, and looked at without it until it has settled."""
    stage.create(VF0)
    stage.agent.wait_placed(irq40="2-3", irq41="2-3")
    watcher.wait(2, "writes_total", result="set")
    wait_settled(stage.agent)
    watcher.wait(1, "guests", status="placed")
    watcher.wait(2, "interrupts", verdict="ok")
    found = watcher.scrape()
    asked = found.value("passes_total", kind="guest", result="done") or 0
    looks = found.value("looks_total", result="done") or 0
    assert 1 <= asked < looks
    assert found.value("pass_seconds_count", kind="guest") == asked
    assert found.value("devices", reason="none") == 1
    assert found.value("wake_to_placed_seconds_count") == 1
    assert (found.value("drift_repaired_total"), found.value("fights_total")) == (0, 0)


def check_arrivals(counts: Counts, watcher: Watcher) -> None:
    """What arrives between two full passes counts, by whether it is on the target."""
    watcher.full_pass()
    counts.arrive(40, 2, 90)
    counts.arrive(41, 9, 10)
    counts.write()
    watcher.full_pass()
    watcher.wait(90, "arrivals_total", place="target")
    watcher.wait(10, "arrivals_total", place="outside")


def check_drift_and_fight(stage: Stage, watcher: Watcher) -> None:
    """The agent puts back and counts an interrupt that somebody moves away; the third time counts as a fight."""
    stage.tree.add_process(4711, "irqbalance")
    for times in (1, 2, 3):
        stage.tree.put(stage.tree.proc / "irq/40/smp_affinity_list", "5")
        watcher.full_pass()
        stage.agent.wait_placed(irq40="2-3")
        watcher.wait(times, "drift_repaired_total")
        assert watcher.value("fights_total") == (times == 3)
    assert watcher.value("writes_total", result="set") == 5
    watcher.wait(1, "rival", name="irqbalance")


def check_isolation(stage: Stage, counts: Counts, watcher: Watcher) -> None:
    """What comes to the guest's CPUs and is not its own shows; the agent moves it when it is to, and if it can."""
    agent = stage.agent

    def reload(**options: object) -> None:
        agent.set("isolation", **options)
        agent.write_configuration()
        agent.signal(signal.SIGHUP)

    others = watcher.value("intruders", movable="true")  # of devices that no guest has
    stage.tree.add_host_interrupt(24, "nvme0q1", "2-5", "2")
    counts.add(24, "nvme0q1")
    counts.write()
    watcher.full_pass()
    watcher.wait(1 + others, "intruders", movable="true")
    found = watcher.scrape()
    assert [found.value("isolation_mode", mode=mode) for mode in ("off", "report", "enforce")] == [0, 1, 0]
    assert [found.value(name) for name in ("kept_cpus", "housekeeping_cpus", "isolation_held_up")] == [2, 0, 0]
    counts.arrive(24, 2, 70)
    counts.arrive(24, 5, 9)
    counts.write()
    watcher.full_pass()
    watcher.wait(70, "intruder_arrivals_total", movable="true")
    written = watcher.value("writes_total", result="pending")
    reload(mode="enforce", housekeeping_cpus="0-1")
    watcher.wait(1, "isolation_mode", mode="enforce")
    watcher.wait(2, "housekeeping_cpus")
    agent.wait_placed(irq24="4-5")
    watcher.wait(1, "host_interrupts", verdict="pending")  # no hardware is there to follow
    assert watcher.value("writes_total", result="pending") > written
    reload(minimum=3)
    watcher.wait(1, "isolation_held_up")
    reload(mode="report", minimum=2)
    watcher.wait(1, "isolation_mode", mode="report")
    watcher.wait(0, "isolation_held_up")
    agent.wait_placed(irq24="2-5")


def check_reload(stage: Stage, watcher: Watcher) -> None:
    """A configuration with a mistake shows until one without is read."""
    started = watcher.value("config_last_reload_success_timestamp_seconds")
    agent = stage.agent
    agent.set("audit", interval="soon")
    agent.write_configuration()
    agent.signal(signal.SIGHUP)
    watcher.wait(0, "config_last_reload_successful")
    assert watcher.value("config_last_reload_success_timestamp_seconds") == started
    assert watcher.value("audit_interval_seconds") == 3600
    wait_for("the error in the status", lambda: "[audit] interval" in (agent.status()["configuration"]["error"] or ""))
    agent.set("audit", interval=1800)
    agent.write_configuration()
    agent.signal(signal.SIGHUP)
    watcher.wait(1, "config_last_reload_successful")
    assert watcher.value("config_last_reload_success_timestamp_seconds") > started
    assert watcher.value("audit_interval_seconds") == 1800
    wait_for("no error in the status", lambda: agent.status()["configuration"]["error"] is None)
    (line,) = [line for line in agent.run("status").stdout.splitlines() if line.startswith("configuration ")]
    assert line == f"configuration read {agent.status()['configuration']['time']}"


def check_state(stage: Stage, watcher: Watcher) -> None:
    """A state that cannot be stored shows while that lasts."""
    stage.agent.set("audit", interval=1)
    stage.agent.write_configuration()
    stage.agent.signal(signal.SIGHUP)
    lock = sqlite3.connect(stage.agent.folder / "state/state.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    stage.tree.add_vectors(VF0, [42], "0-15")
    watcher.wait(0, "state_saved")
    lock.execute("ROLLBACK")
    lock.close()
    watcher.wait(1, "state_saved")


def check_loss_of_libvirt(stage: Stage, watcher: Watcher) -> None:
    """Without libvirt it is not ready, says why, and lives."""
    assert watcher.ask("/readyz")[:2] == (200, "ok\n")
    stage.libvirtd.stop()
    watcher.wait(0, "connected", peer="libvirt")
    watcher.wait(1, "connection_losses_total", peer="libvirt")
    assert watcher.value("passes_total", kind="full", result="libvirt_unreachable") >= 1
    status, reason, _answer = watcher.ask("/readyz")
    assert (status, reason.startswith("not ok: libvirt is away since 20")) == (503, True)
    status, nothing, answer = watcher.ask("/readyz", "HEAD")
    assert (status, nothing, int(answer.headers["Content-Length"])) == (503, "", len(reason))
    assert watcher.ask("/healthz")[:2] == (200, "ok\n")


def test_pools_are_counted_and_profiles_follow_a_reload(stage: Stage) -> None:
    watcher = Watcher(stage.agent)
    stage.agent.set("pci", device_spec=f'{{"address": "{VF0}", "physical_network": "sriov-a"}}')
    stage.agent.start()
    stage.agent.wait_connected("metrics")
    stage.create(VF0)
    stage.agent.wait_placed(irq40="2-3", irq41="2-3")
    labels = {"vendor": "8086", "product": "10ed", "numa_node": "0", "dev_type": "type-PCI"}
    found = watcher.scrape()
    assert found.value("sriov_pool_functions", physical_network="sriov-a", state="total", **labels) == 1
    stage.agent.set("placement", profile='{"physical_network": "sriov-a", "distribution": "spread"}')
    stage.agent.write_configuration()
    stage.agent.signal(signal.SIGHUP)
    stage.agent.wait_placed(irq40="2", irq41="3")
    stage.agent.wait_logged("the configuration was read again: changed: [placement] profile")
    assert stage.agent.stop() == 0
