# SPDX-License-Identifier: Apache-2.0
"""Runs the pod of a rendered chart on this machine, with the mounts, rights and environment that it names.

Its root is a new one, read-only, with this machine's programs in it in place of an image. Mount, process and, where
wanted, network namespaces are its own, as is its /proc, in which irq is read-only as container runtimes have it.
"""

import base64
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.functional.agent import wait_for
from tests.packaging.chart import Manifest, Rendered
from tests.patience import HANG

PACKAGE = Path(__file__).parents[2] / "irqaffinity"
_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt")
_FILES = ("/etc/passwd", "/etc/group", "/etc/ld.so.cache", "/etc/hosts")
_NO_RIGHTS = ("setpriv", "--inh-caps=-all", "--no-new-privs", "--clear-groups")
_NODE = "cmp-12"


class Pod:
    """One pod. `start` is what the kubelet does, `run` what `kubectl exec` does."""

    def __init__(
        self,
        rendered: Rendered,
        folder: Path,
        hosts: Mapping[str, Path],
        *,
        own_network: bool = True,
        address: str = "127.0.0.7",
        secrets: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """`hosts` are the folders that stand for some of the host's own, by their path there.

        `secrets` are those that are not of the chart, by their name.
        """
        self.rendered = rendered
        self._secrets = secrets or {}
        self.folder = folder
        self._hosts = hosts
        self._network = ("--net",) if own_network else ()
        self._process: subprocess.Popen[bytes] | None = None
        self.address = address
        self.root = folder / "root"
        self.log = folder / "log"

    def start(self) -> None:
        """Run the containers before the agent's one after the other, and then the agent's."""
        (self.folder / "secret").mkdir()
        script = self.folder / "pod.sh"
        script.write_text("\n".join(self._script()))
        namespaces = ("unshare", "--mount", "--pid", "--fork", "--kill-child", *self._network)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen([*namespaces, "sh", script], stdout=log, stderr=log)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, and return what it printed."""
        inside = wait_for("the first process of the container", self.process)
        enter = ("nsenter", "--mount", "--pid", "--net", "--root", "--wd", "--target", str(inside))
        call = [*enter, *self._rights(), "env", "-i", *self._variables(), *command]
        return subprocess.run(call, capture_output=True, text=True, check=False)

    def helm_test(self) -> tuple[int, str]:
        """Run the pod of `helm test` on the same host to its end; return its exit status and its log."""
        (self.folder / "test").mkdir()
        rendered, own_network = self.rendered.of("Pod"), bool(self._network)
        pod = Pod(rendered, self.folder / "test", self._hosts, own_network=own_network, secrets=self._secrets)
        pod.start()
        assert pod._process is not None
        return pod._process.wait(timeout=HANG), pod.log.read_text()

    def stop(self) -> int:
        """Tell the agent to end, as the kubelet does, and return its exit status."""
        assert self._process is not None
        inside = wait_for("the first process of the container", self.process)
        os.kill(inside, signal.SIGTERM)
        return self._process.wait(timeout=HANG)

    def kill(self) -> None:
        """End what is left. Of a program that changes its user the kernel forgets that it goes with its parent."""
        if self._process is not None and self._process.poll() is None:
            for child in self._children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGKILL)
            self._process.kill()
            self._process.wait()

    def _children(self) -> list[str]:
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()

    def process(self) -> int | None:
        """Return the number that the container's first process has outside, once that is its own program."""
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        children = self._children()
        program = "\0".join(_command(self.rendered.agent)).encode()
        if not children or program not in Path(f"/proc/{children[0]}/cmdline").read_bytes():
            return None
        return int(children[0])

    def _script(self) -> Iterator[str]:
        """Give the commands that make the pod, and become its agent."""
        spec, agent = self.rendered.spec, self.rendered.agent
        yield from ("set -eu", "umask 022", "mount --make-rprivate /", *self._image())
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        for mount in agent["volumeMounts"]:
            yield from self._mount(volumes[mount["name"]], mount)
        yield f"mount -o remount,ro {self.root}"
        for container in spec.get("initContainers", ()):
            yield self._inside(_command(container))
        yield "exec " + self._inside(_command(agent))

    def _image(self) -> Iterator[str]:
        """Give the commands that make a root of this machine's programs, and what a runtime puts into it.

        Folders above the program are made anew: those of this machine may be closed to the pod's user.
        """
        root = self.root
        yield f"mkdir -p {root}; mount -t tmpfs root {root}; mkdir -p {root}/proc {root}/sys {root}/dev {root}/etc"
        for path in (*_PROGRAMS, *sorted({sys.prefix, sys.base_prefix, str(PACKAGE)})):
            yield f"[ ! -e {path} ] || {{ mkdir -p {root}{path}; mount --rbind {path} {root}{path}; }}"
        yield from (f"cp {path} {root}{path}" for path in _FILES)
        for device in ("/dev/null", "/dev/urandom"):
            yield f"touch {root}{device}; mount --bind {device} {root}{device}"
        yield f"mount -t proc proc {root}/proc"
        yield f"mount --bind {root}/proc/irq {root}/proc/irq; mount -o remount,bind,ro {root}/proc/irq"

    def _mount(self, volume: Manifest, mount: Manifest) -> Iterator[str]:
        """Give the commands that mount one volume, as the kubelet and a runtime do."""
        to = f"{self.root}{mount['mountPath']}"
        yield f"mkdir -p {Path(to).parent}"
        if "hostPath" in volume:
            source = self._hosts.get(volume["hostPath"]["path"], volume["hostPath"]["path"])
            kind = volume["hostPath"]["type"]
            yield f"mkdir -m 0755 -p {source}" if kind == "DirectoryOrCreate" else ":"
            yield f"touch {to}" if kind == "File" else f"mkdir -p {to}"
            yield f"mount --rbind {source} {to}"
        elif "secret" in volume:
            self._write_secret(volume["secret"], self.folder / "secret" / volume["name"])
            yield f"mkdir -p {to}; mount --bind {self.folder}/secret/{volume['name']} {to}"
        else:
            yield f"mkdir -p {to}; mount -t tmpfs empty {to}"
        if mount.get("readOnly"):
            yield f"mount -o remount,bind,ro {to}"

    def _write_secret(self, volume: Manifest, folder: Path) -> None:
        """Write the files of a Secret of the chart's or of somebody else's, those that are named or all of them."""
        name = volume["secretName"]
        data = self._secrets.get(name)
        if data is None:
            found = self.rendered.named("Secret", name)["data"]
            data = {key: base64.b64decode(content).decode() for key, content in found.items()}
        folder.mkdir()
        for item in volume.get("items", [{"key": key, "path": key} for key in data]):
            file = folder / item["path"]
            file.write_text(data[item["key"]])
            file.chmod(volume["defaultMode"])
            os.chown(file, 0, self.rendered.spec["securityContext"].get("fsGroup", 0))

    def _inside(self, command: Sequence[str]) -> str:
        return f"chroot {self.root} {' '.join(self._rights())} env -i {' '.join(self._variables())} {' '.join(command)}"

    def _rights(self) -> list[str]:
        """Return what takes all rights from a program but those of the pod's user, and the capabilities it asks for."""
        context = self.rendered.spec["securityContext"]
        added = self.rendered.agent["securityContext"]["capabilities"].get("add", ())
        bounding = ",".join(["-all", *(f"+{name.lower()}" for name in added)])
        return [
            *_NO_RIGHTS,
            f"--bounding-set={bounding}",
            f"--reuid={context['runAsUser']}",
            f"--regid={context['runAsGroup']}",
        ]

    def _variables(self) -> Iterator[str]:
        """Give the environment of the container, the downward API's values in it."""
        yield f"PATH={Path(sys.executable).parent}:/usr/bin:/bin"
        fields = {"spec.nodeName": _NODE, "status.podIP": self.address}
        known: dict[str, str] = {}
        for name, value in self.rendered.environment().items():
            text = value if isinstance(value, str) else fields[value["fieldRef"]["fieldPath"]]
            for other, its in known.items():
                text = text.replace(f"$({other})", its)
            known[name] = text
            yield f"{name}={text}"


def _command(container: Manifest) -> list[str]:
    """Return what a container runs: its command, or its arguments to the entry point of the image."""
    return container.get("command") or ["irqaffinity", *container["args"]]
