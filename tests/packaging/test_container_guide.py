# SPDX-License-Identifier: Apache-2.0
"""The guide's line for podman, run by podman: what of the host can be read in the container, and what written."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.artefacts import TREE
from tests.packaging.namespace import Namespace
from tests.packaging.podman import CONTAINED

OURS = ("/run/irqaffinity", "/run/libvirt", "/etc/irqaffinity", "/var/lib/irqaffinity")
"""Folders of the host that the test has stand-ins for."""

TRACING = "/sys/kernel/tracing"


def guide() -> list[str]:
    """Return the options and the image of the guide's first `podman run`."""
    text = (TREE / "doc/container.rst").read_text()
    found = re.search(r"^    podman run ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    assert found is not None
    return shlex.split(found[1].replace("\\\n", " "))


def volumes() -> list[str]:
    words = guide()
    return [words[number + 1] for number, word in enumerate(words) if word == "--volume"]


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """One with the tracefs of this machine where hosts have it."""
    made = Namespace()
    try:
        done = made.run("mount", "-t", "tracefs", "none", TRACING, check=False)
        if done.returncode != 0:
            pytest.skip(f"needs a kernel with tracefs: {done.stderr}")
        yield made
    finally:
        made.close()


def run(namespace: Namespace, folder: Path, *command: str) -> str:
    """Return what a command of busybox prints in a container with the mounts and the rights of the guide."""
    root = folder / "root"
    (root / "bin").mkdir(parents=True, exist_ok=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    mounts = []
    for volume in volumes():
        source, rest = volume.split(":", 1)
        if source in OURS:
            source = str(folder / source.lstrip("/"))
            Path(source).mkdir(parents=True, exist_ok=True)
        mounts.append(f"--volume={source}:{rest}")
    engine = ["podman", f"--root={folder}/storage", f"--runroot={folder}/podman", "--runtime=crun"]
    options = ["--cgroup-manager=cgroupfs", "run", "--rm", *CONTAINED, *mounts, "--rootfs", str(root)]
    return namespace.run(*engine, *options, "/bin/busybox", *command).stdout


def test_only_what_has_to_be_is_writable(namespace: Namespace, short_folder: Path) -> None:
    rows = [line.split() for line in run(namespace, short_folder, "cat", "/proc/self/mountinfo").splitlines()]
    places = {row[4]: "rw" in row[5].split(",") for row in rows}
    expected = {"/host/proc/irq", f"/host{TRACING}/instances", "/run/irqaffinity", "/var/lib/irqaffinity"}
    theirs = {path for path in places if path.startswith(("/host", *OURS, "/etc/machine-id"))}
    assert {path for path in theirs if places[path]} == expected
    assert theirs == {volume.split(":")[1] for volume in volumes()}


def test_devices_are_seen_through_their_links(namespace: Namespace, short_folder: Path) -> None:
    devices = Path("/sys/bus/pci/devices")
    script = f"cd /host{devices} && /bin/busybox ls -d */vendor"
    listed = run(namespace, short_folder, "sh", "-c", script).split()
    assert set(listed) == {f"{device.name}/vendor" for device in devices.iterdir()}
    assert run(namespace, short_folder, "ls", "/host/sys").split() == ["bus", "class", "devices", "kernel", "module"]


def test_the_guide_asks_for_the_rights_that_are_tried_here() -> None:
    words = guide()
    assert set(words) >= {"--cap-drop", "all", "--security-opt", "no-new-privileges", "--read-only"}
