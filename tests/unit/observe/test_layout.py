# SPDX-License-Identifier: Apache-2.0
"""How the CPUs of a host lie."""

from pathlib import Path

import pytest

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.layout import NodeLayout
from irqaffinity.observe.layout import read_layout
from irqaffinity.observe.root import HostUnreadable
from tests.fakes.host import FakeHost
from tests.fakes.snapshots import cpus


def add_core(host: FakeHost, siblings: str, socket: int) -> None:
    for cpu in CpuSet.parse(siblings):
        folder = host.sys / f"devices/system/cpu/cpu{cpu}/topology"
        host.put(folder / "thread_siblings_list", siblings)
        host.put(folder / "physical_package_id", str(socket))


def test_nodes_sockets_cores_and_what_is_offline_or_isolated(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, {0: "0-1,4", 1: "2-3,6-7", 2: ""}, "0-4,6-7")
    host.put(host.sys / "devices/system/cpu/present", "0-7")
    host.put(host.sys / "devices/system/cpu/isolated", "4-7")
    host.link(host.sys / "devices/system/cpu/cpu5/node0", host.sys / "devices/system/node/node0")
    for siblings, socket in (("0,4", 0), ("1", 0), ("2,6", 1), ("3,7", 1)):
        add_core(host, siblings, socket)
    assert read_layout(host.root) == (
        NodeLayout(0, cpus("0-1,4-5"), cpus("5"), cpus("4-5"), {0: cpus("0-1,4")}, (cpus("0,4"), cpus("1"))),
        NodeLayout(1, cpus("2-3,6-7"), cpus(""), cpus("6-7"), {1: cpus("2-3,6-7")}, (cpus("2,6"), cpus("3,7"))),
        NodeLayout(2, cpus(""), cpus(""), cpus(""), {}, ()),
    )


def test_a_kernel_without_numa_has_all_cpus_in_no_node(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, {}, "0-2")
    host.put(host.sys / "devices/system/cpu/present", "0-3")
    host.put(host.sys / "devices/system/cpu/isolated", "")
    assert read_layout(host.root) == (NodeLayout(None, cpus("0-3"), cpus("3"), cpus("")),)


def test_what_the_host_does_not_tell_is_unknown(host: FakeHost) -> None:
    host.put(host.sys / "devices/system/cpu/isolated", "nonsense")
    assert read_layout(host.root) == (NodeLayout(0, cpus("0-7")), NodeLayout(1, cpus("8-15")))


def test_without_online_cpus_there_is_no_layout(host: FakeHost) -> None:
    (host.sys / "devices/system/cpu/online").unlink()
    with pytest.raises(HostUnreadable):
        read_layout(host.root)
