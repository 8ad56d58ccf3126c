# SPDX-License-Identifier: Apache-2.0
"""A copy of a root that is thrown away: everything is real in it but what lasts."""

import os
import subprocess
from pathlib import Path

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_START = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/changed" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/changed,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
exec chroot "$1/root" sh -c 'echo ready; exec sleep infinity >/dev/null'
"""


class Sandbox:
    """The root `lower` with an empty layer in memory above it, in mount and process namespaces of its own.

    The namespaces hold all mounts and processes, and go with the one process that holds them, which goes with the tests
    at the latest. Needs root.
    """

    def __init__(self, lower: Path, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        namespaces = ["setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"]
        command = [*namespaces, "sh", "-c", _START, "sh", folder, lower]
        self._holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None
        with self._holder.stdout as told:
            assert told.readline() == "ready\n", "the sandbox could not be made: root and overlayfs are needed"
        self.pid = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text().strip()
        """Of the first process inside, as it is known outside."""

    def path(self, inside: str) -> Path:
        """Return where something inside can be looked at, and changed, from outside."""
        return Path(f"/proc/{self.pid}/root{inside}")

    def run(self, *command: str | Path, folder: str = "/", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command as root; its standard error comes with its output."""
        inside = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--root", f"--wdns={folder}"]
        base = {"PATH": SYSTEM_PATH, "HOME": "/root", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        base |= {name: os.environ[name] for name in os.environ if name.startswith("PIP_") or name.endswith("_proxy")}
        return subprocess.run(
            [*inside, *command],
            env=base | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def close(self) -> None:
        """Throw it away, with all that runs in it."""
        self._holder.kill()
        self._holder.wait()
