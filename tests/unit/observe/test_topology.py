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
