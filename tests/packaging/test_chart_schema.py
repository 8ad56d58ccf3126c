# SPDX-License-Identifier: Apache-2.0
"""Wrong values are refused by helm before anything is installed, with a line that names the value."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import yaml
from oslo_config import cfg

from irqaffinity.conf import log_options, options
from tests.packaging.chart import CHART, Chart, Refused

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
FILLED_IN = {("metrics", "bind"), ("state", "path"), ("status", "path"), ("isolation", "irqbalance_sockets")}
"""Options that follow from where the chart mounts things."""

URL = {"DEFAULT": {"transport_url": "rabbit://a"}}


def nest(path: str, value: Any) -> dict[str, Any]:
    """Return the value at the end of a path of names."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("manifests.prometheus_rule", "yes", "manifests.prometheus_rule: Invalid type"),
        ("monitoring.dashboard.labels", {"grafana_dashboard": 1}, "dashboard.labels.grafana_dashboard: Invalid type"),
        ("monitoring.prometheus_rule.lables", {}, "prometheus_rule: Additional property lables is not allowed"),
        ("replicas", 3, "Additional property replicas is not allowed"),
        ("nova_config.name", "nova-etc", "nova_config: Additional property name is not allowed"),
        ("host.tracefs.enable", True, "host.tracefs: Additional property enable is not allowed"),
        ("host.debugfs", "yes", "host.debugfs: Invalid type"),
        ("host.irqbalance", "run/irqbalance", "host.irqbalance: Does not match pattern"),
        ("conf.irqaffinity.isolation.mode", "on", "conf.irqaffinity.isolation.mode must be one of"),
        ("conf.irqaffinity.isolation.minimum", 0, "isolation.minimum: Must be greater than or equal to 1"),
        ("conf.nova", {}, "conf: Additional property nova is not allowed"),
        ("conf.overrides.nova_compute", {}, "conf.overrides: Additional property nova_compute is not allowed"),
        ("conf.irqaffinity.placement.numma", "strict", "conf.irqaffinity.placement: Additional property numma"),
        ("conf.irqaffinity.placment", {}, "conf.irqaffinity: Additional property placment"),
        ("conf.irqaffinity.metrics.bind", "::", "conf.irqaffinity.metrics: Additional property bind"),
        ("endpoints.oslo_messaging.statefulset.replicas", "2", "oslo_messaging.statefulset.replicas: Invalid type"),
        ("labels.relay.node_selector_key", "", "labels.relay.node_selector_key: String length"),
        ("pod.replicas.relay", "two", "pod.replicas.relay: Invalid type"),
        ("pod.runtimeClassName.irqaffinity", 1, "pod.runtimeClassName.irqaffinity: Invalid type"),
        ("pod.affinity.anti.type.default", "soft", "pod.affinity.anti.type.default must be one of"),
        ("tolerations", {}, "tolerations: Invalid type"),
        ("manifests.deployment_relay", "yes", "manifests.deployment_relay: Invalid type"),
        ("conf.irqaffinity.notifications.enabled", "maybe", "conf.irqaffinity.notifications.enabled"),
        ("pod.probes.irqaffinity.irqaffinity.liveness.params.period", 30, "params: Additional property period"),
        ("reset", "yes", "reset: Invalid type. Expected: boolean, given: string"),
        ("host.tracefs.enabled", "false", "host.tracefs.enabled: Invalid type"),
        ("host.libvirt.path", "run/libvirt", "host.libvirt.path: Does not match pattern"),
        ("images.pull_policy", "Sometimes", "images.pull_policy must be one of"),
        ("conf.irqaffinity.placement.numa", "near", "conf.irqaffinity.placement.numa must be one of"),
        ("conf.irqaffinity.history.lines", -1, "conf.irqaffinity.history.lines: Must be greater than or equal to 0"),
        ("conf.irqaffinity.audit.interval", 0, "conf.irqaffinity.audit.interval: Must be greater than or equal to 1"),
        ("conf.irqaffinity.metrics.port", "http", "conf.irqaffinity.metrics.port: Invalid type"),
        ("conf.irqaffinity.pci.device_spec", 5, "conf.irqaffinity.pci.device_spec"),
        ("conf.irqaffinity.placement.host_driver", "macvtap:near", "host_driver: Does not match pattern"),
        ("conf.irqaffinity.placement.profile", 5, "conf.irqaffinity.placement.profile"),
        ("endpoints.oslo_messaging.path", "nova", "endpoints.oslo_messaging.path: Does not match pattern"),
        ("endpoints.oslo_messaging.host_fqdn_override.default", ["a:b"], "host_fqdn_override.default"),
        ("pod.lifecycle.upgrades.daemonsets.irqaffinity.max_unavailable", 0, "irqaffinity.max_unavailable"),
    ],
)
def test_wrong_types_and_unknown_names_are_refused(chart: Chart, path: str, value: object, told: str) -> None:
    with pytest.raises(Refused, match=re.escape(told)):
        chart.render(nest(path, value))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (nest("conf.irqaffinity.host.proc", "/proc"), r"conf\.irqaffinity\.host\.proc is /proc, .* such as /host/proc"),
        (
            nest("conf.irqaffinity.isolation.mode", "enforce"),
            r"isolation\.mode is enforce, and nothing says which CPUs do the host's work: set isolation\.housek",
        ),
        (
            nest(
                "conf.overrides.irqaffinity_agent.hosts",
                [{"name": "a", "conf": {"irqaffinity": {"isolation": {"mode": "enforce"}}}}],
            ),
            r"isolation\.mode is enforce",
        ),
        (nest("manifests.pod_monitor", True), r"manifests\.pod_monitor is set.*conf\.irqaffinity\.metrics\.enabled"),
        (nest("manifests.service_metrics", True), r"manifests\.service_metrics is set"),
        (nest("manifests.prometheus_rule", True), r"manifests\.prometheus_rule is set, and there are no metrics"),
        (nest("manifests.configmap_dashboard", True), r"manifests\.configmap_dashboard is set"),
        (nest("tls.client_certificate", True), r"tls\.client_certificate is set without tls\.oslo_messaging"),
        (
            nest("pod.probes.irqaffinity.irqaffinity.liveness.params.periodSeconds", 9),
            r"liveness\.params\.periodSeconds is 9: .* or set conf\.irqaffinity\.metrics\.enabled",
        ),
        (
            nest("endpoints.oslo_messaging.existing_secret.name", "broker")
            | nest("conf.irqaffinity.DEFAULT.transport_url", "rabbit://a"),
            r"existing_secret\.name is set, and so is",
        ),
        (
            nest("endpoints.oslo_messaging.existing_secret.name", "broker")
            | nest("conf.overrides.irqaffinity_agent.hosts", [{"name": "a", "conf": {"irqaffinity": URL}}]),
            r"existing_secret\.name is set, and so is a password or a DEFAULT\.transport_url in conf",
        ),
        (
            nest("manifests.deployment_relay", True),
            r"deployment_relay is set, and no broker is: set endpoints\.oslo_mess",
        ),
        (
            nest("endpoints.oslo_messaging.auth.irqaffinity_relay.password", "a")
            | nest("manifests.deployment_relay", True)
            | {
                "endpoints": {
                    "oslo_messaging": {
                        "existing_relay_secret": {"name": "broker"},
                        "auth": {"irqaffinity_relay": {"password": "a"}},
                    }
                }
            },
            r"existing_relay_secret\.name is set, and so is auth\.irqaffinity_relay\.password",
        ),
    ],
)
def test_values_that_do_not_go_together_are_refused(chart: Chart, values: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused, match=told):
        chart.render(values)


def list_opts() -> list[tuple[str, Sequence[cfg.Opt]]]:
    return [*options.list_opts(), *log_options.list_opts()]


def options_of_schema() -> Iterator[tuple[str, str, Any]]:
    for group, schema in SCHEMA["definitions"]["options"]["properties"].items():
        for name, option in schema.get("properties", {}).items():
            yield group, name, option


def test_the_schema_knows_every_option_of_the_program() -> None:
    of_program = {(group, option.dest) for group, of_group in list_opts() for option in of_group}
    of_schema = {(group, name) for group, name, _ in options_of_schema()}
    assert of_schema - {("DEFAULT", "transport_url")} == of_program - FILLED_IN


def test_the_choices_of_the_schema_are_those_of_the_program() -> None:
    choices = {
        (group, option.dest): list(option.type.choices)
        for group, of_group in list_opts()
        for option in of_group
        if isinstance(option, cfg.StrOpt) and option.type.choices
    }
    assert {(group, name): option["enum"] for group, name, option in options_of_schema() if "enum" in option} == choices


def test_every_value_is_explained() -> None:
    """In the form of helm-docs: a comment that begins with two dashes, above the value or a group of it."""
    lines = (CHART / "values.yaml").read_text().splitlines()
    unexplained, covered = [], -1
    for number, line in enumerate(lines):
        depth = len(line) - len(line.lstrip())
        if not re.match(r" *[\w-]+:", line) or (0 <= covered < depth):
            continue
        covered = -1
        if comment_above(lines, number).startswith("# --"):
            covered = depth
        elif not line.endswith(":"):
            unexplained.append(line)
    assert unexplained == []


def comment_above(lines: list[str], number: int) -> str:
    comments: list[str] = []
    while number > 0 and lines[number - 1].lstrip().startswith("#"):
        number -= 1
        comments.insert(0, lines[number].strip())
    return next((each for each in comments if each.startswith("# --")), "")


def test_every_part_of_the_values_is_in_the_readme() -> None:
    readme = (CHART / "README.md").read_text()
    parts = yaml.safe_load((CHART / "values.yaml").read_text())
    assert [part for part in parts if f"`{part}" not in readme] == []
