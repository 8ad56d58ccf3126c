# SPDX-License-Identifier: Apache-2.0
"""Which irqbalance daemons are found, and that a made-up host leads to none of this machine's."""

import os
import socket
import struct
from pathlib import Path

import pytest

from irqaffinity.model.balance import Balancer
from irqaffinity.observe.balancers import can_miss, find_balancers, find_folder, find_others, is_stopped
from irqaffinity.observe.root import HostRoot
from tests.fakes.host import FakeHost


def test_only_this_machines_proc_leads_to_its_folder_unless_one_is_named(host: FakeHost) -> None:
    assert find_folder(HostRoot(), None) == "/run/irqbalance"
    assert find_folder(HostRoot("/proc/", "/sys"), None) == "/run/irqbalance"
    assert find_folder(HostRoot("/host/proc", "/sys"), None) is None
    assert find_folder(host.root, None) is None
    assert find_folder(host.root, "/host/run/irqbalance") == "/host/run/irqbalance"


def test_the_sockets_of_a_folder_are_named_by_their_processes(host: FakeHost, tmp_path: Path) -> None:
    folder = tmp_path / "sockets"
    assert find_balancers(host.root, str(folder)) == []
    assert can_miss(host.root, str(folder))
    folder.mkdir()
    for name in ("irqbalance12.sock", "irqbalance7.sock", "irqbalance07.sock", "irqbalance7.sock.x", "x", "irqbalance"):
        (folder / name).touch()
    assert find_balancers(host.root, str(folder)) == [
        Balancer(7, (f"{folder}/irqbalance7.sock",)),
        Balancer(12, (f"{folder}/irqbalance12.sock",)),
    ]
    assert not can_miss(host.root, str(folder))


def test_processes_of_a_made_up_host_are_no_address_on_this_machine(host: FakeHost) -> None:
    host.add_process(77, "irqbalance")
    assert find_others(host.root) == []


def test_abstract_names_can_be_connected_to_in_full_length() -> None:
    """Up to 1.9.4 irqbalance takes a name of NULs alone; here another one of the same length stands for it."""
    name = (b"\0irqaffinity" + str(os.getpid()).encode()).ljust(108, b"\0")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(name)
        server.listen()
        client.connect(name)
        peer = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    assert struct.unpack("3i", peer)[0] == os.getpid()


@pytest.mark.parametrize(("stat", "stopped"), [("7 (a) b) T 1", True), ("7 (T) S 1", False), ("7 (x) t 1", True)])
def test_a_stopped_process_is_known_by_its_state(host: FakeHost, stat: str, stopped: bool) -> None:
    assert not is_stopped(host.root, 7)
    host.put(host.proc / "7/stat", stat)
    assert is_stopped(host.root, 7) == stopped
