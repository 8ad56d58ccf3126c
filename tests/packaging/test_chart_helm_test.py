# SPDX-License-Identifier: Apache-2.0
"""`helm test` on a node where all is as it should be: with a libvirt, Nova's broker and an agent at work."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.agent import wait_for
from tests.functional.nova import Nova, versioned
from tests.functional.rabbitmq import RabbitMQ
from tests.packaging.chart_pods import Start, status
from tests.packaging.pod import Pod

NODE = "cmp-12"
UUID = "11111111-1111-1111-1111-111111111111"


@pytest.fixture
def pod(start_pod: Start, broker: RabbitMQ, tmp_path: Path) -> Iterator[Pod]:
    """An agent that reads nova.conf, beside a Nova that has published, and whose own queue was read."""
    nova = Nova(tmp_path, broker.url)
    nova.publish("instance.create.end", f"nova-compute:{NODE}", versioned(UUID, NODE))
    broker.control("purge_queue", "versioned_notifications.info")
    url = broker.url.replace("$", "$$")
    secrets = {"nova-etc": {"nova.conf": f"[DEFAULT]\ntransport_url = {url}\nlog_dir = /var/log/nova\n"}}
    yield start_pod({"nova_config": {"secret": "nova-etc"}}, own_network=False, secrets=secrets)
    nova.close()


def is_connected(pod: Pod, *peers: str) -> bool:
    links = status(pod).get("connections", {})
    return all(links.get(peer, {}).get("state") == "connected" for peer in peers)


def test_it_is_green_on_a_healthy_node(pod: Pod) -> None:
    wait_for("an agent that hears all", lambda: is_connected(pod, "libvirt", "broker"))
    code, said = pod.helm_test()
    lines = [line.split(maxsplit=2) for line in said.splitlines()]
    assert [line for line in lines if line[1] != "ok"] == []
    assert {"configuration", "libvirt", "rights", "broker", "queue", "agent"} <= {line[0] for line in lines}
    assert code == 0


def test_it_is_red_where_the_agent_does_not_run(start_pod: Start, broker: RabbitMQ) -> None:
    """It names what is missing, and ends with an error."""
    pod = start_pod({"host": {"libvirt": {"socket": "virtqemud-sock-ro"}}}, own_network=False)
    wait_for("the status of the agent", lambda: status(pod))
    code, said = pod.helm_test()
    assert code == 1
    assert "libvirt        FAILED" in said
