# SPDX-License-Identifier: Apache-2.0
"""What an agent gets to see and may do besides, where it lists or sets virtual functions."""

from pathlib import Path
from typing import Any

import pytest

from irqaffinity.conf.load import load
from irqaffinity.model.sriov_options import ApplyMode
from tests.packaging.chart import Chart, Refused, Rendered
from tests.packaging.chart_values import RELAY, SRIOV

INVENTORY = {"host": {"sriov": {"inventory": True}}}


def added(container: dict[str, Any]) -> list[str]:
    """Return the capabilities of a container."""
    capabilities = container["securityContext"]["capabilities"]
    assert capabilities["drop"] == ["ALL"]
    return list(capabilities.get("add", []))


def writable(rendered: Rendered) -> set[str]:
    return {mount["mountPath"] for mount in rendered.agent["volumeMounts"] if not mount.get("readOnly")}


def test_without_the_switch_a_pod_has_no_more_than_before(chart: Chart) -> None:
    declared = {"pf": SRIOV["conf"]["irqaffinity"]["sriov"]["pf"], "apply": "off"}
    rendered = chart.render({"conf": {"irqaffinity": {"sriov": declared}}})
    assert (rendered.spec["hostNetwork"], added(rendered.agent)) == (False, [])
    assert "proc" not in rendered.mounts()
    assert rendered.agent["volumeMounts"] == chart.render().agent["volumeMounts"]
    assert "/host/sys/devices" not in writable(rendered)


def test_an_agent_that_lists_functions_sees_more_and_writes_no_more(chart: Chart) -> None:
    rendered = chart.render(INVENTORY)
    assert (rendered.spec["hostNetwork"], added(rendered.agent)) == (True, ["SYS_PTRACE"])
    path, proc = rendered.mounts()["proc"]
    assert (path, proc["hostPath"]["path"], proc["readOnly"]) == ("/host/proc", "/proc", True)
    assert writable(rendered) == writable(chart.render())


def test_an_agent_that_sets_functions_may_write_their_number(chart: Chart) -> None:
    rendered = chart.render(SRIOV)
    assert (rendered.spec["hostNetwork"], added(rendered.agent)) == (True, ["NET_ADMIN", "SYS_PTRACE"])
    assert "proc" in rendered.mounts()
    assert writable(rendered) - writable(chart.render()) == {"/host/sys/devices"}


def test_the_check_has_the_same_rights_as_the_agent(chart: Chart) -> None:
    """It says whether they are enough."""
    (check,) = chart.render(SRIOV).one("Pod")["spec"]["containers"]
    assert added(check) == ["NET_ADMIN", "SYS_PTRACE"]


def test_the_relay_has_none_of_these_rights(chart: Chart) -> None:
    relay = chart.render(RELAY | SRIOV).one("Deployment")["spec"]["template"]["spec"]
    (container,) = relay["containers"]
    assert (relay["hostNetwork"], added(container)) == (False, [])


def test_the_program_reads_what_is_declared(chart: Chart, tmp_path: Path) -> None:
    file = tmp_path / "irqaffinity.conf"
    file.write_text(chart.render(SRIOV).configuration)
    found = load([str(file)]).sriov
    assert found.apply is ApplyMode.WATCH
    assert [(each.netdev, str(each.address), each.num_vfs) for each in found.declared] == [
        ("ens1f0", "None", 8),
        (None, "0000:81:00.0", 4),
    ]


@pytest.mark.parametrize("place", ["all", "some"])
def test_an_agent_that_may_not_do_what_it_shall_is_refused(chart: Chart, place: str) -> None:
    told = {"irqaffinity": {"sriov": {"apply": "start"}}}
    some = {"overrides": {"irqaffinity_agent": {"hosts": [{"name": "cmp-7", "conf": told}]}}}
    with pytest.raises(Refused, match=r"sriov\.apply is start.*set host\.sriov\.apply too"):
        chart.render(INVENTORY | {"conf": told if place == "all" else some})
