# SPDX-License-Identifier: Apache-2.0
"""A host apart from its guests and devices, and when it cannot be read."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from irqaffinity.model.host import HostFacts, Topology
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.observe.surroundings import Surroundings, read_surroundings, require_host
from tests.fakes.host import FakeHost
from tests.fakes.snapshots import cpus

PARTS = [
    ("proc/irq/default_smp_affinity", "--proc or [host] proc at the procfs of the host"),
    ("sys/bus/pci/devices", "--sys or [host] sys at the sysfs of the host"),
]


def test_a_host_that_can_be_seen_is_required_in_vain(host: FakeHost) -> None:
    require_host(host.root)


@pytest.mark.parametrize(("part", "remedy"), PARTS)
def test_without_interrupts_or_devices_nothing_can_be_told(host: FakeHost, part: str, remedy: str) -> None:
    path = host.proc.parent / part
    path.rename(host.proc.parent / "away")
    with pytest.raises(HostUnreadable) as caught:
        require_host(host.root)
    assert str(caught.value) == f"{path} does not exist: point {remedy}"


@pytest.mark.parametrize(("part", "remedy"), PARTS)
def test_what_cannot_be_looked_at_says_why(host: FakeHost, part: str, remedy: str) -> None:
    path = host.proc.parent / part

    def fail(_call: str, asked: str) -> None:
        if asked == str(path):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), asked)

    host.called = fail  # type: ignore[method-assign]
    with pytest.raises(HostUnreadable) as caught:
        require_host(host.root)
    assert str(caught.value) == f"{path} cannot be read (Permission denied): point {remedy}"


def test_surroundings_are_cpus_nodes_and_the_default(host: FakeHost) -> None:
    host.put(host.proc / "irq/default_smp_affinity", "f0")
    assert read_surroundings(host.root) == Surroundings(
        Topology(cpus("0-15"), {0: cpus("0-7"), 1: cpus("8-15")}), cpus("4-7"), HostFacts()
    )


def test_a_default_that_is_no_mask_is_unknown(host: FakeHost) -> None:
    host.put(host.proc / "irq/default_smp_affinity", "all")
    assert read_surroundings(host.root).default_affinity is None


def test_sockets_are_read_where_asked_for(host: FakeHost) -> None:
    host.put(host.sys / "devices/system/cpu/cpu3/topology/physical_package_id", "1")
    assert read_surroundings(host.root).topology.sockets == {}
    assert read_surroundings(host.root, with_sockets=True).topology.sockets == {3: 1}


def test_cores_and_isolated_cpus_are_read_where_asked_for(host: FakeHost) -> None:
    host.put(host.sys / "devices/system/cpu/cpu3/topology/thread_siblings_list", "3,11")
    host.put(host.sys / "devices/system/cpu/isolated", "4-7")
    assert read_surroundings(host.root, with_cores=True).topology.cores == {3: 3, 11: 3}
    assert read_surroundings(host.root, with_isolated=True).topology.isolated == cpus("4-7")


def test_the_facts_are_those_of_the_host(host: FakeHost) -> None:
    host.put(host.sys / "module/kvm_intel/parameters/enable_apicv", "Y")
    host.put(host.sys / "class/iommu/dmar0/intel-iommu/cap", f"{1 << 59:x}")
    assert read_surroundings(host.root).facts == HostFacts(posted_interrupts=True)


def rename(path: Path) -> None:
    path.rename(path.with_name("away"))


@pytest.mark.parametrize(
    "lose",
    [
        lambda host: rename(host.proc / "irq/default_smp_affinity"),
        lambda host: rename(host.sys / "devices/system/cpu/online"),
    ],
)
def test_without_online_cpus_or_the_default_there_are_none(host: FakeHost, lose: Callable[[FakeHost], None]) -> None:
    lose(host)
    with pytest.raises(HostUnreadable):
        read_surroundings(host.root)
