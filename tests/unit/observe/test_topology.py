# SPDX-License-Identifier: Apache-2.0
"""Online CPUs, NUMA nodes and the facts of the whole host."""

from pathlib import Path

import pytest

from irqaffinity.observe.root import HostUnreadable
from irqaffinity.observe.topology import read_facts, read_topology
from tests.fakes.host import FakeHost
from tests.fakes.snapshots import cpus


def test_nodes_and_online_cpus(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, {0: "0-3,8-11", 1: "4-7", 10: ""}, "0-6,8")
    host.put(host.sys / "devices/system/node/has_cpu", "0-1")
    host.put(host.sys / "devices/system/node/nodes", "0-1,10")
    topology = read_topology(host.root)
    assert topology.online == cpus("0-6,8")
    assert topology.nodes == {0: cpus("0-3,8-11"), 1: cpus("4-7"), 10: cpus("")}


def test_a_kernel_without_numa_has_no_nodes(tmp_path: Path) -> None:
    assert read_topology(FakeHost(tmp_path, {}).root).nodes == {}


@pytest.mark.parametrize("text", [None, "nonsense"])
def test_without_online_cpus_the_error_names_the_file_and_the_next_step(host: FakeHost, text: str | None) -> None:
    path = host.sys / "devices/system/cpu/online"
    path.unlink()
    if text is not None:
        host.put(path, text)
    with pytest.raises(HostUnreadable) as caught:
        read_topology(host.root)
    message = str(caught.value)
    assert str(path) in message
    assert "--sys" in message
    assert "[host] sys" in message


VTD = "class/iommu/dmar0/intel-iommu/cap"
AMD = "class/iommu/ivhd0/amd-iommu/features"
APICV = "module/kvm_intel/parameters/enable_apicv"
AVIC = "module/kvm_amd/parameters/avic"
SWITCH = "module/kvm/parameters/enable_device_posted_irqs"
WITH_PI, WITHOUT_PI = f"{1 << 59 | 0x660462:x}", f"{~(1 << 59) & (1 << 64) - 1:x}"
WITH_GA, WITHOUT_GA = f"{1 << 7:x}:ffffffffffffffff", f"{~(1 << 7) & (1 << 64) - 1:x}:ffffffffffffffff"


@pytest.mark.parametrize(
    ("files", "posted"),
    [
        ({}, False),
        ({APICV: "Y", VTD: WITH_PI}, True),
        ({APICV: "1", VTD: WITH_PI}, True),
        ({APICV: "N", VTD: WITH_PI}, False),
        ({VTD: WITH_PI}, False),
        ({APICV: "Y"}, False),
        ({APICV: "Y", VTD: WITHOUT_PI}, False),
        ({APICV: "Y", VTD: "nonsense"}, False),
        ({APICV: "Y", VTD: WITHOUT_PI, VTD.replace("dmar0", "dmar1"): WITH_PI}, True),
        ({APICV: "Y", VTD: WITH_PI, SWITCH: "N"}, False),
        ({APICV: "Y", VTD: WITH_PI, SWITCH: "Y"}, True),
        ({AVIC: "Y", AMD: WITH_GA}, True),
        ({AVIC: "1", AMD: WITH_GA.split(":", maxsplit=1)[0]}, True),
        ({AVIC: "0", AMD: WITH_GA}, False),
        ({AVIC: "Y", AMD: WITHOUT_GA}, False),
        ({AVIC: "Y", AMD: WITH_GA, SWITCH: "N"}, False),
        ({AVIC: "Y", VTD: WITH_PI}, False),
        ({APICV: "Y", AMD: WITH_GA}, False),
    ],
)
def test_interrupts_are_posted_where_iommu_and_hypervisor_both_can(
    host: FakeHost, files: dict[str, str], posted: bool
) -> None:
    for name, text in files.items():
        host.put(host.sys / name, text)
    assert read_facts(host.root).posted_interrupts is posted


def test_a_node_that_went_away_is_none(host: FakeHost) -> None:
    (host.sys / "devices/system/node/node1/cpulist").unlink()
    (host.sys / "devices/system/node/node01").mkdir()
    assert read_topology(host.root).nodes == {0: cpus("0-7")}


def test_distances_and_sockets(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, {0: "0-1", 2: "2-3"}, "0-3")
    for node, columns in ((0, "10 21"), (2, "21 10 12")):
        host.put(host.sys / f"devices/system/node/node{node}/distance", columns)
    for cpu, package in enumerate(("0", "-1", "1")):
        host.put(host.sys / f"devices/system/cpu/cpu{cpu}/topology/physical_package_id", package)
    topology = read_topology(host.root, with_sockets=True)
    assert topology.distances == {0: {0: 10, 2: 21}}
    assert topology.sockets == {0: 0, 2: 1}
    assert read_topology(host.root).sockets == {}


def test_a_node_whose_cpus_cannot_be_read_is_told(host: FakeHost) -> None:
    path = host.sys / "devices/system/node/node1/cpulist"
    path.write_text("zz\n")
    with pytest.raises(HostUnreadable, match=r"node1/cpulist cannot be read .*: point --sys"):
        read_topology(host.root)


def add_core(host: FakeHost, siblings: str, name: str = "thread_siblings_list") -> None:
    for cpu in cpus(siblings):
        host.put(host.sys / f"devices/system/cpu/cpu{cpu}/topology/{name}", siblings)


def add_cache(host: FakeHost, index: int, level: int, shared: str) -> None:
    for cpu in cpus(shared):
        folder = host.sys / f"devices/system/cpu/cpu{cpu}/cache/index{index}"
        host.put(folder / "level", str(level))
        host.put(folder / "shared_cpu_list", shared)


def test_cpus_of_one_core_and_of_one_last_level_cache_have_one_number(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, {}, "0-7")
    for siblings in ("0,4", "1,5", "2,6"):
        add_core(host, siblings)
    add_core(host, "3,7", "core_cpus_list")
    for cpu in range(8):
        add_cache(host, 0, 1, str(cpu))
        add_cache(host, 1, 1, str(cpu))
    for siblings in ("0,4", "1,5", "2,6", "3,7"):
        add_cache(host, 2, 2, siblings)
    for shared in ("0-1,4-5", "2,6"):
        add_cache(host, 3, 3, shared)
    topology = read_topology(host.root, with_cores=True)
    assert topology.cores == {0: 0, 4: 0, 1: 1, 5: 1, 2: 2, 6: 2, 3: 3, 7: 3}
    assert topology.caches == {0: 0, 1: 0, 4: 0, 5: 0, 2: 2, 6: 2, 3: 3, 7: 3}, "3 and 7 have none of the third level"
    assert topology.online == cpus("0-7")


def test_an_offline_sibling_is_in_no_core(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, {}, "1-2")
    add_core(host, "0-1")
    assert read_topology(host.root, with_cores=True).cores == {1: 1}


@pytest.mark.parametrize("text", ["nonsense", "", "(null)"])
def test_what_does_not_tell_a_core_or_cache_is_passed_over(tmp_path: Path, text: str) -> None:
    host = FakeHost(tmp_path, {}, "0-2")
    add_core(host, "1-2")
    add_cache(host, 3, 3, "0-2")
    for cpu in range(2):
        folder = host.sys / f"devices/system/cpu/cpu{cpu}"
        host.put(folder / "topology/thread_siblings_list", text)
        host.put(folder / "cache/index3/level", text)
        host.put(folder / "cache/uevent", text)
    topology = read_topology(host.root, with_cores=True)
    assert topology.cores == {1: 1, 2: 1}
    assert topology.caches == {0: 0, 1: 0, 2: 0}


def test_one_list_is_read_for_all_cpus_of_a_core_and_of_a_cache(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    for core in range(8):
        add_core(host, f"{core},{core + 8}")
    for shared in ("0-3,8-11", "4-7,12-15"):
        add_cache(host, 3, 3, shared)
    paths: list[str] = []
    monkeypatch.setattr(host, "called", lambda call, path: paths.append(path) if call == "open" else None)
    read_topology(host.root, with_cores=True)
    assert sum(path.endswith("thread_siblings_list") for path in paths) == 8
    assert sum(path.endswith("shared_cpu_list") for path in paths) == 2


@pytest.mark.parametrize(
    ("isolated", "nohz_full", "expected"),
    [
        ("", "(null)", ""),
        (None, None, ""),
        ("4-7", None, "4-7"),
        ("4-7", "(null)", "4-7"),
        ("", "2-3", "2-3"),
        ("4-7", "6-9", "4-9"),
        ("nonsense", "6-9", "6-9"),
    ],
)
def test_isolated_are_the_cpus_of_both_lists(
    host: FakeHost, isolated: str | None, nohz_full: str | None, expected: str
) -> None:
    for name, text in (("isolated", isolated), ("nohz_full", nohz_full)):
        if text is not None:
            host.put(host.sys / f"devices/system/cpu/{name}", text)
    assert read_topology(host.root, with_isolated=True).isolated == cpus(expected)


def test_nothing_is_read_that_is_not_asked_for(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    add_core(host, "0,8")
    add_cache(host, 3, 3, "0-15")
    host.put(host.sys / "devices/system/cpu/isolated", "4-7")
    paths: list[str] = []
    monkeypatch.setattr(host, "called", lambda _call, path: paths.append(path))
    topology = read_topology(host.root)
    assert (topology.sockets, topology.cores, topology.caches, topology.isolated) == ({}, {}, {}, cpus(""))
    assert not [path for path in paths if "/cpu/" in path and not path.endswith("/cpu/online")]
