# SPDX-License-Identifier: Apache-2.0
"""podman, which runs the image as the guide tells to; and the agent in it."""

import subprocess
from pathlib import Path

from tests.fakes.tree import HostTree
from tests.functional.agent import Agent
from tests.packaging.image import IMAGE
from tests.packaging.namespace import Namespace

CONTAINED = [
    # what the guide takes from the agent, and podman's own folders in memory besides
    *("--cap-drop=all", "--security-opt=no-new-privileges", "--read-only", "--read-only-tmpfs=false"),
    # what the machine of a test may lack: a registry, cgroups and limits that can be changed, a network of podman's
    *("--pull=never", "--cgroups=disabled", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024", "--network=host"),
]
"""Options of `podman run`."""

AGENT = "agent"


class Podman:
    """Containers in a folder that goes, of images that are only read."""

    def __init__(self, namespace: Namespace, images: Path, folder: Path) -> None:
        self._namespace = namespace
        self._engine = [
            *("env", "DISABLE_HC_SYSTEMD=true"),  # no systemd of this machine's shall repeat the health checks
            "podman",
            f"--root={folder}/storage",
            f"--runroot={folder}/run",
            f"--storage-opt=overlay.additionalimagestore={images}",
            "--runtime=crun",
            "--cgroup-manager=cgroupfs",
        ]

    def command(self, *arguments: str | Path) -> list[str]:
        """Return a podman command as it is run from outside."""
        return self._namespace.command(*self._engine, *arguments)

    def __call__(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a podman command."""
        return self._namespace.run(*self._engine, *arguments, check=check)

    def irqaffinity(self, *arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run one command of the program in a container of its own."""
        return self("run", "--rm", *CONTAINED, *options, IMAGE, *arguments, check=False)


class ContainedAgent(Agent):
    """The agent as a container, on a host of files. Of libvirt it has the folder of the sockets."""

    def __init__(self, folder: Path, podman: Podman, tree: HostTree, sockets: Path) -> None:
        super().__init__(folder, "test+unix:///default?socket=/run/libvirt/libvirt-sock", tree)
        (folder / "run").mkdir()
        self.set("host", proc="/host/proc", sys="/host/sys")
        self.set("state", path="/var/lib/irqaffinity")
        self.set("status", path="/run/irqaffinity/status.json")
        self._podman = podman
        self._mounts = {
            self.configuration: "/etc/irqaffinity/irqaffinity.conf:ro",
            tree.proc / "irq": "/host/proc/irq",
            tree.sys: "/host/sys:ro",
            sockets: "/run/libvirt:ro,rslave",
            folder / "state": "/var/lib/irqaffinity",
            folder / "run": "/run/irqaffinity",
        }

    def launch(self) -> None:
        """Start the container in the foreground; podman hands signals on to it."""
        self.write_configuration()
        mounts = [f"--volume={outside}:{inside}" for outside, inside in self._mounts.items()]
        command = self._podman.command("run", "--rm", f"--name={AGENT}", *CONTAINED, *mounts, IMAGE)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        """End the container at once, if it runs."""
        self._podman("rm", "--force", "--ignore", "--time=0", AGENT)
        super().kill()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the program beside the agent."""
        return self._podman("exec", AGENT, "irqaffinity", *arguments, check=False)
