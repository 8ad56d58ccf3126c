# SPDX-License-Identifier: Apache-2.0
"""The relay as the chart runs it, as its own user on the host and on the broker, between Nova and an agent."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.agent import wait_for
from tests.functional.nova import Nova, versioned
from tests.functional.rabbitmq import RabbitMQ, free_ports
from tests.packaging.chart_pods import Start, status
from tests.packaging.pod import Pod

NODE, UUID = "cmp-12", "11111111-1111-1111-1111-111111111111"
RIGHTS = {
    "irqaffinity": (r"^irqaffinity\.", r"^irqaffinity\.", r"^(irqaffinity\..*|irqaffinity-hosts)$"),
    "irqaffinity-relay": ("^irqaffinity-(relay|hosts)$", "^irqaffinity-(relay|hosts)$", "^(irqaffinity-relay|nova)$"),
}
"""As etc/rabbitmq has them: to configure, to write and to read."""


@pytest.fixture
def values(broker: RabbitMQ) -> dict[str, Any]:
    for user, rights in RIGHTS.items():
        broker.control("add_user", user, f"of-{user}")
        broker.control("set_permissions", user, *rights)
    (port,) = free_ports(1)
    auth = {"irqaffinity": {"password": "of-irqaffinity"}, "irqaffinity_relay": {"password": "of-irqaffinity-relay"}}
    messaging = {"auth": auth, "host_fqdn_override": {"default": f"127.0.0.1:{broker.port}"}, "path": "/"}
    return {
        "manifests": {"deployment_relay": True},
        "endpoints": {"oslo_messaging": messaging},
        "conf": {"irqaffinity": {"metrics": {"enabled": True, "port": port}}},
    }


@pytest.fixture
def nova(broker: RabbitMQ, tmp_path: Path) -> Iterator[Nova]:
    made = Nova(tmp_path, broker.url)
    yield made
    made.close()


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
