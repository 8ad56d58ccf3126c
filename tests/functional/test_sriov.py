# SPDX-License-Identifier: Apache-2.0
"""The agent makes virtual functions before it is ready, holds up no placement for it, and keeps watch.

A full pipe stands for a kernel that takes its time to make them; libvirt is its own test driver.
"""

import fcntl
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.tree import HostTree, sriov_host
from tests.functional.agent import NODES, Agent, ended, wait_for

PF = "0000:41:00.1"


class Kernel:
    """What is behind `sriov_numvfs` of the port `ens1f1`."""

    def __init__(self, tree: HostTree) -> None:
        self.tree = tree
        self.folder = tree.device_folder(PF)
        self.file = self.folder / "sriov_numvfs"
        self.file.unlink()
        os.mkfifo(self.file)
        self.pipe = os.open(self.file, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self.pipe, fcntl.F_SETPIPE_SZ, 4096)
        os.write(self.pipe, bytes(4096))

    def is_asked(self) -> bool:
        """Tell whether somebody writes: who holds the lock, and listens to nobody any more."""
        locks = (line.split() for line in Path("/proc/locks").read_text().splitlines())
        pids = [fields[-4] for fields in locks if fields[-3].endswith(f":{self.file.stat().st_ino}")]
        return any(os.readlink(f"/proc/{pid}/fd/0") == os.devnull for pid in pids)

    def is_left(self) -> bool:
        """Tell whether nobody holds the lock."""
        return f":{self.file.stat().st_ino} " not in Path("/proc/locks").read_text()

    def make(self, number: int) -> str:
        """Make the functions, let the one who writes go on, and return what was written."""
        for index in range(number):
            address = f"0000:41:03.{index}"
            function = self.tree.add_device(address, 0, "iavf", product="0x1889", parent=PF)
            self.tree.link(self.folder / f"virtfn{index}", function)
        os.read(self.pipe, 4096)
        return wait_for("what is written", self._read)

    def _read(self) -> str:
        try:
            return os.read(self.pipe, 4096).decode()
        except BlockingIOError:
            return ""


@pytest.fixture
def tree(tmp_path: Path) -> HostTree:
    made = HostTree(tmp_path / "host", NODES, "0-15")
    sriov_host(made)
    return made


@pytest.fixture
def kernel(tree: HostTree) -> Iterator[Kernel]:
    made = Kernel(tree)
    yield made
    os.close(made.pipe)


@pytest.fixture
def agent(tree: HostTree, tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path / "agent", "test:///default", tree)
    made.set("audit", interval=1)
    with ended(made):
        yield made


def declare(agent: Agent, **keys: Any) -> None:
    agent.set("sriov", apply="watch", pf=json.dumps({"devname": "ens1f1", "numvfs": 2, **keys}))
    agent.write_configuration()


def test_functions_are_made_at_the_start_and_kept_as_declared(agent: Agent, kernel: Kernel, tmp_path: Path) -> None:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.setblocking(False)
    agent.environment["NOTIFY_SOCKET"] = str(tmp_path / "notify")
    declare(agent, vf={"trust": True})
    agent.start()
    wait_for("the write", kernel.is_asked)
    assert agent.has_started(), "the first pass does not wait for it"
    assert kernel.make(2) == "2"
    wait_for("the status", lambda: agent.status().get("sriov"))
    wait_for("READY", lambda: "READY=1" in _heard(manager))
    agent.wait_logged("sriov: ens1f1 0000:41:00.1: numvfs from 0 to 2: set")
    (row,) = wait_for("the status", lambda: agent.status()["sriov"]["drifts"])
    assert (row["vfs"], row["setting"], row["verdict"]) == ("0-1", "trust", "unsupported")
    agent.wait_logged("VF 0-1: trust from unknown to true: unsupported")

    declare(agent, autoprobe=False)
    agent.signal(signal.SIGHUP)
    agent.wait_logged("sriov: ens1f1 0000:41:00.1: autoprobe from true to false: set")
    agent.tree.put(kernel.folder / "sriov_drivers_autoprobe", "1")
    agent.wait_logged("sriov: ens1f1 0000:41:00.1: autoprobe from true to false: set", times=2)
    lines = json.loads(agent.run("history", "--cause", "sriov", "-f", "json").stdout)["lines"]
    assert [(line["device"], line["irqs"], line["to"]) for line in lines] == [
        (PF, "numvfs", "2"),
        (PF, "autoprobe", "false"),
        (PF, "autoprobe", "false"),
    ]
    assert agent.log().count("trust from unknown to true") == 1
    manager.close()
    assert agent.stop() == 0


def _heard(manager: socket.socket) -> str:
    try:
        return manager.recv(1 << 16).decode()
    except BlockingIOError:
        return ""


def test_an_agent_that_ends_leaves_a_kernel_that_hangs(agent: Agent, kernel: Kernel) -> None:
    declare(agent)
    agent.start()
    wait_for("the write", kernel.is_asked)
    assert agent.stop() == 0
    assert kernel.is_asked()
    assert kernel.make(2) == "2"
    wait_for("the end of the write", kernel.is_left)


def test_what_a_hold_deferred_is_set_as_soon_as_it_is_lifted(agent: Agent) -> None:
    agent.set("audit", interval=3600)
    agent.set("sriov", apply="start", pf=json.dumps({"devname": "ens1f0", "autoprobe": False}))
    agent.write_configuration()
    assert agent.run("hold", "--reason", "upgrade").returncode == 0
    agent.start()
    (row,) = wait_for("the status", lambda: (agent.status().get("sriov") or {}).get("drifts"))
    assert (row["setting"], row["verdict"]) == ("autoprobe", "held")
    assert agent.run("unhold").returncode == 0
    agent.wait_logged("sriov: ens1f0 0000:41:00.0: autoprobe from true to false: set")
