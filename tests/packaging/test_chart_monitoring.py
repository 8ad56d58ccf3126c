# SPDX-License-Identifier: Apache-2.0
"""What the chart makes for Prometheus and Grafana, from copies of the files that everybody else takes."""

import json
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.functional.prometheus import DASHBOARD, RULES, alerting_rules
from tests.packaging.chart import CHART, Chart, helm
from tests.packaging.chart_values import METRICS, RELAY_AND_METRICS

COPIES = {"irqaffinity.rules.yaml": RULES, "irqaffinity.json": DASHBOARD}
"""The originals by the names that they have in `files/` of the chart."""


@pytest.mark.parametrize("name", COPIES)
def test_the_copy_of_the_chart_is_as_its_original(name: str) -> None:
    """A chart has what is in its folder. A link would not do: Flux drops links, and helm warns of each."""
    copy, original = CHART / "files" / name, COPIES[name]
    assert not copy.is_symlink()
    assert copy.read_bytes() == original.read_bytes(), f"cp {original} {copy}"


def test_the_packed_chart_makes_the_same(chart: Chart, tmp_path: Path) -> None:
    helm("package", CHART, "--destination", tmp_path, folder=tmp_path)
    (packed,) = tmp_path.glob("irqaffinity-*.tgz")
    with tarfile.open(packed) as archive:
        files = {Path(name).name for name in archive.getnames() if name.startswith("irqaffinity/files/")}
    assert files == set(COPIES)
    assert Chart(tmp_path, packed).render(METRICS).manifests == chart.render(METRICS).manifests


def test_the_rules_are_those_of_prometheus(chart: Chart) -> None:
    rule = chart.render(METRICS).one("PrometheusRule")
    assert rule["spec"] == yaml.safe_load(RULES.read_text())
    assert "{{ $labels.instance }}" in json.dumps(rule["spec"]), "what Prometheus fills in is left for it"
    assert rule["metadata"]["labels"]["role"] == "alert-rules"


def test_grafana_finds_the_dashboard(chart: Chart) -> None:
    dashboard = chart.render(METRICS).one("ConfigMap")
    assert dashboard["data"] == {"irqaffinity.json": DASHBOARD.read_text()}
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["metadata"]["annotations"] == {"grafana_folder": "OpenStack"}
    assert dashboard["metadata"]["name"] == "irqaffinity-dashboard"
    size = len(json.dumps(dashboard))
    assert size < 2**18, "kubectl apply keeps the whole in an annotation, of which 256 KiB are taken"


def test_targets_have_the_names_that_the_rules_ask_for(chart: Chart) -> None:
    rendered = chart.render(RELAY_AND_METRICS | {"fullnameOverride": "sriov-irqs"})
    jobs = {}
    for name in ("sriov-irqs", "sriov-irqs-relay"):
        (endpoint,) = rendered.named("PodMonitor", name)["spec"]["podMetricsEndpoints"]
        labels = {each["targetLabel"]: each for each in endpoint["relabelings"]}
        assert labels["instance"]["sourceLabels"] == ["__meta_kubernetes_pod_node_name"]
        jobs[name] = labels["job"]["replacement"]
    assert jobs == {"sriov-irqs": "irqaffinity", "sriov-irqs-relay": "irqaffinity-relay"}
    rules = alerting_rules(yaml.safe_load(RULES.read_text()))
    assert rules["IrqaffinityAgentDown"]["expr"] == f'up{{job="{jobs["sriov-irqs"]}"}} == 0'
