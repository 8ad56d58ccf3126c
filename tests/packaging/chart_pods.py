# SPDX-License-Identifier: Apache-2.0
"""Pods of the chart beside a libvirtd, for the tests of a module."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import Libvirtd, short_name
from tests.packaging.chart import Chart
from tests.packaging.pod import Pod

Start = Callable[..., Pod]


@pytest.fixture(scope="module")
def pod_libvirtd() -> Iterator[Libvirtd]:
    """A real libvirtd that is nobody else's, in a folder whose path is short enough for a socket."""
    with short_name() as folder:
        folder.chmod(0o755)
        daemon = Libvirtd(folder)
        try:
            daemon.start()
            yield daemon
        finally:
            daemon.end()


@pytest.fixture(scope="module")
def start_pod(chart: Chart, pod_libvirtd: Libvirtd) -> Iterator[Start]:
    """Starts a pod of the chart with values, beside the libvirtd of the tests; the agent's unless `of` names a kind."""
    pods: list[Pod] = []

    def run(
        values: dict[str, Any],
        *,
        of: str = "",
        tracefs: Path | None = None,
        irqbalance: Path | None = None,
        **options: Any,
    ) -> Pod:
        folder = pod_libvirtd.folder / f"pod-{len(pods)}"
        folder.mkdir()
        tracefs = tracefs or folder / "tracing"
        (tracefs / "instances").mkdir(parents=True, exist_ok=True)
        hosts = {"/run/libvirt": pod_libvirtd.folder / "sockets"}
        hosts |= {"/run/irqaffinity": folder / "run", "/var/lib/irqaffinity": folder / "state"}
        hosts |= {"/run/irqbalance": irqbalance or folder / "irqbalance"}
        hosts |= {"/sys/kernel/tracing": tracefs, "/sys/kernel/tracing/instances": tracefs / "instances"}
        rendered = chart.render(values).of(of) if of else chart.render(values)
        pods.append(Pod(rendered, folder, hosts, **options))
        pods[-1].start()
        return pods[-1]

    yield run
    for pod in pods:
        pod.kill()


def status(pod: Pod) -> dict[str, Any]:
    return dict(json.loads(pod.run("irqaffinity", "status", "-f", "json").stdout or "{}"))


def has_libvirt(pod: Pod) -> bool:
    return bool(status(pod).get("connections", {}).get("libvirt", {}).get("state") == "connected")
