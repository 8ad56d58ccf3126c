# SPDX-License-Identifier: Apache-2.0
"""Netlink of this kernel, in a network namespace of the test's own: a veth pair and bridges."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from irqaffinity.observe.netlink import open_netlink
from irqaffinity.observe.root import HostRoot

MAKE = """
set -e
{mount}
ip link add a0 type veth peer name b0
ip link add d0 type bridge
ip link add br0 type bridge
ip link set d0 address 02:00:00:00:00:0d
ip link set b0 master br0
ip link set a0 up
ip link set b0 up
ip address add 192.0.2.1/24 dev d0
exec {command}
"""
READ = """
import json, os, sys
from irqaffinity.observe.netlink import open_netlink
from irqaffinity.observe.root import HostRoot
if len(sys.argv) > 1:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
found = open_netlink(HostRoot())
links = None if found is None else {name: link._asdict() for name, link in found.links().items()}
print(json.dumps(links, default=dict))
"""
MOUNT = "mount -t sysfs none /sys"


def read_inside(tmp_path: Path, mount: str, *arguments: str) -> dict[str, dict[str, object]] | None:
    """Return the links that a process in a new network namespace sees."""
    (tmp_path / "read.py").write_text(READ)
    command = " ".join([sys.executable, str(tmp_path / "read.py"), *arguments])
    script = MAKE.format(mount=mount, command=command)
    done = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, object]] | None = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("user", [(), ("nobody",)], ids=["root", "nobody"])
def test_links_have_addresses_masters_and_macs(as_root: None, tmp_path: Path, user: tuple[str, ...]) -> None:
    found = read_inside(tmp_path, MOUNT, *user)
    assert found is not None
    assert set(found) >= {"lo", "a0", "b0", "d0", "br0"}
    assert (found["d0"]["address"], found["d0"]["has_addresses"], found["d0"]["is_up"]) == (
        "02:00:00:00:00:0d",
        True,
        False,
    )
    assert (found["b0"]["master"], found["b0"]["is_up"], found["b0"]["has_addresses"]) == ("br0", True, False)
    assert (found["a0"]["master"], found["a0"]["is_up"]) == (None, True)
    assert not found["a0"]["has_addresses"]  # the kernel's own fe80::/64 alone
    assert all(link["vfs"] == {} and link["trouble"] is None for link in found.values())


def test_the_links_of_another_namespace_than_that_of_sysfs_are_not_this_hosts(as_root: None, tmp_path: Path) -> None:
    if os.listdir("/sys/class/net") in ([], ["lo"]):
        pytest.skip("this machine has no network interface to tell its namespace by")
    assert read_inside(tmp_path, "") is None


def test_the_netlink_of_this_process_is_that_of_its_own_sysfs_alone(tmp_path: Path) -> None:
    (tmp_path / "class/net").mkdir(parents=True)
    assert open_netlink(HostRoot(sys=str(tmp_path))) is None
    assert open_netlink(HostRoot(sys=str(tmp_path / "none"))) is None
    (tmp_path / "own").symlink_to("/sys")
    found = open_netlink(HostRoot(sys=str(tmp_path / "own")))
    if found is None:
        pytest.skip("this process has a network namespace of its own, which its /sys does not show")
    assert found.links()["lo"].is_up in (True, False)
