# SPDX-License-Identifier: Apache-2.0
"""Values that openstack-helm's and StarlingX's other charts share with this one."""

from typing import Any

import pytest

from tests.packaging.chart import Chart, Refused
from tests.packaging.chart_values import RELAY
from tests.packaging.shared_values import OPENSTACK_HELM, STARLINGX


def test_what_other_charts_have_in_a_shared_block_is_passed_over(chart: Chart) -> None:
    """The file of a whole cloud: of its images, users and pods none is ours."""
    rendered = chart.render(OPENSTACK_HELM)
    default = chart.render({"tls": {"oslo_messaging": True}})
    assert rendered.kinds() == default.kinds()
    assert rendered.agent["image"] == default.agent["image"]
    assert rendered.configuration == default.configuration
    assert rendered.agent["volumeMounts"] == default.agent["volumeMounts"]
    assert "nova" not in rendered.configuration


def test_a_runtime_class_and_anti_affinity_do_what_they_do_elsewhere(chart: Chart) -> None:
    assert chart.render(OPENSTACK_HELM).spec["runtimeClassName"] == "plain"
    assert {"runtimeClassName", "affinity"}.isdisjoint(chart.render().spec)
    relay = chart.render(RELAY | {"pod": OPENSTACK_HELM["pod"]}).relay
    assert "runtimeClassName" not in relay
    (term,) = relay["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "topology.kubernetes.io/zone"
    soft = chart.render(RELAY | {"pod": {"affinity": {"anti": {"weight": {"default": 30}}}}}).relay
    (term,) = soft["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert (term["weight"], term["podAffinityTerm"]["topologyKey"]) == (30, "kubernetes.io/hostname")


def test_tolerations_of_the_top_are_of_all_pods(chart: Chart) -> None:
    given: dict[str, Any] = RELAY | {"tolerations": STARLINGX["tolerations"]}
    for spec in chart.render(given).specs():
        assert spec["tolerations"] == STARLINGX["tolerations"]
    given |= {"pod": {"tolerations": {"irqaffinity": {"enabled": True, "tolerations": [{"operator": "Exists"}]}}}}
    assert chart.render(given).spec["tolerations"] == [*STARLINGX["tolerations"], {"operator": "Exists"}]
    assert "tolerations" not in chart.render().spec


def test_a_label_that_is_no_text_is_none(chart: Chart) -> None:
    labels = chart.render(STARLINGX).agents()[0].pod["metadata"]["labels"]
    assert labels["team"] == "compute"
    assert "include_app_kubernetes_io" not in labels


@pytest.mark.parametrize("values", [OPENSTACK_HELM, STARLINGX], ids=["openstack-helm", "StarlingX"])
@pytest.mark.parametrize("name", ["bootstrap", "ceph_client", "jobs", "image"])
def test_a_block_that_is_not_shared_is_refused(chart: Chart, values: dict[str, Any], name: str) -> None:
    with pytest.raises(Refused, match=f"Additional property {name} is not allowed"):
        chart.render(values | {name: {}})
