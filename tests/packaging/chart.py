# SPDX-License-Identifier: Apache-2.0
"""The chart, rendered by helm itself."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

CHART = Path(__file__).parents[2] / "deploy/helm/irqaffinity"
RELEASE, NAMESPACE = "irqaffinity", "openstack"
_HELM = Path(sys.executable).with_name("helm")

Manifest = dict[str, Any]
Values = Mapping[str, Any]


class Refused(Exception):
    """helm made no manifest; str() is what it said."""


def helm(*arguments: str | Path, folder: Path) -> str:
    """Return what helm prints; its own files go to `folder`. Raises Refused."""
    homes = {f"HELM_{name}_HOME": str(folder / name) for name in ("CACHE", "CONFIG", "DATA")}
    done = subprocess.run([_HELM, *arguments], env=os.environ | homes, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


class Chart:
    """The chart with values; each rendering is a run of helm, and the same one is not run again."""

    def __init__(self, folder: Path, path: Path = CHART) -> None:
        self._folder = folder
        self._path = path
        self._rendered: dict[str, str] = {}

    def lint(self, values: Values) -> str:
        """Return what helm's own judge says; raise Refused."""
        return helm("lint", "--strict", self._path, *self._given(values), folder=self._folder)

    def render(self, values: Values | None = None, kubernetes: str = "1.33.0") -> "Rendered":
        """Return the manifests for a version of Kubernetes; raise Refused."""
        key = f"{kubernetes} {json.dumps(values)}"
        if key not in self._rendered:
            call = ("template", RELEASE, self._path, "--namespace", NAMESPACE, "--kube-version", kubernetes)
            self._rendered[key] = helm(*call, *self._given(values or {}), folder=self._folder)
        return Rendered([manifest for manifest in yaml.safe_load_all(self._rendered[key]) if manifest])

    def _given(self, values: Values) -> tuple[str | Path, ...]:
        given = self._folder / "given.json"
        given.write_text(json.dumps(values))
        return ("--values", given)


class Rendered:
    """All manifests of one rendering."""

    def __init__(self, manifests: list[Manifest]) -> None:
        self.manifests = manifests

    def kinds(self) -> list[str]:
        """Return the kind of each manifest, sorted."""
        return sorted(manifest["kind"] for manifest in self.manifests)

    def one(self, kind: str) -> Manifest:
        """Return the only manifest of its kind."""
        (found,) = (manifest for manifest in self.manifests if manifest["kind"] == kind)
        return found

    def named(self, kind: str, name: str) -> Manifest:
        """Return a manifest by its kind and its name."""
        (found,) = (each for each in self.manifests if (each["kind"], each["metadata"].get("name")) == (kind, name))
        return found

    def agents(self) -> list["Rendered"]:
        """Return the same once for each DaemonSet, as what it would be if this were the only one."""
        rest = [manifest for manifest in self.manifests if manifest["kind"] != "DaemonSet"]
        sets = [manifest for manifest in self.manifests if manifest["kind"] == "DaemonSet"]
        return [Rendered([each, *rest]) for each in sets]

    def of(self, kind: str) -> "Rendered":
        """Return the same with the pods of another manifest, such as the Deployment, in the agent's place."""
        maker = self.one(kind)
        template = maker if kind == "Pod" else maker["spec"]["template"]
        rest = [manifest for manifest in self.manifests if manifest["kind"] != "DaemonSet"]
        return Rendered([{"kind": "DaemonSet", "metadata": {}, "spec": {"template": template}}, *rest])

    def specs(self) -> list[Manifest]:
        """Return what the pods of each manifest that makes some are made of."""
        found = [each["spec"] for each in self.manifests if each["kind"] == "Pod"]
        makers = (each for each in self.manifests if each["kind"] in ("DaemonSet", "Deployment"))
        return [*found, *(each["spec"]["template"]["spec"] for each in makers)]

    @property
    def relay(self) -> Manifest:
        """What the relay's pods are made of."""
        spec: Manifest = self.one("Deployment")["spec"]["template"]["spec"]
        return spec

    @property
    def pod(self) -> Manifest:
        """The template of the agent's pods."""
        template: Manifest = self.one("DaemonSet")["spec"]["template"]
        return template

    @property
    def spec(self) -> Manifest:
        """What these pods are made of."""
        spec: Manifest = self.pod["spec"]
        return spec

    @property
    def agent(self) -> Manifest:
        """The container of the agent."""
        (container,) = self.spec["containers"]
        found: Manifest = container
        return found

    @property
    def configuration(self) -> str:
        """The file irqaffinity.conf of the agent."""
        return self.file_of(self.spec)

    def file_of(self, spec: Manifest) -> str:
        """Return the file irqaffinity.conf of a pod."""
        return self.files_of(spec)["irqaffinity.conf"]

    def files_of(self, spec: Manifest) -> dict[str, str]:
        """Return the files of /etc/irqaffinity of a pod by their names."""
        (name,) = (volume["secret"]["secretName"] for volume in spec["volumes"] if volume["name"] == "etc")
        data = self.named("Secret", name)["data"]
        return {file: base64.b64decode(text).decode() for file, text in data.items()}

    @property
    def checksum(self) -> str:
        """The annotation that rolls the pods when the configuration changes."""
        annotation: str = self.pod["metadata"]["annotations"]["checksum/conf"]
        return annotation

    def mounts(self) -> dict[str, tuple[str, Manifest]]:
        """Return the path in the agent's container, the mount and its volume by the volume's name."""
        volumes = {volume["name"]: volume for volume in self.spec["volumes"]}
        return {
            mount["name"]: (mount["mountPath"], mount | volumes[mount["name"]]) for mount in self.agent["volumeMounts"]
        }

    def environment(self) -> dict[str, Any]:
        """Return the environment of the agent's container: a value, or where it comes from."""
        return {each["name"]: each.get("value", each.get("valueFrom")) for each in self.agent.get("env", ())}

    def validate(self, kubernetes: str) -> None:
        """Raise what kubernetes-validate does for a manifest that this version of Kubernetes does not know so."""
        for manifest in self.manifests:
            if manifest["apiVersion"].endswith("monitoring.coreos.com/v1"):
                continue  # Kubernetes itself does not know it
            kubernetes_validate.validate(manifest, kubernetes, strict=True)
