# SPDX-License-Identifier: Apache-2.0
"""Which functions have disks that the host uses."""

from pathlib import Path

import pytest

from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.disks import find_disks_in_use
from tests.fakes.host import FakeHost

VF0, VF1 = "0000:41:00.1", "0000:41:00.2"
ADDRESS0, ADDRESS1 = PciAddress.parse(VF0), PciAddress.parse(VF1)
MOUNT = "26 1 {} / / rw,relatime shared:1 - {} {} rw"


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """Return a host with an NVMe function whose disk has a partition, and one that shares a disk of two paths."""
    made = FakeHost(tmp_path)
    for address in (VF0, VF1):
        made.add_device(address, 0, driver="nvme")
    add(made, "nvme0n1", made.device_folder(VF0) / "nvme/nvme0/nvme0n1", "259:0")
    add(made, "nvme0n1p1", made.device_folder(VF0) / "nvme/nvme0/nvme0n1/nvme0n1p1", "259:1")
    add(made, "dm-0", made.sys / "devices/virtual/block/dm-0", "253:0")
    made.put(made.proc / "1/mountinfo", MOUNT.format("0:21", "sysfs", "sysfs"))
    return made


def add(host: FakeHost, name: str, folder: Path, number: str) -> None:
    host.put(folder / "dev", number)
    (folder / "holders").mkdir()
    host.link(host.sys / "class/block" / name, folder)


def test_a_disk_that_nothing_uses_is_not_the_hosts(host: FakeHost) -> None:
    assert find_disks_in_use(host.root) == {}
    host.put(host.proc / "1/mountinfo", MOUNT.format("253:0", "xfs", "/dev/dm-0"))
    assert find_disks_in_use(host.root) == {}


@pytest.mark.parametrize(
    ("name", "text", "used"),
    [
        ("1/mountinfo", MOUNT.format("259:1", "ext4", "/dev/root"), "nvme0n1p1"),
        ("1/mountinfo", MOUNT.format("0:30", "btrfs", "/dev/nvme0n1p1"), "nvme0n1p1"),
        ("1/mountinfo", MOUNT.format("259:0", "ext4", "/dev/nvme0n1"), "nvme0n1"),
        ("swaps", "Filename Type Size Used Priority\n/dev/nvme0n1p1 partition 1 0 -2", "nvme0n1p1"),
    ],
)
def test_a_disk_that_is_mounted_or_swap_is_the_hosts(host: FakeHost, name: str, text: str, used: str) -> None:
    host.put(host.proc / name, text)
    assert find_disks_in_use(host.root) == {ADDRESS0: used}


def test_where_the_first_process_is_not_seen_this_ones_mounts_count(host: FakeHost) -> None:
    (host.proc / "1/mountinfo").unlink()
    host.put(host.proc / "self/mountinfo", MOUNT.format("259:1", "ext4", "/dev/root"))
    assert find_disks_in_use(host.root) == {ADDRESS0: "nvme0n1p1"}


def test_a_disk_below_another_block_device_is_the_hosts(host: FakeHost) -> None:
    host.link(host.sys / "class/block/nvme0n1/holders/dm-0", host.sys / "class/block/dm-0")
    assert find_disks_in_use(host.root) == {ADDRESS0: "nvme0n1"}


def test_a_namespace_of_several_paths_is_each_functions(host: FakeHost) -> None:
    subsystem = host.sys / "devices/virtual/nvme-subsystem/nvme-subsys1"
    add(host, "nvme1n1", subsystem / "nvme1n1", "259:9")
    host.link(host.sys / "class/nvme-subsystem/nvme-subsys1", subsystem)
    for number, address in ((1, VF0), (2, VF1)):
        (host.device_folder(address) / f"nvme/nvme{number}").mkdir(parents=True)
        host.link(subsystem / f"nvme{number}", host.device_folder(address) / f"nvme/nvme{number}")
    assert find_disks_in_use(host.root) == {}
    host.put(host.proc / "1/mountinfo", MOUNT.format("259:9", "xfs", "/dev/nvme1n1"))
    assert find_disks_in_use(host.root) == {ADDRESS0: "nvme1n1", ADDRESS1: "nvme1n1"}
