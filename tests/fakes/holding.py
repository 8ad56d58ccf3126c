# SPDX-License-Identifier: Apache-2.0
"""Adds to a fake host what programs reach PCI functions by, and the programs that hold it open."""

from irqaffinity.demo.tree import HostTree

DEVICE_FILE = "anon_inode:[vfio-device]"


def show_host_processes(host: HostTree, flags: int = 0x208040) -> None:
    """Have /proc be a procfs, that of the host's first PID namespace: process 2 is the kernel's."""
    (host.proc / "self").symlink_to("77")
    host.put(host.proc / "2/stat", f"2 (kthreadd) S 0 0 0 0 -1 {flags} 0 0")
    (host.proc / "2/fd").mkdir()


def put_in_group(host: HostTree, address: str, group: int) -> None:
    """Put a function into an IOMMU group."""
    host.link(host.device_folder(address) / "iommu_group", host.sys / f"kernel/iommu_groups/{group}")


def open_file(host: HostTree, pid: int, target: str, name: str = "testpmd", fdinfo: str = "pos:\t0") -> None:
    """Have a process hold one more open file, of which /proc says `target`."""
    folder = host.proc / f"{pid}/fd"
    folder.mkdir(parents=True, exist_ok=True)
    fd = len(list(folder.iterdir()))
    (folder / str(fd)).symlink_to(target)
    host.put(host.proc / f"{pid}/fdinfo/{fd}", fdinfo)
    host.put(host.proc / f"{pid}/comm", name)
