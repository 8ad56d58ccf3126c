# SPDX-License-Identifier: Apache-2.0
"""The kernel's own uevents, which it sends when it is asked to (Linux, Documentation/ABI/testing/sysfs-uevent)."""

import contextlib
import os
import socket
from pathlib import Path

import pytest

from irqaffinity.listen.uevents import open_kernel_socket, receive
from tests.fakes.tree import HostTree
from tests.functional.agent import LIMIT, Agent, ended

NETLINK_KOBJECT_UEVENT = 15
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


def test_what_another_process_sends_is_not_heeded(as_root: None) -> None:
    """Root alone can send it at all."""
    forged = b"add@/devices/forged\0ACTION=add\0DEVPATH=/devices/forged\0SUBSYSTEM=pci\0"
    with (
        contextlib.closing(open_kernel_socket()) as opened,
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT) as other,
    ):
        opened.settimeout(LIMIT)
        other.sendto(forged, (opened.getsockname()[0], 0))
        ask(Path("/sys", NULL[1:]), "change")
        paths = []
        for event in receive(opened):
            paths.append(event.get("DEVPATH"))
            if paths[-1] == NULL:
                break
    assert "/devices/forged" not in paths


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
