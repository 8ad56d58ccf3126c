# SPDX-License-Identifier: Apache-2.0
"""A real RabbitMQ beside the machine, and Nova's own notifier: for this host, for others, and forged."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.nova import Nova, versioned
from tests.functional.rabbitmq import SECRET_QUOTED, USER, RabbitMQ, running_rabbitmq
from tests.lab.inside import guests, interrupts, program
from tests.lab.node import ALPHA, BETA, VF1, VF3, Node

HERE, THERE = "nova-compute:lab", "nova-compute:elsewhere"
STRANGER = "11111111-2222-4333-8444-555555555555"
MASK = "hw:pci_irq_affinity_mask"


@pytest.fixture
def broker() -> Iterator[RabbitMQ]:
    with tempfile.TemporaryDirectory(prefix="rabbitmq-") as folder, running_rabbitmq(Path(folder)) as running:
        yield running


@pytest.fixture
def nova(broker: RabbitMQ, tmp_path: Path) -> Iterator[Nova]:
    notifier = Nova(tmp_path, broker.url)
    notifier.publish("service.update", HERE, {})  # makes the exchange, as Nova does at its start
    yield notifier
    notifier.close()


def test_notifications_never_place_anything_wrong(node: Node, broker: RabbitMQ, nova: Nova) -> None:
    node.call(guests.destroy, "beta")
    node.call(interrupts.wait_gone, list(BETA))
    gamma = node.start_gamma()
    url = f"rabbit://{USER}:{SECRET_QUOTED}@10.0.2.2:{broker.port}/".replace("$", "$$")
    node.call(program.configure, f"[DEFAULT]\nhost = lab\ntransport_url = {url}\n")
    node.call(program.start_agent)
    node.call(program.wait_connected, "broker")
    node.wait_placed(ALPHA | {VF1: "3", VF3: "7"})

    alpha = node.call(guests.uuid_of, "alpha")
    for publisher, host, uuid, mask in (
        (THERE, "elsewhere", STRANGER, "0"),  # of another host
        (HERE, "lab", STRANGER, "0"),  # of this host, about a guest that it has not
        (THERE, "elsewhere", alpha, "1,3"),  # forged: the domain has Nova's own extra specs
        (THERE, "elsewhere", gamma, "0-99"),  # forged: no such vCPUs
    ):
        nova.publish("instance.update", publisher, versioned(uuid, host, {MASK: mask}))
    nova.publish("instance.create.end", HERE, versioned(gamma, "lab", {MASK: "1"}))
    node.wait_placed(ALPHA | {VF1: "7", VF3: "7"})

    nova.publish("instance.power_on.end", THERE, versioned(gamma, "elsewhere", {MASK: "0-99"}))
    node.call(program.wait_logged, "mask_out_of_range")
    node.wait_placed(ALPHA | {VF1: "7", VF3: "7"})
    node.call(guests.destroy, "gamma")
    node.call(interrupts.wait_gone, list(BETA))
