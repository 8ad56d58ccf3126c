# SPDX-License-Identifier: Apache-2.0
"""What an agent gets to see of its host besides, where it keeps the host's own interrupts off the guests' CPUs."""

import copy
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.conf.load import load
from irqaffinity.plan.policy import IsolationMode
from tests.packaging.chart import Chart, Rendered
from tests.packaging.chart_values import ISOLATION, OVERRIDES, RESET

NAMES = {"debugfs", "irqbalance"}
"""The volumes that nothing but isolation needs."""


WITHOUT_IRQBALANCE = {
    "host": {"irqbalance": ""},
    "conf": {"irqaffinity": {"isolation": {"mode": "enforce", "housekeeping_cpus": "0-1"}}},
}


def isolation(**options: Any) -> dict[str, Any]:
    """Return values in which enforced isolation has other options."""
    values: dict[str, Any] = copy.deepcopy(ISOLATION)
    values["conf"]["irqaffinity"]["isolation"] |= options
    return values


def volumes(rendered: Rendered) -> set[str]:
    return {volume["name"] for volume in rendered.spec["volumes"]} & NAMES


@pytest.mark.parametrize("mode", ["off", "report"])
def test_an_agent_that_does_not_enforce_sees_no_more_than_before(chart: Chart, mode: str) -> None:
    default = chart.render()
    told = chart.render({"conf": {"irqaffinity": {"isolation": {"mode": mode}}}})
    assert volumes(default) == volumes(told) == set()
    assert default.spec["volumes"] == told.spec["volumes"]
    assert default.agent["volumeMounts"] == told.agent["volumeMounts"]


def test_an_agent_that_enforces_sees_the_folder_of_irqbalance_and_no_more(chart: Chart) -> None:
    rendered = chart.render(isolation() | {"host": {}})
    assert volumes(rendered) == {"irqbalance"}
    path, irqbalance = rendered.mounts()["irqbalance"]
    assert (path, irqbalance["readOnly"]) == ("/run/irqbalance", True)
    assert f"irqbalance_sockets = {path}\n" in rendered.configuration
    assert irqbalance["hostPath"] == {"path": "/run/irqbalance", "type": "DirectoryOrCreate"}
    others = [mount for mount in rendered.agent["volumeMounts"] if mount["name"] != "irqbalance"]
    assert others == chart.render().agent["volumeMounts"]


@pytest.mark.parametrize("values", [isolation(irqbalance=False), WITHOUT_IRQBALANCE], ids=["option", "value"])
def test_the_folder_of_irqbalance_can_be_switched_off(chart: Chart, values: dict[str, Any]) -> None:
    rendered = chart.render(values)
    assert "irqbalance" not in volumes(rendered)
    assert "\nirqbalance = false\n" in rendered.configuration


def test_a_place_of_its_own_on_the_host_is_the_usual_one_in_the_pod(chart: Chart) -> None:
    mounts = chart.render(isolation() | {"host": {"irqbalance": "/var/run/irqbalance"}}).mounts()
    path, irqbalance = mounts["irqbalance"]
    assert (path, irqbalance["hostPath"]["path"]) == ("/run/irqbalance", "/var/run/irqbalance")


def test_of_debugfs_the_counts_of_vectors_are_there_and_no_more(chart: Chart) -> None:
    path, debugfs = chart.render(ISOLATION).mounts()["debugfs"]
    assert (path, debugfs["readOnly"]) == ("/host/sys/kernel/debug/irq/domains", True)
    assert debugfs["hostPath"] == {"path": "/sys/kernel/debug/irq/domains", "type": "Directory"}


def test_the_reset_and_the_check_reach_irqbalance_too(chart: Chart) -> None:
    """Its bans are given back by `reset` as well."""
    rendered = chart.render(isolation() | RESET)
    (reset,) = rendered.spec["initContainers"]
    (check,) = rendered.one("Pod")["spec"]["containers"]
    for container in (reset, check):
        assert "irqbalance" in {mount["name"] for mount in container["volumeMounts"]}


def test_nodes_that_enforce_alone_have_the_folder(chart: Chart) -> None:
    enforced = {"isolation": {"mode": "enforce"}, "placement": {"dedicated_cpus": "2-15"}}
    hosts = [{"name": "cmp-7", "conf": {"irqaffinity": enforced}}]
    agents = chart.render({"conf": {"overrides": {"irqaffinity_agent": {"hosts": hosts}}}}).agents()
    assert [volumes(agent) for agent in agents] == [set(), {"irqbalance"}]
    assert {frozenset(volumes(agent)) for agent in chart.render(OVERRIDES).agents()} == {frozenset()}


def test_the_program_reads_the_options_as_they_are_meant(chart: Chart, tmp_path: Path) -> None:
    file = tmp_path / "irqaffinity.conf"
    file.write_text(chart.render(ISOLATION).configuration)
    found = load([str(file)]).policy.isolation
    assert (found.mode, str(found.housekeeping_cpus), found.minimum) == (IsolationMode.ENFORCE, "0-1", 1)
    assert (found.leave, found.irqbalance) == (("nvme*", "mlx5_core"), True)
