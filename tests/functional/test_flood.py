# SPDX-License-Identifier: Apache-2.0
"""Forged notifications by the thousand, on a real RabbitMQ: the agent goes on with its work, and keeps none of them."""

import contextlib
import json
import signal
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import amqp
import pytest

from irqaffinity.listen.queue import PASSES, PASSES_RATE, STRANGERS, STRANGERS_RATE
from tests.fakes.scene import VF0
from tests.fakes.tree import HostTree
from tests.functional.agent import HOST, ended, wait_for
from tests.functional.conftest import Libvirtd
from tests.functional.nova import Nova, versioned
from tests.functional.rabbitmq import RabbitMQ
from tests.functional.test_agent import Stage

KEY = "versioned_notifications.info"
MASK = {"hw:cpu_policy": "dedicated", "hw:pci_irq_affinity_mask": "1"}
MANY = 3000
REPAIRS = 5
LOOKS = 200
"""Looks at a guest, at most, that ends and starts once: they are made every 50 ms, and every 500 ms after 10 s."""


def forged() -> bytes:
    """Return a notification of this host's nova-compute on a guest that nobody knows."""
    message = {
        "event_type": "instance.power_on.end",
        "publisher_id": f"nova-compute:{HOST}",
        "timestamp": "2026-11-20 12:00:00.000000",
        "payload": versioned(str(uuid.uuid4()), HOST, MASK),
    }
    return json.dumps(message).encode()


class Flood:
    """Publishes as fast as the broker takes it."""

    def __init__(self, broker: RabbitMQ) -> None:
        self.count = 0
        self.is_over = threading.Event()
        self._broker = broker

    def run(self) -> None:
        with self._broker.connect() as connection:
            while not self.is_over.is_set():
                connection.default_channel.basic_publish(amqp.Message(forged()), "nova", KEY)
                self.count += 1

    def wait_for_more(self) -> None:
        """Wait until many more have been published."""
        wanted = self.count + MANY
        wait_for("the flood to go on", lambda: self.count >= wanted)


@contextlib.contextmanager
def flooded(broker: RabbitMQ) -> Iterator[Flood]:
    flood = Flood(broker)
    thread = threading.Thread(target=flood.run)
    thread.start()
    try:
        yield flood
    finally:
        flood.is_over.set()
        thread.join()


@pytest.fixture
def stage(libvirtd: Libvirtd, tree: HostTree, tmp_path: Path, broker: RabbitMQ, nova: Nova) -> Iterator[Stage]:
    """An agent that has placed its one guest; nobody tells it of interrupts, and its audits are far away."""
    made = Stage(tmp_path, libvirtd, tree, broker.url)
    made.agent.set("DEFAULT", debug=False)
    made.agent.set("audit", interval=3600)
    with ended(made.agent):
        made.create(VF0)
        made.agent.start()
        made.agent.wait_connected("broker")
        made.agent.wait_placed(irq40="2-3", irq41="2-3")
        wait_for("the guest to settle", lambda: not made.agent.status()["settling"])
        yield made


def passes(stage: Stage, kind: str) -> int:
    return sum(count for name, count in stage.agent.status()["counters"]["passes"].items() if name.startswith(kind))


def looks(stage: Stage) -> int:
    """Return how often one guest was looked at, with libvirt or without."""
    without: int = stage.agent.status()["counters"]["looks"].get("done", 0)
    return passes(stage, "guest") + without


def woken(stage: Stage) -> int:
    count: int = stage.agent.status()["counters"]["notifications"].get("woke", 0)
    return count


def stored_masks(stage: Stage) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{stage.agent.folder}/state/state.db?mode=ro", uri=True)) as state:
        (count,) = state.execute("SELECT count(*) FROM specs").fetchone()
    return int(count)


def test_forged_messages_keep_the_agent_from_nothing(stage: Stage, broker: RabbitMQ) -> None:
    before, full, start = looks(stage), passes(stage, "full"), time.monotonic()
    with flooded(broker) as flood:
        for _ in range(REPAIRS):
            flood.wait_for_more()
            stage.tree.put(stage.tree.proc / "irq/40/smp_affinity_list", "0-15")
            stage.agent.signal(signal.SIGUSR1)
            stage.agent.wait_placed(irq40="2-3")
            stage.destroy()
            stage.agent.wait_placed(irq40="0-15")
            stage.create(VF0)
            stage.agent.wait_placed(irq40="2-3")
        assert flood.count > REPAIRS * MANY
    seconds = time.monotonic() - start
    assert woken(stage) > 10 * STRANGERS
    assert stored_masks(stage) == 0
    assert passes(stage, "full") - full <= REPAIRS + PASSES + PASSES_RATE * seconds + 1
    of_strangers = STRANGERS + STRANGERS_RATE * seconds
    assert looks(stage) - before <= of_strangers + REPAIRS * LOOKS + seconds / 0.5
    assert stage.agent.stop() == 0


def test_a_flood_while_libvirt_is_away_is_kept_nowhere(stage: Stage, broker: RabbitMQ) -> None:
    stage.libvirtd.stop()
    wait_for("libvirt to be missed", lambda: stage.agent.link("libvirt")["state"] == "not connected")
    before = memory(stage)
    with flooded(broker) as flood:
        flood.wait_for_more()
        stage.tree.put(stage.tree.proc / "irq/40/smp_affinity_list", "0-15")
        stage.agent.signal(signal.SIGUSR1)
        stage.agent.wait_placed(irq40="2-3")
        flood.wait_for_more()
    assert memory(stage) - before < 8
    assert stored_masks(stage) == 0
    assert stage.agent.stop() == 0


def memory(stage: Stage) -> float:
    """Return the megabytes that the agent has in memory."""
    assert stage.agent.process is not None
    status = Path(f"/proc/{stage.agent.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
