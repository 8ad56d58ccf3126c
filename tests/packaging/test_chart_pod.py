# SPDX-License-Identifier: Apache-2.0
"""The agent runs as the chart says, with its mounts, its rights, its environment and its probes; beside a libvirtd."""

import os
import re
import socket
import stat
import struct
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from irqaffinity.observe.rivals import ADVICE
from tests.functional.agent import wait_for
from tests.functional.conftest import Libvirtd
from tests.functional.rabbitmq import free_ports
from tests.packaging.chart_pods import Start, has_libvirt, status
from tests.packaging.chart_values import RESET
from tests.packaging.pod import Pod

POLL = {"conf": {"irqaffinity": {"vectors": {"source": "poll"}}}}
"""The trace instances of this machine may have another user: they are not touched unless they are what is tried."""

ENFORCE = {
    "host": {"tracefs": {"enabled": False}},
    "conf": {"irqaffinity": {"isolation": {"mode": "enforce", "housekeeping_cpus": "0"}}},
}


@pytest.fixture
def tracefs(tmp_path: Path) -> Iterator[Path]:
    """The tracefs of this machine."""
    folder = tmp_path / "tracing"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tracefs", "none", folder], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"needs a kernel with tracefs: {done.stderr}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(scope="module")
def pod(start_pod: Start) -> Pod:
    """The agent of the chart's own values, that logs each step."""
    return start_pod({"conf": {"irqaffinity": {"DEFAULT": {"debug": True}}}})


def check(pod: Pod) -> dict[str, tuple[str, str]]:
    """Return the verdict and the text of each line of what `helm test` runs."""
    (container,) = pod.rendered.one("Pod")["spec"]["containers"]
    lines = pod.run("irqaffinity", *container["args"]).stdout.splitlines()
    return {subject: (verdict, text) for subject, verdict, text in (line.split(maxsplit=2) for line in lines)}


def passes(pod: Pod, kind: str) -> bool:
    """Tell what a probe of the chart says."""
    return pod.run(*pod.rendered.agent[f"{kind}Probe"]["exec"]["command"]).returncode == 0


def writable(pod: Pod) -> set[str]:
    """Return where the host, or something else that lasts, can be written in the container."""
    inside = wait_for("the first process of the container", pod.process)

    def mounts() -> list[list[str]]:
        """Return the rows of mountinfo once the process has the root of the container, which it begins without."""
        rows = [line.split() for line in Path(f"/proc/{inside}/mountinfo").read_text().splitlines()]
        return rows if any(row[4].startswith("/host/") for row in rows) else []

    mounted = {row[4] for row in wait_for("the container's mounts", mounts) if "rw" in row[5].split(",")}
    return {path for path in mounted if path.startswith(("/host", "/run", "/var", "/etc"))}


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
        "isolation": "ok",
        "headroom": "ok",
        "broker": "ok",
        "agent": "ok",
    }
    assert told["configuration"][1] == "/etc/irqaffinity/irqaffinity.conf"
    assert told["libvirt"][1].startswith("qemu+unix:///system?socket=/run/libvirt/libvirt-sock-ro, libvirt ")
    assert told["rights"][1].startswith("/host/proc/irq/")
    names = ", ".join(ADVICE)
    assert told["rivals"][1] == f"not looked for: /host/proc shows no processes; look for {names} on the host"
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


def test_nothing_of_the_host_can_be_written_but_what_is_meant_to_be(start_pod: Start, tracefs: Path) -> None:
    """With its tracefs, in which instances alone can be made."""
    pod = start_pod(POLL, tracefs=tracefs)
    instances = "/host/sys/kernel/tracing/instances"
    assert writable(pod) == {"/host/proc/irq", "/run/irqaffinity", "/var/lib/irqaffinity", instances}
    own = f"{instances}/of-a-test-{os.getpid()}"
    assert pod.run("mkdir", own).returncode == 0
    assert (tracefs / "instances" / Path(own).name / "trace").exists()
    assert pod.run("rmdir", own).returncode == 0
    for name in ("trace", "kprobe_events", "tracing_on"):
        assert pod.run("tee", f"/host/sys/kernel/tracing/{name}").stderr.endswith("Read-only file system\n")


def test_tracefs_that_is_switched_off_is_not_there(start_pod: Start) -> None:
    """Nor is any other file system that the host has mounted below its /sys."""
    pod = start_pod({"host": {"tracefs": {"enabled": False}}})
    assert writable(pod) == {"/host/proc/irq", "/run/irqaffinity", "/var/lib/irqaffinity"}
    assert pod.run("ls", "/host/sys").stdout.split() == ["bus", "class", "devices", "kernel", "module"]
    assert pod.run("ls", "/host/sys/kernel").stdout.split() == ["irq"]
    assert check(pod)["vectors"][0] == "ok"


def test_an_agent_that_isolates_asks_irqbalance_and_can_write_no_more_of_the_host(
    start_pod: Start, short_folder: Path
) -> None:
    """irqbalance believes root alone. No guest runs, so nothing of this machine's is moved."""
    with socket.socket(socket.AF_UNIX) as irqbalance:
        irqbalance.bind(str(short_folder / "irqbalance1.sock"))
        irqbalance.listen()
        irqbalance.setblocking(False)
        pod = start_pod(ENFORCE, irqbalance=short_folder)
        with wait_for("a question to irqbalance", lambda: accept(irqbalance))[0] as asked:
            asked.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            text, ((_, kind, credentials),), *_ = asked.recvmsg(100, socket.CMSG_SPACE(12))
            assert (text, kind) == (b"setup", socket.SCM_CREDENTIALS)
            assert struct.unpack("3i", credentials)[1] == 0
            asked.sendall(b"SLEEP 10 BANNED 00000000")
    assert writable(pod) == {"/host/proc/irq", "/run/irqaffinity", "/var/lib/irqaffinity"}
    assert "default_smp_affinity" in pod.run("ls", "/host/proc/irq").stdout.split()


def test_an_agent_that_sets_functions_has_the_rights_for_it_and_no_more(start_pod: Start) -> None:
    """It declares none here, so nothing of this machine's is set."""
    pod = start_pod({"host": {"tracefs": {"enabled": False}, "sriov": {"apply": True}}}, own_network=False)
    assert writable(pod) >= {"/host/proc/irq", "/host/sys/devices", "/run/irqaffinity", "/var/lib/irqaffinity"}
    told = pod.run("grep", "CapEff", "/proc/self/status").stdout.split()
    assert int(told[1], 16) == 1 << 12 | 1 << 19, "CAP_NET_ADMIN and CAP_SYS_PTRACE"
    program = "from irqaffinity.observe.holders import *; print(find_holders(HostRoot('/host/proc'), ()).missing)"
    told = pod.run(sys.executable, "-c", program).stdout
    assert told != "", "the program could look"
    assert "does not show the processes" not in told, "the pod sees those of the host"
    assert pod.run("test", "-r", "/host/proc/sys/kernel/hostname").returncode == 0
    assert pod.run("test", "-w", "/host/proc/sys/kernel/hostname").returncode == 1, "the rest of /proc is read-only"


def accept(listener: socket.socket) -> list[socket.socket]:
    """Return the connection of somebody who waits, if one does, as a socket that waits for its text."""
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return []
    connection.setblocking(True)
    return [connection]


def test_the_links_of_sysfs_lead_somewhere(pod: Pod) -> None:
    folders = [f"/host/sys/{name}" for name in ("bus/pci/devices", "class/net", "class/iommu")]
    there = [folder for folder in folders if Path(folder.removeprefix("/host")).is_dir()]
    found = pod.run("find", *there, "-type", "l")
    assert len(found.stdout.splitlines()) >= len(list(Path("/sys/bus/pci/devices").iterdir()))
    assert pod.run("find", *there, "-xtype", "l").stdout == ""
    drivers = pod.run("sh", "-c", "readlink -e /host/sys/bus/pci/devices/*/driver").stdout.splitlines()
    assert len(drivers) == len(list(Path("/sys/bus/pci/devices").glob("*/driver")))


def test_nova_s_own_configuration_names_the_broker_and_does_not_end_the_agent(start_pod: Start) -> None:
    """Its log is no log of ours."""
    (port,) = free_ports(1)
    nova = f"[DEFAULT]\nlog_config_append = /none\ntransport_url = rabbit://nova:secret@127.0.0.1:{port}/nova\n"
    secrets = {"nova-etc": {"nova.conf": nova, "policy.yaml": "{}"}}
    pod = start_pod({"nova_config": {"secret": "nova-etc"}}, secrets=secrets)
    wait_for("libvirt in the status", lambda: has_libvirt(pod))
    told = check(pod)
    assert "/etc/nova/nova.conf (the broker, host and [pci] alone)" in told["configuration"][1]
    assert f"127.0.0.1:{port}" in told["broker"][1]
    assert pod.run("ls", "/etc/nova").stdout == "nova.conf\n"


def test_the_probes_of_the_chart_answer(pod: Pod) -> None:
    wait_for("libvirt in the status", lambda: has_libvirt(pod))
    wait_for("an agent that works", lambda: passes(pod, "readiness"))
    assert passes(pod, "startup")
    assert passes(pod, "liveness")


def test_uevents_are_heard_in_a_network_of_the_pods_own(pod: Pod) -> None:
    wait_for("libvirt in the status", lambda: has_libvirt(pod))
    device = next(Path("/sys/bus/pci/devices").iterdir())
    said = f"{device.name}: uevent bind"
    assert said not in pod.log.read_text()
    (device / "uevent").write_text("bind")
    wait_for("the uevent in the log", lambda: said in pod.log.read_text())


def test_a_libvirt_whose_socket_is_another_file_is_found_again(pod: Pod, pod_libvirtd: Libvirtd) -> None:
    """The folder of the sockets is mounted, and not a socket."""
    wait_for("libvirt in the status", lambda: has_libvirt(pod))
    socket = pod_libvirtd.folder / "sockets/libvirt-sock-ro"
    before = socket.stat().st_ctime_ns
    pod_libvirtd.stop()
    wait_for("a lost libvirt in the status", lambda: not has_libvirt(pod))
    assert (passes(pod, "liveness"), passes(pod, "readiness")) == (True, False)
    pod_libvirtd.start()
    assert socket.stat().st_ctime_ns != before
    wait_for("libvirt in the status again", lambda: has_libvirt(pod))


def test_over_http_and_with_the_processes_of_the_host(start_pod: Start) -> None:
    (port,) = free_ports(1)
    metrics = {"conf": {"irqaffinity": {"metrics": {"enabled": True, "port": port}}}}
    pod = start_pod(metrics | {"host": {"processes": True}}, own_network=False)
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


def test_before_it_goes_the_chart_gives_every_interrupt_back(start_pod: Start) -> None:
    pod = start_pod(RESET)
    wait_for("a container at rest", pod.process)
    assert pod.log.read_text() == "nothing was moved, so nothing was given back\n"
