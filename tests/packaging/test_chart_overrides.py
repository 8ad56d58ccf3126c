# SPDX-License-Identifier: Apache-2.0
"""Options of some nodes alone: an agent of its own for each override, and one agent on each node."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.conf.load import Settings, load
from irqaffinity.plan.policy import Numa
from tests.packaging.chart import RELEASE, Chart, Manifest, Refused, Rendered
from tests.packaging.chart_values import METRICS, OVERRIDES
from tests.packaging.shared_values import STARLINGX

CMP1, CMP2, TYPE = "cmp-1.example.org", "cmp-2.example.org", "example.org/compute-type"


def fits(node: dict[str, str], agent: Rendered) -> bool:
    """Tell whether a node with these labels gets the agent, as the scheduler does."""
    (term,) = required(agent)["nodeSelectorTerms"]
    return all(
        (node.get(each["key"]) in each["values"]) == (each["operator"] == "In") for each in term["matchExpressions"]
    )


def required(agent: Rendered) -> Manifest:
    rules: Manifest = agent.spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    return rules


def settings_on(node: dict[str, str], rendered: Rendered, folder: Path) -> Settings:
    """Return the settings of the one agent that a node gets."""
    (agent,) = (each for each in rendered.agents() if fits(node, each))
    file = folder / "irqaffinity.conf"
    file.write_text(agent.configuration)
    return load([str(file)])


NODES = [
    {"kubernetes.io/hostname": name, TYPE: kind, "rack": rack}
    for name in (CMP1, CMP2, "cmp-3")
    for kind in ("", "dpdk", "sriov", "plain")
    for rack in ("", "r7", "r8")
]


def test_each_node_gets_one_agent(chart: Chart) -> None:
    agents = chart.render(OVERRIDES).agents()
    assert len(agents) == 5
    assert {sum(fits(node, agent) for agent in agents) for node in NODES} == {1}


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({}, (Numa.STRICT, "2-15", 90)),
        ({TYPE: "sriov"}, (Numa.PREFERRED, "2-15", 90)),
        ({TYPE: "sriov", "rack": "r7"}, (Numa.STRICT, "2-15", 7)),
        ({"kubernetes.io/hostname": CMP1, TYPE: "dpdk", "rack": "r7"}, (Numa.STRICT, "4-31", 90)),
        ({"kubernetes.io/hostname": CMP2}, (Numa.STRICT, "2-15", 90)),
    ],
    ids=["no override", "a label", "the last label", "the name before labels", "another name"],
)
def test_an_override_changes_the_options_that_it_names(
    chart: Chart, tmp_path: Path, node: dict[str, str], expected: tuple[Numa, str, int]
) -> None:
    settings = settings_on({"kubernetes.io/hostname": "cmp-3"} | node, chart.render(OVERRIDES), tmp_path)
    found = (settings.policy.numa, str(settings.policy.dedicated_cpus), settings.audit_interval)
    assert found == expected


def test_false_and_zero_override_as_well(chart: Chart, tmp_path: Path) -> None:
    given = {
        "conf": OVERRIDES["conf"]
        | {"irqaffinity": {"DEFAULT": {"debug": True}, "metrics": METRICS["conf"]["irqaffinity"]["metrics"]}}
    }
    rendered = chart.render(given)
    assert settings_on({"kubernetes.io/hostname": CMP1}, rendered, tmp_path).debug
    assert not settings_on({"kubernetes.io/hostname": CMP2}, rendered, tmp_path).debug
    assert {agent.agent["ports"][0]["containerPort"] for agent in rendered.agents()} == {9999}


def test_the_hosts_of_starlingx_have_their_own_cpus_and_devices(chart: Chart, tmp_path: Path) -> None:
    rendered = chart.render(STARLINGX)
    controller = settings_on({"kubernetes.io/hostname": "controller-0"}, rendered, tmp_path).policy
    assert (str(controller.dedicated_cpus), len(controller.device_specs)) == ("4-7", 1)
    assert controller.device_specs[0].tags == {"physical_network": "group0"}
    compute = settings_on({"kubernetes.io/hostname": "compute-0"}, rendered, tmp_path).policy
    assert (str(compute.dedicated_cpus), compute.device_specs) == ("2-9", ())


def test_agents_are_told_apart_by_what_a_daemon_set_selects(chart: Chart) -> None:
    """The one of all nodes selects what it did before there were overrides, for that can never be changed."""
    agents = chart.render(OVERRIDES).agents()
    sets = [agent.one("DaemonSet") for agent in agents]
    assert sets[0]["metadata"]["name"] == RELEASE
    assert sets[0]["spec"]["selector"] == chart.render().one("DaemonSet")["spec"]["selector"]
    for one, other in itertools.permutations(agents[1:], 2):
        selector = one.one("DaemonSet")["spec"]["selector"]["matchLabels"]
        assert selector.items() <= one.pod["metadata"]["labels"].items()
        assert not selector.items() <= other.pod["metadata"]["labels"].items()
    names = [each["metadata"]["name"] for each in sets]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= 63
    assert {each["metadata"]["annotations"]["daemonset_override"] for each in sets[1:]} == {
        f"host {CMP1}",
        f"host {CMP2}",
        f"{TYPE} in dpdk, sriov",
        "rack in r7",
    }


def test_an_agent_rolls_when_its_own_configuration_changes(chart: Chart) -> None:
    before = {agent.one("DaemonSet")["metadata"]["name"]: agent.checksum for agent in chart.render(OVERRIDES).agents()}
    conf: dict[str, Any] = OVERRIDES["conf"]
    overrides = conf["overrides"]["irqaffinity_agent"]
    other = {"name": CMP2, "conf": {"irqaffinity": {"audit": {"interval": 61}}}}
    changed = overrides | {"hosts": [overrides["hosts"][0], other]}
    rendered = chart.render({"conf": conf | {"overrides": {"irqaffinity_agent": changed}}})
    after = {agent.one("DaemonSet")["metadata"]["name"]: agent.checksum for agent in rendered.agents()}
    (name,) = (name for name in before if before[name] != after[name])
    assert name.startswith(f"{RELEASE}-cmp-2-example")


@pytest.mark.parametrize(
    ("override", "told"),
    [
        (
            {"hosts": [{"name": "a", "conf": {}}, {"name": "a", "conf": {}}]},
            "names the same nodes twice: host a; host a",
        ),
        ({"hosts": [{"name": "a", "conf": {"irqaffinity": {"pci": {"devices": 1}}}}]}, "devices is not allowed"),
        ({"hosts": [{"name": "a", "conf": {"nova": {}}}]}, "Additional property nova is not allowed"),
        ({"hosts": [{"name": "a", "conf": {"irqaffinity": {"host": {"sys": "/s"}}}}]}, "hosts.0.conf.irqaffinity.host"),
        ({"host": []}, "conf.overrides.irqaffinity_agent: Additional property host is not allowed"),
        ({"labels": [{"label": {"key": "a"}, "conf": {}}]}, "labels.0.label: values is required"),
    ],
)
def test_an_override_with_a_mistake_is_refused_with_its_path(chart: Chart, override: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused) as refused:
        chart.render({"conf": {"overrides": {"irqaffinity_agent": override}}})
    assert told in str(refused.value)
