# SPDX-License-Identifier: Apache-2.0
"""The agent as a process, with a real RabbitMQ, a real libvirtd and Nova's own notifier, on a host of files."""

import contextlib
import json
import re
import resource
import signal
import socket
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import amqp
import libvirt
import pytest

from irqaffinity.agent.machine import read_machine_id
from irqaffinity.agent.marks import ALIVE, READY
from irqaffinity.guests.pace import EVENTS, EVENTS_RATE
from irqaffinity.listen.names import queue_name
from tests.fakes.domains import domain, hostdev, nova_metadata
from tests.fakes.scene import DEDICATED, GUEST, OTHER, VF0, VF1
from tests.fakes.tree import HostTree
from tests.functional.agent import HOST, LIMIT, Agent, ended, wait_for
from tests.functional.conftest import Libvirtd
from tests.functional.nova import Nova, versioned
from tests.functional.rabbitmq import RabbitMQ, free_ports
from tests.functional.test_libvirtd import SYSTEM, TCG, TEST
from tests.patience import HANG, Patience
from tests.probe import passes

FOREIGN = "cmp-2"


class Stage:
    """A libvirtd whose test driver has the guests, and an agent that serves them."""

    def __init__(self, folder: Path, libvirtd: Libvirtd, tree: HostTree, transport_url: str | None) -> None:
        self.folder = folder
        self.libvirtd = libvirtd
        self.tree = tree
        self.agent = Agent(folder / "agent", libvirtd.uri(*TEST), tree, transport_url)
        self.keep_alive()

    def keep_alive(self) -> None:
        """Stay connected: the test driver keeps its domains as long as somebody is."""
        self._connection = libvirt.open(self.libvirtd.uri(*TEST))
        for guest in self._connection.listAllDomains():
            guest.destroy()

    def create(self, *devices: str, uuid: str = GUEST, pins: tuple[str, ...] = ("2", "3"), **options: Any) -> None:
        """Start a guest."""
        options.setdefault("metadata", nova_metadata("nfv", DEDICATED))
        xml = domain(f"vm-{uuid[:8]}", uuid, pins, [hostdev(device) for device in devices], **options)
        self._connection.createXML(xml, 0)

    def destroy(self, uuid: str = GUEST) -> None:
        """End a guest."""
        self._connection.lookupByUUIDString(uuid).destroy()


@pytest.fixture
def stage(libvirtd: Libvirtd, tree: HostTree, tmp_path: Path) -> Iterator[Stage]:
    """An agent without a broker, not started yet."""
    made = Stage(tmp_path, libvirtd, tree, None)
    with ended(made.agent):
        yield made


@pytest.fixture
def full_stage(libvirtd: Libvirtd, tree: HostTree, tmp_path: Path, broker: RabbitMQ, nova: Nova) -> Iterator[Stage]:
    """An agent with a broker, not started yet."""
    made = Stage(tmp_path, libvirtd, tree, broker.url)
    with ended(made.agent):
        yield made


def test_a_guest_that_starts_is_served_and_given_back_when_it_ends(stage: Stage) -> None:
    stage.agent.start()
    stage.create(VF0, VF1, pins=("2", "3", "10"))
    stage.agent.wait_placed(irq40="2-3", irq41="2-3", irq50="10", irq51="10")
    stage.destroy()
    stage.agent.wait_placed(irq40="0-15", irq50="0-15")
    assert stage.agent.stop() == 0


def test_interrupts_that_appear_late_are_placed_one_by_one(stage: Stage) -> None:
    stage.agent.set("audit", interval=3600)
    for path in (stage.tree.device_folder(VF0) / "msi_irqs").iterdir():
        path.unlink()
    stage.agent.start()
    stage.create(VF0)
    wait_for("the guest to be watched", lambda: GUEST in stage.agent.status()["settling"])
    for number in (60, 61, 62):
        stage.tree.add_vectors(VF0, [number], "0-15")
        stage.agent.wait_placed(**{f"irq{number}": "2-3"})


def test_the_same_number_that_comes_back_fresh_is_placed_again(stage: Stage) -> None:
    stage.agent.set("audit", interval=3600)
    stage.agent.start()
    stage.create(VF0)
    for _ in range(3):
        stage.agent.wait_placed(irq40="2-3")
        stage.tree.put(stage.tree.proc / "irq/40/smp_affinity_list", "0-15")
    stage.agent.wait_placed(irq40="2-3")
    assert "drifted" not in stage.agent.log()


def test_a_notification_wakes_the_guest_and_its_mask_survives_a_restart(full_stage: Stage, nova: Nova) -> None:
    """The domain carries no extra specs, as a Nova before 32.0 writes it."""
    stage = full_stage
    stage.agent.set("audit", interval=3600)
    stage.agent.start()
    stage.agent.wait_connected("broker")
    stage.create(VF0, metadata=nova_metadata("nfv"))
    stage.agent.wait_placed(irq40="2-3")
    specs = DEDICATED | {"hw:pci_irq_affinity_mask": "1"}
    nova.publish("instance.create.end", f"nova-compute:{HOST}", versioned(GUEST, HOST, specs))
    stage.agent.wait_placed(irq40="3", irq41="3")
    assert stage.agent.stop() == 0
    stage.tree.put(stage.tree.proc / "irq/40/smp_affinity_list", "0-15")
    stage.agent.start()
    stage.agent.wait_placed(irq40="3")
    (row,) = stage.agent.status()["placement"]["guests"]
    assert "mask 1 from notification" in row["text"]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_while_it_starts_waits_until_it_runs(stage: Stage, number: int) -> None:
    """It starts for a while yet when it asks a process of its own for the broker."""
    stage.agent.set("DEFAULT", transport_url="rabbit://nova:secret@127.0.0.1:1/")
    stage.agent.launch()
    process = stage.agent.process
    assert process is not None
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_for("the process that reads transport_url", children.read_text)
    stage.agent.signal(number)
    wait_for("the agent's status", stage.agent.has_started)
    assert stage.agent.stop() == 0


def test_without_libvirt_it_starts_all_the_same_and_serves_when_libvirt_comes(stage: Stage) -> None:
    stage.libvirtd.stop()
    stage.agent.start()
    assert stage.agent.link("libvirt")["state"] == "not connected"
    assert "is not reachable" in stage.agent.status()["last_audit"]["error"]
    stage.libvirtd.start()
    stage.keep_alive()
    stage.create(VF0)
    stage.agent.wait_placed(irq40="2-3")
    assert stage.agent.log().count("is not reachable") < 5


def test_a_libvirtd_that_is_killed_releases_nothing_and_its_events_work_again(stage: Stage) -> None:
    stage.agent.start()
    stage.create(VF0)
    stage.agent.wait_placed(irq40="2-3", irq41="2-3")
    stage.libvirtd.stop()
    wait_for("the loss", lambda: stage.agent.link("libvirt")["state"] == "not connected")
    stage.tree.put(stage.tree.proc / "irq/40/smp_affinity_list", "0-15")
    stage.agent.signal(signal.SIGUSR1)
    stage.agent.wait_placed(irq40="2-3", irq41="2-3")  # repaired from what is known

    stage.agent.set("audit", interval=3600)
    stage.libvirtd.start()
    stage.keep_alive()
    stage.create(VF0)
    stage.agent.wait_connected("libvirt")
    stage.create(VF1, uuid=OTHER, pins=("10", "11"))
    stage.agent.wait_placed(irq40="2-3", irq50="10-11")


def test_a_libvirtd_that_stands_still_stops_neither_the_looks_nor_the_end(stage: Stage) -> None:
    stage.agent.set("audit", interval=3600)
    stage.agent.start()
    stage.create(VF0)
    stage.agent.wait_placed(irq40="2-3")
    with stage.libvirtd.standing_still():
        stage.agent.signal(signal.SIGUSR1)
        stage.agent.wait_logged("did not answer within 10 s")
        stage.tree.put(stage.tree.proc / "irq/40/smp_affinity_list", "0-15")
        stage.agent.signal(signal.SIGUSR1)
        stage.agent.wait_placed(irq40="2-3")
        assert stage.agent.stop(5) == 0


def test_it_ends_within_five_seconds_while_a_call_to_libvirt_hangs(stage: Stage) -> None:
    stage.agent.start()
    stage.create(VF0)
    stage.agent.wait_placed(irq40="2-3")
    with stage.libvirtd.standing_still():
        stage.agent.signal(signal.SIGUSR1)
        assert stage.agent.stop(5) == 0


def test_the_broker_may_be_away_at_the_start_and_come_and_go(full_stage: Stage, broker: RabbitMQ, nova: Nova) -> None:
    stage = full_stage
    stage.agent.set("audit", interval=3600)
    stage.agent.set("DEFAULT", debug=False)
    broker.kill()
    try:
        stage.agent.start()
        stage.create(VF0, metadata=nova_metadata("nfv"))
        stage.agent.wait_placed(irq40="2-3")
    finally:
        broker.start()
    with broker.connect() as connection:
        connection.default_channel.exchange_declare("nova", "topic", durable=False, auto_delete=False)
    stage.agent.wait_connected("broker")
    specs = DEDICATED | {"hw:pci_irq_affinity_mask": "1"}
    nova.publish("instance.create.end", f"nova-compute:{HOST}", versioned(GUEST, HOST, specs))
    stage.agent.wait_placed(irq40="3")
    assert stage.agent.log().count("start the broker, or mend transport_url") == 1


def test_a_burst_for_other_hosts_delays_nothing_and_grows_nothing(
    full_stage: Stage, broker: RabbitMQ, nova: Nova
) -> None:
    stage, count = full_stage, 20_000
    stage.agent.set("DEFAULT", debug=False)
    stage.agent.start()
    stage.agent.wait_connected("broker")
    with broker.connect() as connection:
        connection.default_channel.queue_delete("versioned_notifications.info")
    nova.publish("instance.create.end", f"nova-compute:{FOREIGN}", versioned(OTHER, FOREIGN, DEDICATED))
    with broker.connect() as connection:
        body = connection.default_channel.basic_get("versioned_notifications.info", no_ack=True).body
        kind = {"content_type": "application/json", "content_encoding": "utf-8"}
        message = connection.default_channel.prepare_message(body, **kind)
        before = memory(stage.agent)
        patience, published = Patience(LIMIT), 0
        while stage.agent.smp(40) != "2-3":  # while more and more come
            assert not patience.is_over(), f"it is not placed beside {published} messages"
            for _ in range(100):
                connection.default_channel.basic_publish(message, "nova", "versioned_notifications.error")
            published += 100
            if published == 1000:
                stage.create(VF0)
        for _ in range(published, count):
            connection.default_channel.basic_publish(message, "nova", "versioned_notifications.error")
    queue = queue_name(HOST, read_machine_id())  # bounded: what it could not hold was dropped at its head
    with broker.connect() as connection:
        channel = connection.default_channel
        wait_for("the burst to be read", lambda: not channel.queue_declare(queue, passive=True).message_count)
    wait_for("the count", lambda: stage.agent.status()["counters"]["notifications"].get("foreign", 0) > count // 4)
    assert memory(stage.agent) - before < 8
    assert set(stage.agent.status()["counters"]["notifications"]) == {"foreign"}


def wait_settled(agent: Agent) -> None:
    """Wait until the guest is known and looked at no longer."""

    def is_settled() -> bool:
        status = agent.status()
        return any(guest["uuid"] == GUEST for guest in status["placement"]["guests"]) and not status["settling"]

    wait_for("the guest to settle", is_settled)


def memory(agent: Agent) -> float:
    """Return the resident memory of the agent's process in MiB."""
    assert agent.process is not None
    fields = Path(f"/proc/{agent.process.pid}/statm").read_text().split()
    return int(fields[1]) * 4096 / 1024**2


def test_a_mask_from_a_clock_that_is_ahead_is_heeded_and_the_clock_told(
    full_stage: Stage, broker: RabbitMQ, nova: Nova
) -> None:
    stage = full_stage
    stage.agent.start()
    stage.agent.wait_connected("broker")
    stage.create(VF0, metadata=nova_metadata("nfv"))
    stage.agent.wait_placed(irq40="2-3")
    body = {
        "event_type": "instance.update",
        "publisher_id": f"nova-compute:{HOST}",
        "timestamp": (datetime.now(timezone.utc) + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S.%f"),
        "payload": versioned(GUEST, HOST, DEDICATED | {"hw:pci_irq_affinity_mask": "1"}),
    }
    with broker.connect() as connection:
        message = amqp.Message(json.dumps(body).encode())
        connection.default_channel.basic_publish(message, "nova", "versioned_notifications.info")
    stage.agent.wait_placed(irq40="3")
    told = wait_for("the clock in the status", lambda: stage.agent.status()["clocks_ahead"])
    assert (told[0]["publisher"], told[0]["seconds"] // 60 in (59, 60)) == (HOST, True)
    stage.agent.wait_logged(f"the clock of {HOST} is 3")
    assert f"clock         {HOST} is 3" in stage.agent.run("status").stdout
    checked = stage.agent.run("check")
    assert f"clock          FAILED  the clock of {HOST} was 3" in checked.stdout
    assert checked.returncode == 1


def test_a_forged_mask_chooses_among_the_guests_own_cpus_at_most(full_stage: Stage, nova: Nova) -> None:
    stage = full_stage
    stage.agent.start()
    stage.agent.wait_connected("broker")
    stage.create(VF0, metadata=nova_metadata("nfv"))
    stage.agent.wait_placed(irq40="2-3")
    for mask, place in (("0-99", "2-3"), ("1\n;irq 1", "2-3"), ("1", "3")):
        specs = {"hw:pci_irq_affinity_mask": mask, "hw:cpu_policy": "shared"}
        nova.publish("instance.create.end", f"nova-compute:{HOST}", versioned(GUEST, HOST, specs))
        wait_for("the mask", lambda mask=mask: f"mask {' '.join(mask.split())}" in texts(stage.agent))
        stage.agent.wait_placed(irq40=place)


def texts(agent: Agent) -> str:
    return "\n".join(guest["text"] for guest in agent.status()["placement"]["guests"])


def test_names_from_outside_forge_no_line_of_the_log(full_stage: Stage, nova: Nova) -> None:
    evil = "x\n\x1b[31mirqaffinity: CRITICAL: forged\r\n"
    stage = full_stage
    stage.agent.start()
    stage.agent.wait_connected("broker")
    flavor = nova_metadata("nfv\n\u202eforged", DEDICATED | {"hw:pci_irq_affinity_mask": "9\nforged"})
    stage.create(VF0, metadata=flavor)
    nova.publish(f"instance.{evil}.end", f"nova-compute:{HOST}", versioned(GUEST, HOST, {"hw:x": evil}))
    nova.publish("instance.create.end", f"nova-compute:{evil}", versioned(GUEST, evil))
    wait_for("both", lambda: sum(stage.agent.status()["counters"]["notifications"].values()) == 2)
    stage.agent.wait_logged("mask_invalid")
    form = re.compile(
        r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \d+ (DEBUG|INFO|WARNING|ERROR) irqaffinity\.[\w.]+ \[-\] "
    )
    assert all(form.match(line) for line in stage.agent.log().splitlines())
    assert "\x1b" not in stage.agent.log()
    assert not any(line.startswith("forged") for line in stage.agent.run("status").stdout.splitlines())


def test_a_thousand_wake_ups_of_one_guest_are_a_few_passes(full_stage: Stage, nova: Nova) -> None:
    stage = full_stage
    stage.agent.set("audit", interval=3600)
    stage.agent.start()
    stage.agent.wait_connected("broker")
    stage.create(VF0)
    stage.agent.wait_placed(irq40="2-3")
    wait_settled(stage.agent)
    before, start = asked(stage.agent), time.monotonic()
    for _ in range(1000):
        nova.publish("instance.reboot.end", f"nova-compute:{HOST}", versioned(GUEST, HOST))
    wait_for("all of them", lambda: stage.agent.status()["counters"]["notifications"].get("woke") == 1000)
    wait_settled(stage.agent)
    at_once = EVENTS + EVENTS_RATE * (time.monotonic() - start)
    assert asked(stage.agent) - before < min(at_once + 100, 900)


def asked(agent: Agent) -> int:
    """Return how often libvirt was asked for one guest."""
    count: int = agent.status()["counters"]["passes"].get("guest done", 0)
    return count


def test_a_kill_in_the_middle_of_a_pass_loses_no_original(stage: Stage) -> None:
    numbers = list(range(1000, 3000))
    stage.tree.add_vectors(VF0, numbers, "0-15")
    stage.agent.start()
    stage.create(VF0)
    wait_for("the pass to be under way", lambda: any(stage.agent.smp(number) == "2-3" for number in numbers[:50]))
    stage.agent.kill()
    stage.agent.start()
    stage.agent.wait_placed(irq40="2-3", **{f"irq{number}": "2-3" for number in numbers})
    stage.destroy()
    stage.agent.wait_placed(irq40="0-15", **{f"irq{number}": "0-15" for number in numbers})


def test_a_state_that_is_damaged_is_set_aside(stage: Stage) -> None:
    stage.agent.start()
    stage.create(VF0)
    stage.agent.wait_placed(irq40="2-3")
    assert stage.agent.stop() == 0
    state = stage.agent.folder / "state/state.db"
    state.write_bytes(b"SQLite format 2")
    stage.agent.start()
    stage.agent.wait_logged("was set aside as state.db.corrupt")
    stage.destroy()
    stage.agent.wait_placed(irq40="0-15")  # default_smp_affinity: where it came from is not known any more


def test_a_state_that_cannot_be_written_is_said_once_and_placement_goes_on(stage: Stage) -> None:
    blocked = stage.agent.folder / "state/state.db"
    blocked.mkdir()
    stage.agent.start()
    stage.create(VF0)
    stage.agent.wait_placed(irq40="2-3")
    stage.create(VF1, uuid=OTHER, pins=("10", "11"))
    stage.agent.wait_placed(irq50="10-11")
    wait_for("the status", lambda: stage.agent.status()["state_unsaved"])
    assert stage.agent.log().count("is kept in memory alone") == 1
    stage.destroy(OTHER)
    stage.agent.wait_placed(irq50="0-15")
    blocked.rmdir()
    stage.agent.signal(signal.SIGUSR1)
    wait_for("the state", lambda: stage.agent.status()["state_unsaved"] is None)
    with contextlib.closing(sqlite3.connect(blocked)) as state:
        assert state.execute("SELECT irq FROM records ORDER BY irq").fetchall() == [(40,), (41,)]


def test_a_bad_configuration_on_sighup_changes_nothing_and_a_good_one_is_taken_over(stage: Stage) -> None:
    stage.agent.start()
    stage.create(VF0)
    stage.agent.wait_placed(irq40="2-3")
    stage.agent.set("placement", dedicated_cpus="3,7", numa="near")
    stage.agent.write_configuration()
    stage.agent.signal(signal.SIGHUP)
    stage.agent.wait_logged("the configuration is left as it was: ")
    stage.tree.put(stage.tree.proc / "irq/41/smp_affinity_list", "0-15")
    stage.agent.signal(signal.SIGUSR1)
    stage.agent.wait_placed(irq40="2-3", irq41="2-3")
    stage.agent.set("placement", numa="strict")
    stage.agent.set("DEFAULT", transport_url="rabbit://nova:S3cr@/v")
    stage.agent.write_configuration()
    stage.agent.signal(signal.SIGHUP)
    stage.agent.wait_logged(": [DEFAULT] transport_url: a node has no name")
    stage.agent.options["DEFAULT"].pop("transport_url")
    stage.agent.set("state", path="/elsewhere")
    stage.agent.set("status", path="/elsewhere/status.json")
    stage.agent.write_configuration()
    stage.agent.signal(signal.SIGHUP)
    stage.agent.wait_placed(irq40="3", irq41="3")
    assert "[state] path has changed: restart needed" in stage.agent.log()


def test_isolation_that_would_have_no_cpus_for_the_host_is_refused_at_the_start_and_on_sighup(stage: Stage) -> None:
    agent = stage.agent
    agent.start()
    stage.create(VF0)
    agent.wait_placed(irq40="2-3")
    agent.set("isolation", mode="enforce")
    agent.set("placement", numa="strict")
    agent.write_configuration()
    refused = agent.run("audit", "--once")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "[isolation] mode: it needs housekeeping CPUs" in refused.stderr
    agent.signal(signal.SIGHUP)
    agent.wait_logged("the configuration is left as it was: ")
    assert "set [isolation] housekeeping_cpus; or set [placement] dedicated_cpus" in agent.log()
    assert "[placement] numa" not in agent.log().partition("the configuration is left as it was: ")[2]
    agent.set("isolation", housekeeping_cpus="0-1")
    agent.write_configuration()
    agent.signal(signal.SIGHUP)
    agent.wait_logged("changed: [isolation] housekeeping_cpus, [isolation] mode, [placement] numa")


def test_a_configuration_that_cannot_be_read_on_sighup_keeps_every_exclusion(stage: Stage) -> None:
    """At the usual place, where a file that cannot be looked at must not count as none."""
    agent = stage.agent
    place = agent.folder / ".irqaffinity"
    place.mkdir()
    (place / "irqaffinity.conf").symlink_to(agent.configuration)
    agent.environment["HOME"] = str(agent.folder)
    agent.arguments = []
    agent.set("pci", device_spec=json.dumps({"address": VF0}))
    agent.start()
    stage.create(VF0, VF1)
    agent.wait_placed(irq40="2-3", irq50="0-15")
    kept = place.rename(agent.folder / "kept")
    for times, make in enumerate(
        (lambda: place.symlink_to(place.name), place.touch, lambda: place.symlink_to("no")), 1
    ):
        make()
        agent.signal(signal.SIGHUP)
        agent.wait_logged("the configuration is left as it was: ", times)
        place.unlink()
    kept.rename(place)
    agent.configuration.unlink()
    agent.configuration.mkdir()
    agent.signal(signal.SIGHUP)
    agent.wait_logged("irqaffinity.conf cannot be read: it is a folder")
    assert agent.log().count("the configuration is left as it was: ") == 4
    stage.tree.put(stage.tree.proc / "irq/40/smp_affinity_list", "0-15")
    agent.signal(signal.SIGUSR1)
    agent.wait_placed(irq40="2-3", irq50="0-15")
    agent.configuration.rmdir()
    agent.set("pci", device_spec=json.dumps({"address": VF1}))
    agent.write_configuration()
    agent.signal(signal.SIGHUP)
    agent.wait_placed(irq40="0-15", irq50="2-3")


def test_the_devices_of_nova_conf_are_read_again_on_sighup(stage: Stage) -> None:
    agent = stage.agent
    nova_conf = agent.folder / "nova.conf"
    agent.arguments += ["--nova-config", nova_conf]
    nova_conf.write_text(
        f'[DEFAULT]\nhost = {HOST}\n[pci]\npassthrough_whitelist = {{"address": "{VF0}", "one_time_use": true}}\n'
        "[placement]\nnuma = nonsense\n[notifications]\nenabled = nonsense\n"
    )
    agent.start()
    agent.wait_logged("nova.conf:4: [pci] passthrough_whitelist is an old name, and read as [pci] device_spec")
    stage.create(VF0, VF1)
    agent.wait_placed(irq40="2-3", irq50="0-15")
    found = json.loads(agent.run("audit", "--once", "--dry-run", "-f", "json").stdout)
    assert [(device["address"], device["tags"]) for device in found["devices"]] == [
        (VF0, {"one_time_use": True}),
        (VF1, {}),
    ]
    nova_conf.write_text('[pci]\ndevice_spec = {"managed": "maybe"}\n')
    agent.signal(signal.SIGHUP)
    agent.wait_logged(
        f'the configuration is left as it was: {nova_conf}:2: [pci] device_spec: "managed" has to be true or false'
    )
    nova_conf.write_text(f'[pci]\ndevice_spec = {{"address": "{VF1}"}}\n')
    agent.signal(signal.SIGHUP)
    agent.wait_placed(irq40="0-15", irq50="2-3")


def test_a_second_agent_is_refused(stage: Stage) -> None:
    stage.agent.start()
    done = stage.agent.run("agent")
    assert done.returncode == 1
    assert "an agent runs on this host already" in done.stderr
    done = stage.agent.run("reset")
    assert (done.returncode, "an agent runs" in done.stderr) == (1, True)
    assert stage.agent.run("check", "--health").returncode == 0
    assert stage.agent.stop() == 0
    assert stage.agent.run("check", "--health").returncode == 1
    done = stage.agent.run("status")
    assert (done.returncode, "no agent runs here" in done.stderr) == (1, True)


def test_systemd_is_told_of_the_start_the_life_and_the_end(stage: Stage) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(HANG)
        manager.bind(str(stage.libvirtd.folder / "notify"))
        stage.agent.environment["NOTIFY_SOCKET"] = str(stage.libvirtd.folder / "notify")
        stage.agent.start()
        lines: list[str] = []
        while not {"READY=1", "WATCHDOG=1"} <= set(lines) or not any(line.startswith("STATUS=") for line in lines):
            lines += manager.recv(4096).decode().splitlines()
        stage.agent.signal(signal.SIGTERM)
        while "STOPPING=1" not in lines:
            lines += manager.recv(4096).decode().splitlines()


def test_a_drift_is_repaired_and_told_with_from_and_to(stage: Stage) -> None:
    stage.tree.add_process(4711, "irqbalance")
    stage.agent.set("audit", interval=1)
    stage.agent.start()
    stage.create(VF0)
    stage.agent.wait_placed(irq40="2-3")
    wait_settled(stage.agent)
    stage.tree.put(stage.tree.proc / "irq/40/smp_affinity_list", "5")
    stage.agent.wait_logged(f"put back 1 interrupt (40) of {VF0} from 5 to 2-3: drift; irqbalance runs on this host")
    stage.agent.wait_placed(irq40="2-3")
    wait_for("the count", lambda: stage.agent.status()["counters"]["drifts"] == 1)
    assert "irqbalance" in stage.agent.run("status").stdout
    assert "--banmod=vfio" in stage.agent.run("check").stdout


def test_metrics_are_served_on_loopback_when_they_are_asked_for(full_stage: Stage, nova: Nova) -> None:
    stage, port = full_stage, free_ports(1)[0]
    stage.agent.set("metrics", enabled=True, port=port)
    stage.agent.start()
    stage.agent.wait_connected("broker")
    stage.create(VF0)
    stage.agent.wait_placed(irq40="2-3")
    nova.publish("instance.who\n.end", f"nova-compute:{HOST}", versioned(GUEST, HOST))

    def get(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=HANG) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    wait_for("the notification", lambda: 'notifications_total{event="other",outcome="woke"} 1.0' in get("/metrics")[1])
    wait_for("the second look", lambda: 'irqaffinity_interrupts{verdict="ok"} 2.0' in get("/metrics")[1])
    text = get("/metrics")[1]
    for line in (
        'irqaffinity_interrupts{verdict="ok"} 2.0',
        'irqaffinity_writes_total{result="set"} 2.0',
        'irqaffinity_connected{peer="broker"} 1.0',
        'irqaffinity_passes_total{kind="full",result="done"}',
        "irqaffinity_wake_to_placed_seconds_count 1.0",
        'irqaffinity_guests{status="placed"} 1.0',
        "irqaffinity_drift_repaired_total 0.0",
        "irqaffinity_last_complete_audit_timestamp_seconds 1",
    ):
        assert line in text, text
    status, drawn = get("/")
    assert (status, drawn[:15], f"{VF0}: 2 interrupts" in drawn) == (200, "<!DOCTYPE html>", True)
    assert get("/healthz") == (200, "ok\n")
    assert get("/readyz") == (200, "ok\n")
    assert get("/elsewhere")[0] == 404
    stage.libvirtd.stop()
    wait_for("the loss of libvirt", lambda: get("/readyz")[0] == 503)
    assert get("/healthz")[0] == 200


def test_probes_find_by_the_age_of_a_file_what_http_would_answer(stage: Stage) -> None:
    alive, ready = (stage.agent.folder / f"run/status.json{suffix}" for suffix in (ALIVE, READY))
    stage.agent.start()
    stage.agent.wait_connected("libvirt")
    wait_for("an agent that works", lambda: passes(ready))
    assert passes(alive)
    stage.libvirtd.stop()
    wait_for("the loss of libvirt", lambda: not passes(ready))
    assert passes(alive)
    assert stage.agent.stop() == 0
    assert (alive.exists(), ready.exists()) == (False, False)


def test_metrics_that_cannot_be_served_do_not_stop_placement_and_come_later(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        stage.agent.set("metrics", enabled=True, port=taken.getsockname()[1])
        stage.agent.start()
        stage.create(VF0)
        stage.agent.wait_placed(irq40="2-3")
        trouble = wait_for("the trouble in the status", lambda: stage.agent.link("metrics").get("trouble"))
        assert "Address already in use" in trouble
        assert "metrics       not connected since" in stage.agent.run("status").stdout
    stage.agent.wait_connected("metrics")
    assert "metrics       served at http://127.0.0.1:" in stage.agent.run("status").stdout


def start_with_metrics(stage: Stage) -> int:
    """Start an agent that serves metrics and has placed its guest; return the port."""
    (port,) = free_ports(1)
    stage.agent.set("metrics", enabled=True, port=port)
    stage.agent.set("audit", interval=3600)
    stage.agent.start()
    for peer in ("metrics", "broker", "libvirt"):
        stage.agent.wait_connected(peer)
    stage.create(VF0)
    stage.agent.wait_placed(irq40="2-3", irq41="2-3")
    return port


def test_clients_that_hang_on_keep_neither_a_placement_nor_a_probe_from_its_descriptors(full_stage: Stage) -> None:
    stage, agent = full_stage, full_stage.agent
    agent.starter = ["prlimit", "--nofile=64"]
    port = start_with_metrics(stage)
    wait_settled(agent)
    assert agent.process is not None
    folder = Path(f"/proc/{agent.process.pid}/fd")
    with contextlib.ExitStack() as clients:
        for _ in range(100):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=HANG))
            client.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        assert len(list(folder.iterdir())) < 48
        stage.tree.put(stage.tree.proc / "irq/40/smp_affinity_list", "0-15")
        agent.signal(signal.SIGUSR1)
        agent.wait_placed(irq40="2-3")
        stage.create(VF1, uuid=OTHER, pins=("10", "11"))
        agent.wait_placed(irq50="10-11")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=HANG) as answer:
            assert answer.read() == b"ok\n"
    assert "Too many open files" not in agent.log()
    assert "Traceback" not in agent.log()


def test_an_agent_that_gets_no_descriptor_for_a_while_goes_on_when_it_gets_one(full_stage: Stage) -> None:
    stage, agent = full_stage, full_stage.agent
    port = start_with_metrics(stage)
    assert agent.process is not None
    pid = agent.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))
    stage.tree.put(stage.tree.proc / "irq/40/smp_affinity_list", "0-15")
    for number in (signal.SIGUSR1, signal.SIGHUP):
        agent.signal(number)
    agent.wait_logged("Too many open files")
    agent.wait_logged("the configuration is left as it was: ")
    with socket.create_connection(("127.0.0.1", port), timeout=HANG):
        agent.wait_logged("a connection was turned away", 2)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    agent.wait_placed(irq40="2-3")
    stage.create(VF1, uuid=OTHER, pins=("10", "11"))
    agent.wait_placed(irq50="10-11")
    for peer in ("metrics", "broker", "libvirt"):
        agent.wait_connected(peer)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=HANG) as answer:
        assert answer.read() == b"ok\n"
    assert "Traceback" not in agent.log()


def test_another_libvirt_is_named_on_sighup_and_of_two_at_once_the_second_counts(stage: Stage) -> None:
    stage.agent.start()
    stage.create(VF0)
    stage.agent.wait_placed(irq40="2-3")
    first = stage.agent.link("libvirt")["peer"]
    away = stage.libvirtd.uri(*TEST).replace("libvirt-sock", "nowhere-sock")
    stage.agent.set("libvirt", uri=away)
    stage.agent.write_configuration()
    stage.agent.signal(signal.SIGHUP)
    wait_for("the other libvirt", lambda: stage.agent.link("libvirt")["peer"] == away)
    wait_for("its trouble", lambda: "is not reachable" in (stage.agent.link("libvirt")["trouble"] or ""))
    assert stage.agent.link("libvirt")["state"] == "not connected"
    for number, uri in enumerate([away.replace("nowhere", f"no-{number}") for number in range(9)] + [first]):
        stage.agent.set("libvirt", uri=uri)
        stage.agent.set("placement", dedicated_cpus="3" if uri == first else "2")
        stage.agent.write_configuration()
        stage.agent.signal(signal.SIGHUP)
        if number == 0:
            stage.agent.wait_logged("the configuration was read again", 2)
    stage.agent.wait_connected("libvirt")
    assert stage.agent.link("libvirt")["peer"] == first
    stage.agent.wait_placed(irq40="3", irq41="3")


def test_an_interrupt_from_the_keyboard_ends_the_agent_in_order(stage: Stage) -> None:
    stage.agent.start()
    stage.agent.signal(signal.SIGINT)
    assert stage.agent.process is not None
    assert stage.agent.process.wait(LIMIT) == 130
    assert "Traceback" not in stage.agent.log()
    assert stage.agent.status() == {}


def test_nothing_of_oslo_messaging_is_imported_without_notifications(stage: Stage) -> None:
    stage.agent.set("notifications", enabled=False)
    stage.agent.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    stage.agent.start()
    imported = {line.rpartition("|")[2].strip() for line in stage.agent.log().splitlines()}
    assert "irqaffinity.agent.worker" in imported
    assert not [name for name in imported if name.startswith(("oslo_messaging", "oslo_service", "eventlet", "kombu"))]


def test_it_leaves_the_broker_when_every_guest_tells_its_mask_and_comes_back_with_one_that_does_not(
    full_stage: Stage, broker: RabbitMQ
) -> None:
    stage = full_stage

    def has_queue() -> bool:
        return "irqaffinity." in broker.control("list_queues", "--no-table-headers", "name")

    def told() -> tuple[str, str]:
        (line,) = [line for line in stage.agent.run("status").stdout.splitlines() if line.startswith("broker ")]
        return line, next(line for line in stage.agent.run("check").stdout.splitlines() if line.startswith("broker "))

    stage.agent.set("audit", interval=3600)
    stage.agent.set("notifications", leave_after=0)
    stage.agent.start()
    stage.agent.wait_connected("broker")
    assert has_queue()
    stage.create(VF0, metadata=nova_metadata("nfv", DEDICATED))
    wait_for("the agent to leave", lambda: stage.agent.link("broker")["state"] == "not needed")
    assert not has_queue()
    why = "every domain of Nova's has had its extra specs for 0 days"
    for line in told():
        assert "not needed since" in line
        assert line.endswith(why)
    assert "FAILED" not in told()[1]
    stage.create(VF1, uuid=OTHER, metadata=nova_metadata("nfv"))
    stage.agent.wait_connected("broker")
    assert has_queue()
    stage.destroy(OTHER)
    wait_for("the agent to leave again", lambda: stage.agent.link("broker")["state"] == "not needed")
    stage.agent.set("notifications", leave_after=1)
    stage.agent.write_configuration()
    stage.agent.signal(signal.SIGHUP)
    stage.agent.wait_connected("broker")
    stage.agent.set("notifications", enabled=False)
    stage.agent.write_configuration()
    stage.agent.signal(signal.SIGHUP)
    wait_for("the queue to go", lambda: not has_queue())
    assert stage.agent.log().count(f"broker: the agent does not listen, for {why}") == 2
    assert stage.agent.log().count("broker: the agent listens again, for a domain of Nova's has no extra specs") == 1
    assert stage.agent.stop() == 0
    warnings = [line for line in stage.agent.log().splitlines() if " WARNING " in line]
    assert all("vectors: new interrupts are polled for: tracefs is not mounted" in line for line in warnings)


def test_check_names_what_is_wrong_with_the_broker(full_stage: Stage, broker: RabbitMQ, nova: Nova) -> None:
    stage = full_stage
    with broker.connect() as connection:
        connection.default_channel.queue_delete("versioned_notifications.info")
    stage.agent.start()
    stage.agent.wait_connected("broker")

    def findings() -> dict[str, str]:
        return {line.split()[0]: line for line in stage.agent.run("check").stdout.splitlines()}

    found = findings()
    assert all(" ok " in found[subject] for subject in ("broker", "exchange", "queue", "agent"))
    assert "set driver = messagingv2" in found["nova"]
    nova.publish("instance.create.end", f"nova-compute:{HOST}", versioned(GUEST, HOST))
    assert "1 message in Nova's own queue versioned_notifications.info, which nobody reads" in findings()["nova"]
    stage.agent.set("DEFAULT", transport_url=f"rabbit://nova:wr0ng@127.0.0.1:{broker.port}/")
    stage.agent.write_configuration()
    found = findings()
    assert "access refused" in found["broker"]
    assert "wr0ng" not in "".join(found.values())


def test_a_guest_that_goes_while_it_settles_is_given_back_and_another_may_come(stage: Stage) -> None:
    stage.agent.set("audit", interval=3600)
    stage.agent.start()
    for uuid in (GUEST, OTHER):
        stage.create(VF0, uuid=uuid)
        stage.agent.wait_placed(irq40="2-3", irq41="2-3")
        stage.destroy(uuid)
        stage.agent.wait_placed(irq40="0-15", irq41="0-15")
    wait_for("nobody to be watched", lambda: not stage.agent.status()["settling"])


def test_two_events_for_one_guest_at_once_place_it_once(full_stage: Stage, nova: Nova) -> None:
    stage = full_stage
    stage.agent.set("audit", interval=3600)
    stage.agent.start()
    stage.agent.wait_connected("broker")
    stage.create(VF0)
    nova.publish("instance.create.end", f"nova-compute:{HOST}", versioned(GUEST, HOST))
    stage.agent.wait_placed(irq40="2-3", irq41="2-3")
    wait_settled(stage.agent)
    counters = stage.agent.status()["counters"]
    assert counters["writes"] == {"set": 2}
    assert (counters["drifts"], counters["notifications"]) == (0, {"woke": 1})


def test_events_of_a_real_guest_wake_it_also_after_a_restart_of_the_daemon(
    libvirtd: Libvirtd, tree: HostTree, tmp_path: Path
) -> None:
    """A guest of QEMU outlives its libvirtd; of its pins and resets the new daemon tells again."""
    xml = tmp_path / "small.xml"
    xml.write_text(TCG.format(uuid=GUEST))
    libvirtd.virsh(*SYSTEM, "create", str(xml))
    agent = Agent(tmp_path / "agent", libvirtd.uri(*SYSTEM), tree)
    agent.set("audit", interval=3600)
    try:
        with ended(agent):
            agent.start()
            libvirtd.virsh(*SYSTEM, "vcpupin", "small", "1", "0-1")
            agent.wait_logged(f"guest {GUEST}: libvirt event tunable")
            libvirtd.virsh(*SYSTEM, "reset", "small")
            agent.wait_logged(f"guest {GUEST}: libvirt event reboot")
            libvirtd.stop()
            wait_for("the loss", lambda: agent.link("libvirt")["state"] == "not connected")
            assert GUEST in [guest["uuid"] for guest in agent.status()["placement"]["guests"]]
            libvirtd.start()
            agent.wait_connected("libvirt")
            libvirtd.virsh(*SYSTEM, "vcpupin", "small", "1", "1")
            agent.wait_logged(f"guest {GUEST}: libvirt event tunable", 2)
    finally:
        libvirtd.virsh(*SYSTEM, "destroy", "small", check=False)
