# SPDX-License-Identifier: Apache-2.0
"""The relay as a Deployment: no root, nothing of the host, a broker's user of its own."""

from pathlib import Path
from typing import Any

import pytest

from irqaffinity.conf.broker import load_broker
from irqaffinity.conf.load import load
from irqaffinity.listen.broker import Broker
from tests.packaging.chart import RELEASE, Chart
from tests.packaging.chart_values import EXISTING_SECRET, METRICS, NOVA_CONFIG, RELAY, RELAY_AND_METRICS, TLS

ALONE = {"manifests": {"deployment_relay": True}}


def broker_of(text: str, folder: Path) -> Broker:
    file = folder / "irqaffinity.conf"
    file.write_text(text)
    (folder / "none").mkdir(exist_ok=True)
    broker = load_broker([str(file)], [str(folder / "none")], load([str(file)], [str(folder / "none")]).notifications)
    assert broker is not None
    return broker


def test_it_is_not_made_unless_it_is_wanted(chart: Chart) -> None:
    assert "Deployment" not in chart.render(METRICS).kinds()
    assert "source" not in chart.render(METRICS).configuration
    made = chart.render(RELAY)
    assert {"Deployment", "PodDisruptionBudget"} <= set(made.kinds())
    assert made.one("PodDisruptionBudget")["spec"]["minAvailable"] < made.one("Deployment")["spec"]["replicas"]
    assert "Deployment" not in chart.render(RELAY | {"reset": True}).kinds()


def test_a_single_pod_does_not_keep_its_node_from_being_drained(chart: Chart) -> None:
    assert "PodDisruptionBudget" not in chart.render(RELAY | {"pod": {"replicas": {"relay": 1}}}).kinds()


def test_agents_listen_to_it_unless_they_are_told_otherwise(chart: Chart) -> None:
    assert "[notifications]\nsource = relay\n" in chart.render(RELAY).configuration
    given = RELAY | {"conf": {"irqaffinity": {"notifications": {"source": "nova", "exchange": "cell1"}}}}
    rendered = chart.render(given)
    assert "source = nova\n" in rendered.configuration
    assert "exchange = cell1\n" in rendered.file_of(rendered.relay)


def test_it_has_no_root_and_sees_nothing_of_the_host(chart: Chart) -> None:
    spec = chart.render(RELAY | {"tls": TLS["tls"]}).relay
    assert spec["nodeSelector"] == {"openstack-control-plane": "enabled"}
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["hostNetwork"] is False
    assert {volume["name"] for volume in spec["volumes"]} == {"etc", "broker-tls"}
    group = spec["securityContext"]["fsGroup"]
    assert group == spec["securityContext"]["runAsGroup"], "else it cannot read the files of its Secrets"
    assert {volume["secret"]["defaultMode"] for volume in spec["volumes"]} == {0o440}
    (container,) = spec["containers"]
    assert container["args"] == ["relay"]
    assert all(mount["readOnly"] for mount in container["volumeMounts"])


def test_its_pods_are_found_and_are_no_agents(chart: Chart) -> None:
    rendered = chart.render(RELAY_AND_METRICS)
    deployment = rendered.one("Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    name = f"{RELEASE}-relay"
    assert deployment["metadata"]["name"] == name
    (term,) = rendered.relay["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    selectors = [
        deployment["spec"]["selector"]["matchLabels"],
        term["podAffinityTerm"]["labelSelector"]["matchLabels"],
        rendered.named("PodDisruptionBudget", name)["spec"]["selector"]["matchLabels"],
        rendered.named("PodMonitor", name)["spec"]["selector"]["matchLabels"],
        rendered.named("NetworkPolicy", name)["spec"]["podSelector"]["matchLabels"],
        rendered.named("Service", f"{name}-metrics")["spec"]["selector"],
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert not selector.items() <= rendered.pod["metadata"]["labels"].items()
    agents = rendered.named("Service", f"{RELEASE}-metrics")["spec"]["selector"]
    assert not agents.items() <= labels.items()


def test_probes_ask_over_http_where_there_are_metrics(chart: Chart) -> None:
    (container,) = chart.render(RELAY_AND_METRICS).relay["containers"]
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}
    assert container["ports"] == [{"name": "metrics", "containerPort": 9999, "protocol": "TCP"}]
    assert {each["name"] for each in container["env"]} == {"OS_METRICS__BIND", "OS_DEFAULT__TRANSPORT_URL"}
    (container,) = chart.render(RELAY).relay["containers"]
    assert {"livenessProbe", "readinessProbe", "startupProbe", "ports", "env"}.isdisjoint(container)


def test_it_has_a_user_of_its_own_and_agents_do_not_know_the_password(chart: Chart, tmp_path: Path) -> None:
    rendered = chart.render(RELAY)
    relay = broker_of(rendered.file_of(rendered.relay), tmp_path)
    agent = broker_of(rendered.configuration, tmp_path)
    assert [(node.name, node.user, node.password) for node in relay.hosts] == [
        ("mq.example.org", "irqaffinity-relay", "of-relays")
    ]
    assert [(node.user, node.password) for node in agent.hosts] == [("irqaffinity", "of-agents")]
    assert "of-relays" not in rendered.configuration


@pytest.mark.parametrize(
    "url",
    [
        {"DEFAULT": {"transport_url": "rabbit://a@one/"}},
        {"oslo_messaging_notifications": {"transport_url": "rabbit://a@one/"}},
    ],
)
def test_its_own_user_goes_before_the_one_of_the_configuration(
    chart: Chart, tmp_path: Path, url: dict[str, Any]
) -> None:
    rendered = chart.render(ALONE | {"conf": {"irqaffinity": url}, "endpoints": RELAY["endpoints"]})
    assert [node.name for node in broker_of(rendered.file_of(rendered.relay), tmp_path).hosts] == ["mq.example.org"]
    assert [node.name for node in broker_of(rendered.configuration, tmp_path).hosts] == ["one"]


def test_without_one_it_has_that_of_the_agents(chart: Chart, tmp_path: Path) -> None:
    agents = {"endpoints": {"oslo_messaging": {"auth": {"irqaffinity": {"password": "of-agents"}}}}}
    rendered = chart.render(ALONE | agents)
    broker = broker_of(rendered.file_of(rendered.relay), tmp_path)
    assert {(node.user, node.password) for node in broker.hosts} == {("irqaffinity", "of-agents")}
    (container,) = chart.render(ALONE | EXISTING_SECRET).relay["containers"]
    (variable,) = container["env"]
    assert variable["valueFrom"]["secretKeyRef"]["name"] == "nova-rabbitmq-user"
    spec = chart.render(ALONE | NOVA_CONFIG).relay
    assert spec["containers"][0]["args"] == ["--nova-config", "/etc/nova/nova.conf", "relay"]
    assert {volume["name"] for volume in spec["volumes"]} == {"etc", "nova-config"}


def test_with_one_it_does_not_see_nova_s_passwords(chart: Chart) -> None:
    spec = chart.render(RELAY | NOVA_CONFIG).relay
    assert spec["containers"][0]["args"] == ["relay"]
    assert {volume["name"] for volume in spec["volumes"]} == {"etc"}


def test_it_shows_a_certificate_of_its_own_where_it_has_one(chart: Chart) -> None:
    def shown(given: dict[str, Any]) -> str:
        (name,) = (
            each["secret"]["secretName"]
            for each in chart.render(given).relay["volumes"]
            if each["name"] == "broker-tls"
        )
        return str(name)

    auth = {"irqaffinity": {"password": "a"}, "irqaffinity_relay": {"secret": {"tls": {"internal": "relay-tls"}}}}
    assert shown(ALONE | TLS) == "rabbitmq-tls-direct"
    assert shown(ALONE | {"tls": TLS["tls"], "endpoints": {"oslo_messaging": {"auth": auth}}}) == "relay-tls"


def test_it_rolls_when_its_own_configuration_changes(chart: Chart) -> None:
    def checksum(**conf: Any) -> str:
        template = chart.render(RELAY | {"conf": {"irqaffinity": conf}}).one("Deployment")["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/conf"])

    assert checksum() == checksum(placement={"numa": "strict"})
    assert checksum() != checksum(notifications={"exchange": "cell1"})
