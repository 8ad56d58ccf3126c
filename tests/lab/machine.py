# SPDX-License-Identifier: Apache-2.0
"""A virtual machine with 8 CPUs in two NUMA nodes, an SR-IOV NVMe controller and a NIC on either; and its runner."""

import contextlib
import json
import logging
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.artefacts import TREE
from tests.lab import emulator, parts
from tests.lab.progress import Progress, processor_time

LOG = logging.getLogger(__name__)

BOOT_LIMIT = 180.0
"""Seconds of the machine's own (see Progress) until the runner's first line."""

CALL_LIMIT = 900.0
"""Seconds of the machine's own that one call may take; each has limits of its own, which say more."""

_LOOK = 1.0
"""Seconds between two looks at a machine that is waited for."""

_BOOTS = 3
_PROMPT = b"(qemu) "
_START = """\
set -e
mkdir -p /opt/irqaffinity /opt/tree /etc/systemd/system /lib/modules /sys/fs/cgroup
mount --bind {prefix} /opt/irqaffinity
mount --bind {tree} /opt/tree
ln -sfn {modules} /lib/modules/{release}
for unit in /lib/systemd/system/sysinit.target.wants/* /lib/systemd/system/sockets.target.wants/*; do
    ln -sf /dev/null /etc/systemd/system/${{unit##*/}}
done
cat >/etc/systemd/system/lab.target <<END
[Unit]
Requires=runner.service
AllowIsolate=yes
END
cat >/etc/systemd/system/runner.service <<END
[Unit]
DefaultDependencies=no
[Service]
Environment=PYTHONPATH=/opt/tree LC_ALL=C.UTF-8
ExecStart={python} -m tests.lab.inside.runner
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
KillMode=process
END
exec {systemd} --unit=lab.target --log-target=console --log-level=warning --show-status=no
"""


class MachineDied(Exception):
    """The machine ended, or does not answer; str() says what it printed last."""


class CallFailed(Exception):
    """What was called inside the machine raised; str() is its traceback."""


class Machine:
    """One booted machine. `call` carries a function out inside it."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], channel: socket.socket) -> None:
        self.folder = folder
        self._process = process
        self._channel = channel
        self._received = b""
        self._calls = 0
        self._progress = Progress(lambda: processor_time(process.pid))
        self._step = "the boot"

    def call(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call a function of tests.lab.inside in the machine; arguments and result are JSON.

        Raises CallFailed where it raised, and MachineDied.
        """
        self._calls += 1
        name = f"{function.__module__}:{function.__qualname__}"
        start = time.monotonic()
        request = {"id": self._calls, "function": name, "arguments": arguments, "named": named}
        self._channel.sendall(json.dumps(request).encode() + b"\n")
        shown = ", ".join([*map(repr, arguments), *(f"{key}={value!r}" for key, value in named.items())])
        self._step = f"{name.rpartition('.')[2]}({shown})"
        answer = self._answer_to(self._calls)
        LOG.info("%5.1f s  %s", time.monotonic() - start, self._step)
        if "error" in answer:
            raise CallFailed(f"{self._step}: {answer['error']}")
        return answer["result"]

    def stand_still(self) -> None:
        """Stop the machine and its clock, so that it takes no CPU time until `go_on`."""
        self._command("stop")

    def go_on(self) -> None:
        """Let the machine go on."""
        self._command("cont")

    def wait_until_ready(self) -> None:
        """Wait for the runner's first line; how long it took says how fast the machine is."""
        self._read(BOOT_LIMIT)
        self._progress.calibrate()

    @property
    def printed(self) -> str:
        """What the kernel and the runner printed."""
        log = self.folder / "serial.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def _command(self, command: str) -> None:
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self.folder / "monitor"))
            said = b""
            for text in (b"", command.encode() + b"\n"):
                monitor.sendall(text)
                while not said.endswith(_PROMPT):
                    if not (chunk := monitor.recv(4096)):
                        raise MachineDied(self._told(f"QEMU ended before {command!r}"))
                    said += chunk
                said = b""

    def _answer_to(self, call: int) -> dict[str, Any]:
        """Return the answer to a call; until then, tell the machine of its own time whenever a limit ran out in it."""
        while True:
            answer = self._read(CALL_LIMIT)
            if "waiting" in answer:
                own = self._progress.during_last(answer["waited"])
                LOG.info("%5.1f s  of which %.1f s its own: waits for %s", answer["waited"], own, answer["waiting"])
                self._channel.sendall(json.dumps({"own": own}).encode() + b"\n")
            elif answer["id"] == call:
                return answer

    def _read(self, limit: float) -> dict[str, Any]:
        """Return the machine's next line; `limit` is in seconds of its own."""
        begin = self._progress.own()
        self._channel.settimeout(_LOOK)
        while b"\n" not in self._received:
            try:
                chunk = self._channel.recv(65536)
            except TimeoutError:
                if self._progress.own() - begin > limit:
                    raise MachineDied(self._told(f"no answer within {limit:g} s of its own time")) from None
                continue
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                raise MachineDied(self._told(f"QEMU ended with {self._process.wait()}"))
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _told(self, fact: str) -> str:
        return f"{fact}, during {self._step}; printed last:\n{self.printed[-2000:]}"


@contextlib.contextmanager
def booted(append: str = "", sriov_nics: Sequence[int] = ()) -> Iterator[Machine]:
    """Boot a machine with more on its kernel's command line, and end it with everything that was its own.

    It has a NIC with SR-IOV on each of the nodes `sriov_nics`.

    It is booted again where it died before the runner's first line: emulated machines now and then do.
    """
    for left in reversed(range(_BOOTS)):
        with _boot(append, sriov_nics) as machine:
            try:
                machine.wait_until_ready()
            except MachineDied as error:
                if not left or "QEMU ended" not in str(error):
                    raise
                LOG.warning("the machine died before its runner began, and is booted again: %s", error)
                continue
            yield machine
            return


@contextlib.contextmanager
def _boot(append: str, sriov_nics: Sequence[int]) -> Iterator[Machine]:
    kernel = parts.kernel()
    with tempfile.TemporaryDirectory(prefix="lab-") as name:
        folder = Path(name)
        start = _START.format(
            prefix=sys.prefix,
            python=sys.executable,
            tree=TREE,
            modules=kernel.modules,
            release=kernel.release,
            systemd="/lib/systemd/systemd",
        )
        (folder / "share").mkdir()
        (folder / "share/start").write_text(start)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / "runner"))
            listener.listen()
            with open(folder / "qemu.log", "wb") as log:
                command = emulator.command(kernel, folder, append, sriov_nics)
                process = subprocess.Popen(command, stdout=log, stderr=log)
            try:
                with _accept(listener, process, folder) as channel:
                    yield Machine(folder, process, channel)
            finally:
                process.kill()
                process.wait()


def _accept(listener: socket.socket, process: subprocess.Popen[bytes], folder: Path) -> socket.socket:
    """Return QEMU's end of the runner's line, which it opens as soon as it starts."""
    listener.settimeout(_LOOK)
    while process.poll() is None:
        with contextlib.suppress(TimeoutError):
            return listener.accept()[0]
    log = (folder / "qemu.log").read_text(errors="replace")
    raise MachineDied(f"QEMU ended with {process.returncode} before it began; printed last:\n{log[-2000:]}")
