# SPDX-License-Identifier: Apache-2.0
"""Which PCI functions have disks that the host uses: mounted, as swap, or below another block device (LVM, RAID)."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import device_above

_SUBSYSTEM = re.compile(r".*/(nvme-subsys[0-9]+)/.*")
_CONTROLLER = re.compile(r"nvme[0-9]+")


class _Mounted(NamedTuple):
    """Block devices that are mounted or swap, by number and by name; btrfs shows no number of a disk."""

    numbers: frozenset[str]
    names: frozenset[str]


def find_disks_in_use(root: HostRoot) -> Mapping[PciAddress, str]:
    """Return the functions with a disk or partition that is in use, and its name; raise OSError."""
    found: dict[PciAddress, str] = {}
    mounted = None
    for name in root.list_if_there(f"{root.sys}/class/block"):
        addresses = [address for address in _functions(root, name) if address not in found]
        if addresses:
            mounted = mounted or _read_mounted(root)
            if _is_used(root, name, mounted):
                found.update(dict.fromkeys(addresses, name))
    return found


def _functions(root: HostRoot, name: str) -> Iterator[PciAddress]:
    """Give the function of a block device; of an NVMe namespace with several paths, that of each path.

    Such a namespace belongs to a subsystem (Linux, drivers/nvme/host/multipath.c), which links its controllers.
    """
    address = device_above(root, f"{root.sys}/class/block/{name}")
    if address is not None:
        yield address
        return
    match = _SUBSYSTEM.fullmatch(root.read_link(f"{root.sys}/class/block/{name}") or "")
    folder = "" if match is None else f"{root.sys}/class/nvme-subsystem/{match[1]}"
    for controller in root.list_if_there(folder) if folder else ():
        below = device_above(root, f"{folder}/{controller}") if _CONTROLLER.fullmatch(controller) else None
        if below is not None:
            yield below


def _is_used(root: HostRoot, name: str, mounted: _Mounted) -> bool:
    folder = f"{root.sys}/class/block/{name}"
    number = root.read_if_there(f"{folder}/dev")
    return name in mounted.names or number in mounted.numbers or bool(root.list_if_there(f"{folder}/holders"))


def _read_mounted(root: HostRoot) -> _Mounted:
    """Return what the first process of the host, or this one, sees mounted (proc_pid_mountinfo(5), proc_swaps(5))."""
    lines = _read_lines(root, "1/mountinfo") or _read_lines(root, "self/mountinfo")
    fields = [line.split(" ") for line in lines]
    sources = [line.partition(" - ")[2].split(" ") for line in lines]
    names = {source[1].rpartition("/")[2] for source in sources if len(source) > 1}
    swaps = {line.split(" ")[0].rpartition("/")[2] for line in _read_lines(root, "swaps")}
    return _Mounted(frozenset(field[2] for field in fields if len(field) > 2), frozenset(names | swaps))


def _read_lines(root: HostRoot, name: str) -> list[str]:
    try:
        return root.read_all(f"{root.proc}/{name}").decode("utf-8", "replace").splitlines()
    except OSError:
        return []
