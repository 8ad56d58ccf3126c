# SPDX-License-Identifier: Apache-2.0
"""The kernel's own uevents, which it sends when it is asked to (Linux, Documentation/ABI/testing/sysfs-uevent)."""

import contextlib
import os
from pathlib import Path

import pytest

from irqaffinity.listen.uevents import open_kernel_socket, receive
from tests.fakes.tree import HostTree
from tests.functional.agent import LIMIT, Agent, ended

NULL = "/devices/virtual/mem/null"


def ask(path: Path, action: str) -> None:
    """Have the kernel tell of a device once more; skip where /sys cannot be written."""
    try:
        (path / "uevent").write_text(action)
    except OSError as error:
        pytest.skip(f"the kernel cannot be asked for a uevent: {error}")


def test_the_kernel_is_heard(as_root: None) -> None:
    with contextlib.closing(open_kernel_socket()) as opened:
        opened.settimeout(LIMIT)
        ask(Path("/sys", NULL[1:]), "change")
        event = next(event for event in receive(opened) if event.get("DEVPATH") == NULL)
    assert (event["ACTION"], event["SUBSYSTEM"], event["DEVNAME"]) == ("change", "mem", "null")


def test_the_agent_hears_of_a_pci_device(as_root: None, tree: HostTree, tmp_path: Path) -> None:
    folder = Path("/sys/bus/pci/devices")
    names = sorted(os.listdir(folder)) if folder.exists() else []
    if not names:
        pytest.skip("this machine has no PCI device")
    with ended(Agent(tmp_path / "agent", "test:///default", tree)) as agent:
        agent.start()
        agent.wait_connected("uevents")
        ask(folder / names[0], "add")
        agent.wait_logged(f"{names[0]}: uevent add")
