# SPDX-License-Identifier: Apache-2.0
"""The manifests that real helm makes of the chart."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from irqaffinity.agent.marks import ALIVE, READY
from irqaffinity.conf import status_path
from tests.packaging.chart import CHART, RELEASE, Chart, Rendered
from tests.packaging.chart_values import (
    BROKER,
    EXISTING_SECRET,
    EXTRAS,
    MATRIX,
    METRICS,
    NOTHING,
    NOVA_CONFIG,
    OPENSTACK_HELM,
    OVERRIDES,
    RELAY,
    RELAY_AND_METRICS,
    RESET,
    SRIOV,
    TLS,
)
from tests.probe import command
from tests.project import PROJECT

NOVA = ["--nova-config", "/etc/nova/nova.conf"]
ALWAYS = ["DaemonSet", "Pod", "Secret", "ServiceAccount"]
MONITORING = ["ConfigMap", "PodMonitor", "PrometheusRule", "Service"]
OLDEST, NEWEST = "1.25.0", "1.37.0"

values = pytest.mark.parametrize("values", MATRIX.values(), ids=list(MATRIX))


@values
def test_the_chart_passes_helms_own_judge(chart: Chart, values: dict[str, Any]) -> None:
    assert "0 chart(s) failed" in chart.lint(values)


@values
@pytest.mark.parametrize("kubernetes", [OLDEST, NEWEST])
def test_kubernetes_knows_every_field(chart: Chart, values: dict[str, Any], kubernetes: str) -> None:
    rendered = chart.render(values, kubernetes)
    rendered.validate(kubernetes)
    assert rendered.manifests or values is NOTHING


def test_what_is_made_is_chosen_by_the_values(chart: Chart) -> None:
    assert chart.render().kinds() == ALWAYS
    assert chart.render(METRICS).kinds() == sorted([*ALWAYS, *MONITORING, "NetworkPolicy"])
    assert chart.render(NOTHING).kinds() == []


def test_the_chart_is_of_the_version_of_the_program() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["apiVersion"], chart["version"], chart["appVersion"]) == ("v2", *[PROJECT["version"]] * 2)
    assert "dependencies" not in chart


def test_the_agent_runs_on_compute_nodes_alone(chart: Chart) -> None:
    assert chart.render().spec["nodeSelector"] == {"openstack-compute-node": "enabled"}
    assert chart.render(OPENSTACK_HELM).spec["nodeSelector"] == {"sriov": "enabled"}


_TO_SET_FUNCTIONS = {"add": ["NET_ADMIN", "SYS_PTRACE"]}


@values
def test_no_pod_has_more_rights_than_user_0(chart: Chart, values: dict[str, Any]) -> None:
    """The relay has fewer: it is no root, and sees nothing of the host."""
    for spec in chart.render(values).specs():
        sees_host = any("hostPath" in volume for volume in spec["volumes"])
        assert (spec["securityContext"]["runAsUser"] == 0) == sees_host
        assert spec["securityContext"].get("runAsNonRoot", False) != sees_host
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert {"hostPID", "hostIPC", "shareProcessNamespace"}.isdisjoint(spec)
        for container in spec.get("initContainers", []) + spec["containers"]:
            assert container["securityContext"] == {
                "privileged": False,
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]} | (_TO_SET_FUNCTIONS if values is SRIOV else {}),
            }


def test_the_host_is_mounted_where_the_configuration_says(chart: Chart) -> None:
    for given, proc, sys in (({}, "/host/proc", "/host/sys"), (EXTRAS, "/srv/proc", "/srv/sys")):
        rendered = chart.render(given)
        assert f"[host]\nproc = {proc}\nsys = {sys}\n" in rendered.configuration
        mounts = rendered.mounts()
        path, irq = mounts["proc-irq"]
        assert (path, irq["hostPath"]["path"], irq.get("readOnly", False)) == (f"{proc}/irq", "/proc/irq", False)
        folders = {name: mount for name, mount in mounts.items() if name.startswith("sys-")}
        assert {path: (tree["hostPath"]["path"], tree["readOnly"]) for path, tree in folders.values()} == {
            f"{sys}/{each}": (f"/sys/{each}", True) for each in ("bus", "class", "devices", "kernel/irq", "module")
        }


def test_read_only_goes_down_to_what_the_host_has_mounted_below(chart: Chart) -> None:
    """Kubernetes before 1.31 refuses the field."""
    for name in ("sys-devices", "tracefs"):
        assert chart.render(kubernetes="1.31.0").mounts()[name][1]["recursiveReadOnly"] == "IfPossible"
        assert "recursiveReadOnly" not in chart.render(kubernetes="1.30.9").mounts()[name][1]


def test_the_folder_of_the_sockets_is_mounted_and_the_read_only_one_is_named(chart: Chart) -> None:
    for given, folder, name in (
        ({}, "/run/libvirt", "libvirt-sock-ro"),
        (EXTRAS, "/var/run/libvirt", "virtqemud-sock-ro"),
    ):
        rendered = chart.render(given)
        path, libvirt = rendered.mounts()["libvirt"]
        assert path == libvirt["hostPath"]["path"] == folder
        assert (libvirt["mountPropagation"], libvirt["readOnly"]) == ("HostToContainer", True)
        assert f"uri = qemu+unix:///system?socket={folder}/{name}\n" in rendered.configuration


def test_tracefs_and_the_processes_of_the_host_can_be_switched(chart: Chart) -> None:
    mounts = chart.render().mounts()
    assert mounts["tracefs"][0] == "/host/sys/kernel/tracing"
    assert (mounts["tracefs"][1]["hostPath"]["path"], mounts["tracefs"][1]["readOnly"]) == ("/sys/kernel/tracing", True)
    path, instances = mounts["tracefs-instances"]
    assert path == "/host/sys/kernel/tracing/instances"
    assert (instances["hostPath"]["path"], instances.get("readOnly")) == ("/sys/kernel/tracing/instances", None)
    assert mounts["machine-id"][0] == mounts["machine-id"][1]["hostPath"]["path"] == "/etc/machine-id"
    assert "proc" not in mounts
    mounts = chart.render(EXTRAS).mounts()
    assert {"tracefs", "tracefs-instances", "machine-id"}.isdisjoint(mounts)
    path, proc = mounts["proc"]
    assert (path, proc["hostPath"]["path"], proc["readOnly"]) == ("/srv/proc", "/proc", True)


def test_the_state_is_kept_on_the_host(chart: Chart) -> None:
    for given, host in (({}, "/var/lib/irqaffinity"), (EXTRAS, "/srv/irqaffinity")):
        rendered = chart.render(given)
        path, state = rendered.mounts()["state"]
        assert (path, state["hostPath"]) == ("/var/lib/irqaffinity", {"path": host, "type": "DirectoryOrCreate"})


def test_what_the_image_keeps_read_only_and_the_agent_writes_is_mounted(chart: Chart) -> None:
    mounts = chart.render().mounts()
    path, run = mounts["run"]
    assert (path, run["hostPath"]) == ("/run/irqaffinity", {"path": "/run/irqaffinity", "type": "DirectoryOrCreate"})
    path, etc = mounts["etc"]
    assert (path, etc["secret"]["defaultMode"], etc["readOnly"]) == ("/etc/irqaffinity", 0o400, True)
    assert etc["secret"]["secretName"] == chart.render().one("Secret")["metadata"]["name"]
    assert chart.render(EXTRAS).mounts()["more"][0] == "/more"


def test_the_name_of_the_host_is_that_of_the_node(chart: Chart) -> None:
    environment = chart.render().environment()
    assert environment["NODE_NAME"] == {"fieldRef": {"fieldPath": "spec.nodeName"}}
    assert environment["OS_DEFAULT__HOST"] == "$(NODE_NAME)"
    assert list(environment).index("NODE_NAME") < list(environment).index("OS_DEFAULT__HOST")
    assert chart.render(EXTRAS).environment()["OS_DEFAULT__HOST"] == "$(NODE_NAME).example.org"
    for given in ({"host": {"name": ""}}, {"conf": {"irqaffinity": {"DEFAULT": {"host": "cmp-1"}}}}):
        assert "OS_DEFAULT__HOST" not in chart.render(given).environment()


def probes(rendered: Rendered) -> dict[str, Any]:
    return {kind: rendered.agent[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")}


def test_without_metrics_probes_ask_for_the_age_of_a_file(chart: Chart) -> None:
    asked = probes(chart.render())
    files = {"startup": ALIVE, "liveness": ALIVE, "readiness": READY}
    for kind, suffix in files.items():
        assert asked[kind]["exec"]["command"] == command(f"{status_path.DEFAULT}{suffix}")
        assert asked[kind]["timeoutSeconds"] > 1
    per_second = sum(1 / asked[kind]["periodSeconds"] for kind in ("liveness", "readiness"))
    assert per_second <= 1 / 20, "40 ms of CPU for a program that a runtime starts make 2 m then"
    assert probes(chart.render(OPENSTACK_HELM))["liveness"]["periodSeconds"] == 90
    off = {"pod": {"probes": {"irqaffinity": {"irqaffinity": {"liveness": {"enabled": False}}}}}}
    assert "livenessProbe" not in chart.render(off).agent


def test_with_metrics_probes_ask_over_http_on_the_address_of_the_pod(chart: Chart) -> None:
    rendered = chart.render(METRICS)
    assert {kind: probe["httpGet"] for kind, probe in probes(rendered).items()} == {
        "startup": {"path": "/healthz", "port": "metrics"},
        "liveness": {"path": "/healthz", "port": "metrics"},
        "readiness": {"path": "/readyz", "port": "metrics"},
    }
    assert rendered.agent["ports"] == [{"name": "metrics", "containerPort": 9999, "protocol": "TCP"}]
    assert rendered.environment()["OS_METRICS__BIND"] == {"fieldRef": {"fieldPath": "status.podIP"}}
    assert "OS_METRICS__BIND" not in chart.render().environment()


def test_prometheus_and_the_network_find_the_port_and_the_pods(chart: Chart) -> None:
    rendered = chart.render(METRICS)
    labels = rendered.pod["metadata"]["labels"].items()
    service, monitor, policy = (rendered.one(kind)["spec"] for kind in ("Service", "PodMonitor", "NetworkPolicy"))
    for selector in (service["selector"], monitor["selector"]["matchLabels"], policy["podSelector"]["matchLabels"]):
        assert selector.items() <= labels
    assert (service["clusterIP"], service["ports"][0]["port"]) == ("None", 9999)
    assert monitor["podMetricsEndpoints"][0]["port"] == service["ports"][0]["targetPort"] == "metrics"
    assert rendered.one("PodMonitor")["metadata"]["labels"]["release"] == "prometheus"
    assert policy["ingress"] == [{"ports": [{"port": 9999, "protocol": "TCP"}]}]
    closed = chart.render({"manifests": {"network_policy": True}}).one("NetworkPolicy")["spec"]
    assert (closed["ingress"], closed["policyTypes"]) == ([], ["Ingress", "Egress"])


def test_one_node_is_updated_at_a_time(chart: Chart) -> None:
    assert chart.render().one("DaemonSet")["spec"]["updateStrategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 1},
    }
    on_delete = {"pod": {"lifecycle": {"upgrades": {"daemonsets": {"pod_replacement_strategy": "OnDelete"}}}}}
    assert chart.render(on_delete).one("DaemonSet")["spec"]["updateStrategy"] == {"type": "OnDelete"}


def test_values_of_openstack_helm_reach_their_places(chart: Chart) -> None:
    rendered = chart.render(OPENSTACK_HELM)
    spec, agent = rendered.spec, rendered.agent
    assert agent["image"] == "registry.example.org:5000/compute/irqaffinity:0.1.0-1"
    assert agent["imagePullPolicy"] == "Always"
    assert (spec["hostNetwork"], spec["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
    assert spec["priorityClassName"] == "system-node-critical"
    assert spec["tolerations"] == [{"key": "node-role.kubernetes.io/compute", "operator": "Exists"}]
    assert spec["securityContext"]["seLinuxOptions"] == {"type": "spc_t"}
    assert agent["resources"]["limits"] == {"memory": "512Mi"}
    assert rendered.one("DaemonSet")["spec"]["updateStrategy"]["rollingUpdate"] == {"maxUnavailable": "10%"}
    assert rendered.pod["metadata"]["labels"]["release_group"] == "compute-kit"


def test_an_image_without_a_tag_has_that_of_the_chart(chart: Chart) -> None:
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    assert chart.render().agent["image"] == f"irqaffinity:{version}"
    rendered = chart.render(EXTRAS)
    assert rendered.agent["image"] == f"registry.example.org:5000/irqaffinity:{version}"
    assert rendered.spec["imagePullSecrets"] == [{"name": "login"}]
    digest = f"irqaffinity@sha256:{'0' * 64}"
    assert chart.render({"images": {"tags": {"irqaffinity": digest}}}).agent["image"] == digest


def test_the_pods_roll_when_the_configuration_changes_and_only_then(chart: Chart) -> None:
    before = chart.render()
    changed = chart.render({"conf": {"irqaffinity": {"audit": {"interval": 61}}}})
    assert changed.checksum != before.checksum
    assert chart.render(BROKER).checksum != chart.render(TLS).checksum != before.checksum
    outside = copy.deepcopy(EXISTING_SECRET) | {
        "manifests": {"network_policy": True, "pod_test": False},
        "monitoring": {"pod_monitor": {"interval": "5s"}},
        "pod": {"lifecycle": {"upgrades": {"daemonsets": {"irqaffinity": {"max_unavailable": 3}}}}},
    }
    assert chart.render(outside).checksum == before.checksum
    del outside["endpoints"]
    assert chart.render(outside).pod == before.pod


def test_secrets_are_in_the_secret_alone(chart: Chart) -> None:
    for given in (TLS, OPENSTACK_HELM):
        rest = [each for each in chart.render(given).manifests if each["kind"] != "Secret"]
        assert "rabbit://" not in yaml.safe_dump(rest)
        assert "p%40ss" not in yaml.safe_dump(rest)
    reference = chart.render(EXISTING_SECRET).environment()["OS_DEFAULT__TRANSPORT_URL"]
    assert reference == {"secretKeyRef": {"name": "nova-rabbitmq-user", "key": "TRANSPORT_URL"}}
    assert "transport_url" not in chart.render(EXISTING_SECRET).configuration


def test_nova_s_own_configuration_is_read_as_what_it_is(chart: Chart) -> None:
    """Of its Secret one file is mounted, in a folder where the program looks for none of its own."""
    rendered = chart.render(NOVA_CONFIG)
    assert rendered.agent["args"] == [*NOVA, "agent"]
    path, nova = rendered.mounts()["nova-config"]
    assert (path, nova["readOnly"]) == ("/etc/nova", True)
    assert nova["secret"] == {
        "secretName": "nova-etc",
        "defaultMode": 0o400,
        "items": [{"key": "nova-compute.conf", "path": "nova.conf"}],
    }
    assert chart.render().agent["args"] == ["agent"]


def test_the_certificates_are_where_the_configuration_says(chart: Chart) -> None:
    rendered = chart.render(TLS)
    path, tls = rendered.mounts()["broker-tls"]
    assert tls["secret"] == {"secretName": "rabbitmq-tls-direct", "defaultMode": 0o400}
    for option, name in (("ssl_ca_file", "ca.crt"), ("ssl_cert_file", "tls.crt"), ("ssl_key_file", "tls.key")):
        assert f"{option} = {path}/{name}\n" in rendered.configuration
    without = chart.render(BROKER | {"tls": {"oslo_messaging": True}})
    assert "ssl_ca_file" in without.configuration
    assert "ssl_cert_file" not in without.configuration
    assert without.mounts()["broker-tls"][1]["secret"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}]
    nova = chart.render(NOVA_CONFIG | {"tls": {"oslo_messaging": True}})
    assert "items" not in nova.mounts()["broker-tls"][1]["secret"], "nova.conf may name the others"


def test_helm_test_checks_with_what_the_agent_has(chart: Chart) -> None:
    rendered = chart.render()
    test = rendered.one("Pod")
    assert test["metadata"]["annotations"]["helm.sh/hook"] == "test"
    (check,) = test["spec"]["containers"]
    assert check["args"] == ["check"]
    assert chart.render(NOVA_CONFIG).one("Pod")["spec"]["containers"][0]["args"] == [*NOVA, "check"]
    for name in ("image", "env", "volumeMounts", "securityContext"):
        assert check[name] == rendered.agent[name]
    for name in ("volumes", "nodeSelector", "serviceAccountName", "securityContext"):
        assert test["spec"][name] == rendered.spec[name]
    selector = rendered.one("DaemonSet")["spec"]["selector"]["matchLabels"]
    assert not selector.items() <= test["metadata"]["labels"].items(), "the DaemonSet would take the pod for its own"


def test_before_it_goes_the_chart_gives_every_interrupt_back(chart: Chart) -> None:
    rendered = chart.render(RESET)
    (reset,) = rendered.spec["initContainers"]
    assert reset["args"] == ["reset"]
    assert reset["volumeMounts"] == chart.render().agent["volumeMounts"]
    assert rendered.agent["command"] == ["sleep", "infinity"]
    assert {"livenessProbe", "readinessProbe", "startupProbe"}.isdisjoint(rendered.agent)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, ("helm -n openstack test irqaffinity", "openstack-compute-node=enabled", "No broker is set")),
        (BROKER, ("irqaffinity status",)),
        (METRICS, ("port 9999",)),
        (NOVA_CONFIG, ("exec $pod -- irqaffinity --nova-config /etc/nova/nova.conf check",)),
        (OVERRIDES, ("for each in $(kubectl -n openstack get daemonset -l ", "No broker is set")),
        (RELAY, ("rollout status deployment/irqaffinity-relay",)),
        (SRIOV, ("No pod can be ordered before nova-compute", "No broker is set")),
        (RESET, ("rollout status daemonset/irqaffinity", "helm -n openstack uninstall irqaffinity")),
    ],
)
def test_the_notes_tell_how_to_see_that_it_works(tmp_path: Path, given: dict[str, Any], told: tuple[str, ...]) -> None:
    """helm shows notes when it has reached a cluster; as a manifest of a copy they are shown without."""
    text = render_notes(tmp_path, given)
    assert [each for each in told if each not in text] == []
    assert ("No broker is set" in text) == (given in ({}, METRICS, OVERRIDES, SRIOV))
    assert ("nova-compute, which" in text) == (given is SRIOV)


def render_notes(folder: Path, given: dict[str, Any]) -> str:
    copied = folder / "irqaffinity"
    for path in CHART.rglob("*"):
        if path.is_file():
            to = copied / path.relative_to(CHART)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(path.read_bytes())
    notes = (copied / "templates/NOTES.txt").read_text()
    (copied / "templates/notes.yaml").write_text(
        f'{{{{- define "notes" -}}}}{notes}{{{{- end -}}}}\nkind: Notes\ntext: {{{{ include "notes" . | toJson }}}}\n'
    )
    text: str = Chart(folder, copied).render(given).one("Notes")["text"]
    return text


def test_names_follow_the_release(chart: Chart) -> None:
    daemon_set = chart.render().one("DaemonSet")
    assert daemon_set["metadata"]["name"] == RELEASE
    named = chart.render({"fullnameOverride": "sriov-irqs"})
    names = {each["metadata"]["name"] for each in named.manifests}
    assert names == {"sriov-irqs", "sriov-irqs-etc", "sriov-irqs-check"}


def test_no_name_is_longer_than_that_of_a_service_may_be(chart: Chart) -> None:
    rendered = chart.render(RELAY_AND_METRICS | {"fullnameOverride": "a" * 253})
    assert "Service" in rendered.kinds()
    assert max(len(each["metadata"]["name"]) for each in rendered.manifests) <= 63
