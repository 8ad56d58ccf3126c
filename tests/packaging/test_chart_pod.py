# SPDX-License-Identifier: Apache-2.0
"""The agent runs as the chart says, with its mounts, its rights, its environment and its probes; beside a libvirtd."""

import json
import re
import shutil
import stat
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.agent import wait_for
from tests.functional.conftest import Libvirtd
from tests.functional.rabbitmq import free_ports
from tests.packaging.chart import Chart
from tests.packaging.chart_values import RESET
from tests.packaging.pod import Pod

Start = Callable[..., Pod]


@pytest.fixture(scope="module")
def libvirtd() -> Iterator[Libvirtd]:
    """A real libvirtd that is nobody else's, in a folder whose path is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="irqaffinity-", dir="/tmp"))
    folder.chmod(0o755)
    daemon = Libvirtd(folder)
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def start(chart: Chart, libvirtd: Libvirtd) -> Iterator[Start]:
    """Starts the chart's pod with values, beside the libvirtd of the tests."""
    pods: list[Pod] = []

    def run(values: dict[str, Any], *, own_network: bool = True) -> Pod:
        folder = libvirtd.folder / f"pod-{len(pods)}"
        folder.mkdir()
        hosts = {"/run/libvirt": libvirtd.folder / "sockets"}
        hosts |= {"/run/irqaffinity": folder / "run", "/var/lib/irqaffinity": folder / "state"}
        pods.append(Pod(chart.render(values), folder, hosts, own_network=own_network))
        pods[-1].start()
        return pods[-1]

    yield run
    for pod in pods:
        pod.kill()


@pytest.fixture(scope="module")
def pod(start: Start) -> Pod:
    """The agent of the chart's own values, that logs each step."""
    return start({"conf": {"irqaffinity": {"DEFAULT": {"debug": True}}}})


def status(pod: Pod) -> dict[str, Any]:
    return dict(json.loads(pod.run("irqaffinity", "status", "-f", "json").stdout or "{}"))


def has_libvirt(pod: Pod) -> bool:
    return bool(status(pod).get("connections", {}).get("libvirt", {}).get("state") == "connected")


def check(pod: Pod) -> dict[str, tuple[str, str]]:
    """Return the verdict and the text of each line of `irqaffinity check`."""
    lines = pod.run("irqaffinity", "check").stdout.splitlines()
    return {subject: (verdict, text) for subject, verdict, text in (line.split(maxsplit=2) for line in lines)}


def test_the_agent_has_all_it_needs(pod: Pod) -> None:
    wait_for("libvirt in the status", lambda: has_libvirt(pod))
    told = check(pod)
    assert {subject: verdict for subject, (verdict, _) in told.items()} == {
        "configuration": "ok",
        "host": "ok",
        "libvirt": "ok",
        "rights": "ok",
        "state": "ok",
        "vectors": "ok",
        "rivals": "ok",
        "broker": "FAILED",
        "agent": "ok",
    }
    assert told["configuration"][1] == "/etc/irqaffinity/irqaffinity.conf"
    assert told["libvirt"][1].startswith("qemu+unix:///system?socket=/run/libvirt/libvirt-sock-ro, libvirt ")
    assert told["rights"][1].startswith("/host/proc/irq/")
    assert told["rivals"][1] == "not looked for: /host/proc shows no processes; look for irqbalance on the host"
    assert told["broker"][1].startswith("no transport_url is set")
    assert status(pod)["host"] == "cmp-12"


def test_the_state_is_stored_on_the_host_for_root_alone(pod: Pod) -> None:
    """The kubelet makes the folder with mode 0755."""
    wait_for("libvirt in the status", lambda: has_libvirt(pod))
    assert status(pod)["state_unsaved"] is None
    folder = pod.folder / "state"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "agent.lock").exists()


def test_the_agent_has_no_capability_and_a_root_that_it_cannot_write(pod: Pod) -> None:
    inside = wait_for("the agent", pod.process)
    sets = re.findall(r"^Cap(?:Prm|Eff|Bnd|Amb):\t(\w+)$", Path(f"/proc/{inside}/status").read_text(), re.MULTILINE)
    assert sets == ["0" * 16] * 4
    assert pod.run("touch", "/file").stderr.strip().endswith("Read-only file system")
    assert pod.run("touch", "/host/sys/file").returncode != 0


def test_the_probe_of_the_chart_answers(pod: Pod) -> None:
    wait_for("libvirt in the status", lambda: has_libvirt(pod))
    probe = pod.run(*pod.rendered.agent["livenessProbe"]["exec"]["command"])
    assert (probe.returncode, probe.stderr) == (0, "")
    assert probe.stdout.startswith("agent          ok      pid 1, alive ")


def test_uevents_are_heard_in_a_network_of_the_pods_own(pod: Pod) -> None:
    wait_for("libvirt in the status", lambda: has_libvirt(pod))
    device = next(Path("/sys/bus/pci/devices").iterdir())
    said = f"{device.name}: uevent bind"
    assert said not in pod.log.read_text()
    (device / "uevent").write_text("bind")
    wait_for("the uevent in the log", lambda: said in pod.log.read_text())


def test_a_libvirt_whose_socket_is_another_file_is_found_again(pod: Pod, libvirtd: Libvirtd) -> None:
    """The folder of the sockets is mounted, and not a socket."""
    wait_for("libvirt in the status", lambda: has_libvirt(pod))
    socket = libvirtd.folder / "sockets/libvirt-sock-ro"
    before = socket.stat().st_ctime_ns
    libvirtd.stop()
    wait_for("a lost libvirt in the status", lambda: not has_libvirt(pod))
    libvirtd.start()
    assert socket.stat().st_ctime_ns != before
    wait_for("libvirt in the status again", lambda: has_libvirt(pod))


def test_over_http_and_with_the_processes_of_the_host(start: Start) -> None:
    (port,) = free_ports(1)
    metrics = {"conf": {"irqaffinity": {"metrics": {"enabled": True, "port": port}}}}
    pod = start(metrics | {"host": {"processes": True}}, own_network=False)
    wait_for("libvirt in the status", lambda: has_libvirt(pod))
    for kind in ("startup", "liveness", "readiness"):
        path = pod.rendered.agent[f"{kind}Probe"]["httpGet"]["path"]
        with urllib.request.urlopen(f"http://{pod.address}:{port}{path}") as answer:
            assert answer.status == 200
    told = check(pod)
    assert told["rivals"][1].startswith(("no other program", "irqbalance runs"))
    assert told["rights"][0] == "ok"
    assert pod.run("touch", "/host/proc/sys/vm/swappiness").returncode != 0
    assert pod.stop() == 0


def test_before_it_goes_the_chart_gives_every_interrupt_back(start: Start) -> None:
    pod = start(RESET)
    wait_for("a container at rest", pod.process)
    assert pod.log.read_text() == "0 guests, 0 devices, 0 interrupts\n"
