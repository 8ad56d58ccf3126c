# SPDX-License-Identifier: Apache-2.0
"""The agent as a process of its own, and a host of files that it works on."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from irqaffinity.state.one_agent import RUN
from tests.fakes.tree import HostTree
from tests.patience import HANG, Patience

T = TypeVar("T")

PROGRAM = Path(sys.executable).with_name("irqaffinity")
LIMIT = 60.0
"""Seconds of a quiet machine after which what is waited for will never come; see Patience."""

HOST = "cmp-1"
NODES = {0: "0-7", 1: "8-15"}


def wait_for(what: str, condition: Callable[[], T], limit: float = LIMIT) -> T:
    """Return what `condition` returns once that is true; fail when it never is."""
    patience = Patience(limit)
    while True:
        result = condition()
        if result:
            return result
        if patience.is_over():
            raise AssertionError(f"waited {patience.waited:.0f} s in vain for: {what}; the last answer was {result!r}")
        time.sleep(0.02)


class Agent:
    """One agent in a folder of its own, with its state, its status and its log."""

    def __init__(self, folder: Path, uri: str, tree: HostTree, transport_url: str | None = None) -> None:
        self.folder = folder
        self.tree = tree
        folder.mkdir(exist_ok=True)
        (folder / "state").mkdir(mode=0o700, exist_ok=True)
        self.options: dict[str, dict[str, object]] = {
            "DEFAULT": {"host": HOST, "debug": True},
            "host": {"proc": tree.proc, "sys": tree.sys},
            "libvirt": {"uri": uri},
            "state": {"path": folder / "state"},
            "status": {"path": folder / "run/status.json"},
        }
        if transport_url is not None:
            self.options["DEFAULT"]["transport_url"] = transport_url.replace("$", "$$")
        self.environment: dict[str, str] = {}
        self.arguments: list[str | Path] = ["--config-file", self.configuration]
        self.starter: list[str] = []
        """A command that starts the agent in surroundings of its own."""
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def configuration(self) -> Path:
        """The file that the agent reads."""
        return self.folder / "irqaffinity.conf"

    def set(self, group: str, **values: object) -> None:
        """Set options of the configuration."""
        self.options.setdefault(group, {}).update(values)

    def write_configuration(self) -> None:
        """Write the file."""
        lines: list[str] = []
        for group, values in self.options.items():
            lines += [f"[{group}]", *(f"{name} = {value}" for name, value in values.items())]
        self.configuration.write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        """Start the agent, and wait until its first pass has ended in some way."""
        self.launch()
        wait_for("the agent's status", self.has_started)

    def launch(self) -> None:
        """Start the process."""
        self.write_configuration()
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.starter, PROGRAM, *self.arguments, "agent"],
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
            )

    def has_started(self) -> bool:
        """Tell whether a full pass was tried; fail when the process has ended."""
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        audit = self.status().get("last_audit", {})
        return audit.get("time") is not None or audit.get("error") is not None

    def status(self) -> dict[str, Any]:
        """Return what the agent published last, empty when it did not."""
        try:
            found: dict[str, Any] = json.loads((self.folder / "run/status.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    def link(self, name: str) -> dict[str, Any]:
        """Return how the agent's connection to a peer is."""
        found: dict[str, Any] = self.status().get("connections", {}).get(name, {})
        return found

    def wait_connected(self, name: str) -> None:
        """Wait until a connection stands."""
        wait_for(f"the connection to {name}", lambda: self.link(name).get("state") == "connected")

    def log(self) -> str:
        """Return all that the agent wrote."""
        return (self.folder / "log").read_text(errors="replace")

    def wait_logged(self, text: str, times: int = 1) -> None:
        """Wait until the log has a text so many times."""
        wait_for(f"{text!r} in the log", lambda: self.log().count(text) >= times)

    def signal(self, number: int) -> None:
        """Send a signal to the agent."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, limit: float = LIMIT) -> int:
        """End the agent as systemd does, and return its exit status; the limit is one of `wait_for`."""
        self.signal(signal.SIGTERM)
        process = self.process
        assert process is not None
        wait_for("the agent's end", lambda: process.poll() is not None, limit)
        return int(process.returncode)

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the program with the agent's configuration."""
        command = [PROGRAM, *self.arguments, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG)

    def smp(self, number: int) -> str:
        """Return where an interrupt is."""
        return (self.tree.proc / f"irq/{number}/smp_affinity_list").read_text().strip()

    def wait_placed(self, **numbers: str) -> None:
        """Wait until interrupts, as `irq40="2-3"`, are where they belong."""
        wanted = {int(name.removeprefix("irq")): cpus for name, cpus in numbers.items()}
        wait_for(f"{wanted}", lambda: {number: self.smp(number) for number in wanted} == wanted)


@contextlib.contextmanager
def ended(agent: Agent) -> Iterator[Agent]:
    """End the agent however the test ends, and take away the lock in /run that one leaves which is killed."""
    irqs = (agent.tree.proc / "irq").stat()
    try:
        yield agent
    finally:
        agent.kill()
        with contextlib.suppress(OSError):
            os.unlink(f"{RUN}/agent-{irqs.st_dev:x}-{irqs.st_ino:x}.lock")
