# SPDX-License-Identifier: Apache-2.0
"""The chart beside a real broker: what `helm test` says of a node, and the relay between Nova and an agent."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.artefacts import TREE
from tests.functional.agent import wait_for
from tests.functional.nova import Nova, versioned
from tests.functional.rabbitmq import RabbitMQ, free_ports
from tests.packaging.chart_pods import Start, status
from tests.packaging.pod import Pod

NODE, UUID = "cmp-12", "11111111-1111-1111-1111-111111111111"
RIGHTS = TREE / "etc/rabbitmq/irqaffinity-relay.json"


@pytest.fixture
def nova(broker: RabbitMQ, tmp_path: Path) -> Iterator[Nova]:
    made = Nova(tmp_path, broker.url)
    yield made
    made.close()


@pytest.fixture
def pod(start_pod: Start, broker: RabbitMQ, nova: Nova) -> Pod:
    """An agent that reads nova.conf, beside a Nova that has published, and whose own queue was read."""
    nova.publish("instance.create.end", f"nova-compute:{NODE}", versioned(UUID, NODE))
    broker.control("purge_queue", "versioned_notifications.info")
    url = broker.url.replace("$", "$$")
    secrets = {"nova-etc": {"nova.conf": f"[DEFAULT]\ntransport_url = {url}\nlog_dir = /var/log/nova\n"}}
    return start_pod({"nova_config": {"secret": "nova-etc"}}, own_network=False, secrets=secrets)


def is_connected(pod: Pod, *peers: str) -> bool:
    links = status(pod).get("connections", {})
    return all(links.get(peer, {}).get("state") == "connected" for peer in peers)


def test_helm_test_is_green_on_a_healthy_node(pod: Pod) -> None:
    wait_for("an agent that hears all", lambda: is_connected(pod, "libvirt", "broker"))
    code, said = pod.helm_test()
    lines = [line.split(maxsplit=2) for line in said.splitlines()]
    assert [line for line in lines if line[1] != "ok"] == []
    assert {"configuration", "libvirt", "rights", "broker", "queue", "agent"} <= {line[0] for line in lines}
    assert code == 0


def test_helm_test_names_what_is_missing_and_is_red(start_pod: Start) -> None:
    pod = start_pod({"host": {"libvirt": {"socket": "virtqemud-sock-ro"}}}, own_network=False)
    wait_for("the status of the agent", lambda: status(pod))
    code, said = pod.helm_test()
    assert code == 1
    assert "libvirt        FAILED" in said


@pytest.fixture
def values(broker: RabbitMQ) -> dict[str, Any]:
    """The relay and its users, with the rights that the program ships."""
    for rights in json.loads(RIGHTS.read_text())["permissions"]:
        user = rights["user"]
        broker.control("add_user", user, f"of-{user}")
        broker.control("set_permissions", user, *(rights[each] for each in ("configure", "write", "read")))
    (port,) = free_ports(1)
    auth = {"irqaffinity": {"password": "of-irqaffinity"}, "irqaffinity_relay": {"password": "of-irqaffinity-relay"}}
    messaging = {"auth": auth, "host_fqdn_override": {"default": f"127.0.0.1:{broker.port}"}, "path": "/"}
    return {
        "manifests": {"deployment_relay": True},
        "endpoints": {"oslo_messaging": messaging},
        "conf": {"irqaffinity": {"metrics": {"enabled": True, "port": port}}},
    }


def passes(pod: Pod, kind: str) -> bool:
    """Tell what a probe over HTTP says."""
    (port,) = pod.rendered.agent["ports"]
    path = pod.rendered.agent[f"{kind}Probe"]["httpGet"]["path"]
    try:
        with urllib.request.urlopen(f"http://{pod.address}:{port['containerPort']}{path}") as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False


def test_an_agent_hears_through_it_what_concerns_its_host(start_pod: Start, values: dict[str, Any], nova: Nova) -> None:
    """Both have the port of the metrics, each on the address of its pod."""
    nova.publish("instance.exists", f"nova-compute:{NODE}", versioned(UUID, NODE))
    relay = start_pod(values, of="Deployment", own_network=False)
    wait_for("a relay that works", lambda: passes(relay, "readiness"))
    assert passes(relay, "liveness")
    inside = wait_for("the relay", relay.process)
    assert f"Uid:\t{65532}\t" in Path(f"/proc/{inside}/status").read_text()
    agent = start_pod(values, own_network=False, address="127.0.0.8")

    def heard() -> dict[str, int]:
        nova.publish("instance.create.end", "nova-compute:cmp-13", versioned(UUID, "cmp-13"))
        nova.publish("instance.create.end", f"nova-compute:{NODE}", versioned(UUID, NODE))
        return dict(status(agent).get("counters", {}).get("notifications", {}))

    assert set(wait_for("a message", heard)) == {"woke"}, "those of other hosts do not come"
