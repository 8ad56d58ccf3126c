# SPDX-License-Identifier: Apache-2.0
"""Finds the processes that hold PCI functions open through a character device: a vfio group, a uio or vdpa device.

It looks at all open files of all processes, once for all functions. Who holds a group holds no more than the right to
open the group's functions, and their files (`anon_inode:[vfio-device]`) name none; since Linux 6.18 their fdinfo does
(vfio_device_show_fdinfo in drivers/vfio/vfio_main.c).
"""

import errno
import os
import re
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import clean
from irqaffinity.observe.root import HostRoot

_DEVICE_FILE = "anon_inode:[vfio-device]"
_SYSPATH = re.compile(rb"^vfio-device-syspath:\s*(\S+)", re.MULTILINE)
_NODE = re.compile(r".*/dev/(\S+?)(?: \(deleted\))?")
_VFIO, _CONTAINER = "vfio/", "vfio/vfio"
"""How the nodes of vfio begin, and the one that is nobody's: a guest's QEMU holds the node of each of its groups."""

_ENDED = frozenset({errno.ENOENT, errno.ESRCH})
"""The errors for a process that has ended and a file that was closed; after any other, it may hold anything."""

_KERNEL_THREAD = 0x00200000
"""PF_KTHREAD (include/linux/sched.h): the bit in the ninth field of a stat file that no process can give itself."""

HOST_PROCESSES = "needs the processes of the host (hostPID: true or --pid=host, and a /proc without hidepid)"
OPEN_FILES = "needs CAP_SYS_PTRACE (root has it, unless a security module forbids it)"


class Process(NamedTuple):
    """A process by its number, and the name of its first thread, of which the kernel keeps 15 letters."""

    pid: int
    name: str


@dataclass(frozen=True, slots=True)
class Holders:
    """The processes that hold each character device (named as below /dev), and each function that fdinfo names.

    `missing` is why others may hold them too, and which right would tell; None where all could be looked at.
    """

    nodes: Mapping[str, tuple[Process, ...]] = field(default_factory=dict)
    functions: Mapping[PciAddress, tuple[Process, ...]] = field(default_factory=dict)
    missing: str | None = None


class _Held(NamedTuple):
    """What one process holds open; `is_nameless` where that has a function that neither fdinfo nor any node names."""

    nodes: frozenset[str]
    functions: frozenset[PciAddress]
    is_nameless: bool


def find_holders(root: HostRoot, nodes: Container[str]) -> Holders:
    """Return who holds any of these character devices, such as `vfio/12`, `vfio/devices/vfio3` and `uio0`."""
    by_node: dict[str, list[Process]] = defaultdict(list)
    by_function: dict[PciAddress, list[Process]] = defaultdict(list)
    refused, nameless = 0, []
    names = _list(root)
    processes = sorted(int(name) for name in names if name.isascii() and name.isdecimal())
    for pid in processes:
        try:
            held = _read_held(root, pid, nodes)
        except OSError as error:
            refused += error.errno not in _ENDED
            continue
        if not any(held):
            continue
        process = Process(pid, _name(root, pid))
        for node in held.nodes:
            by_node[node].append(process)
        for address in held.functions:
            by_function[address].append(process)
        if held.is_nameless:
            nameless.append(process)
    return Holders(
        {node: tuple(found) for node, found in by_node.items()},
        {address: tuple(found) for address, found in by_function.items()},
        _describe_missing(root, len(processes), refused, nameless, is_procfs="self" in names),
    )


def _describe_missing(
    root: HostRoot, processes: int, refused: int, nameless: list[Process], *, is_procfs: bool
) -> str | None:
    """Return why somebody may hold something without having been found, None where that cannot be.

    A copy of a /proc, in plain files, hides no process of its own.
    """
    if is_procfs and not _shows_host(root):
        return f"{root.proc} does not show the processes of the host: {HOST_PROCESSES}"
    if refused:
        return f"the open files of {refused} of {processes} processes may not be read: {OPEN_FILES}"
    for process in nameless:
        return f"{process.name} (pid {process.pid}) holds a vfio device, and Linux before 6.18 does not tell which"
    return None


def _shows_host(root: HostRoot) -> bool:
    """Tell whether this /proc is that of the host's first PID namespace, and does not hide other users' processes.

    Process 2 is the parent of the kernel's threads there, and a process like any other, or none, elsewhere.
    """
    try:
        fields = root.read(f"{root.proc}/2/stat").rpartition(")")[2].split()
        return bool(int(fields[6]) & _KERNEL_THREAD)
    except (OSError, ValueError, IndexError):
        return False


def _list(root: HostRoot) -> list[str]:
    """Return the names in /proc. Where that cannot be listed, nothing is known of its processes."""
    try:
        return root.calls.listdir(root.proc)
    except OSError:
        return ["self"]


def _read_held(root: HostRoot, pid: int, nodes: Container[str]) -> _Held:
    """Return what a process holds; raise OSError. A thread of the kernel has no files."""
    held, functions, is_nameless, has_node = set(), set(), False, False
    folder = f"{root.proc}/{pid}/fd"
    for fd, target in _links(root, folder):
        if target == _DEVICE_FILE:
            address = _named_function(root, f"{folder}info/{fd}")
            functions.add(address) if address is not None else None
            is_nameless = is_nameless or address is None
        elif "/dev/" in target:
            node = _node(target)
            has_node = has_node or (node.startswith(_VFIO) and node != _CONTAINER)
            if node in nodes:
                held.add(node)
    return _Held(frozenset(held), frozenset(functions), is_nameless and not has_node)


def _links(root: HostRoot, folder: str) -> Iterator[tuple[str, str]]:
    """Give each open file with what it is; raise OSError where the process may not be looked at."""
    readlink = root.calls.readlink
    for fd in root.calls.listdir(folder):
        try:
            target = readlink(f"{folder}/{fd}")
        except OSError as error:
            if error.errno not in _ENDED:
                raise
            continue
        yield fd, target


def _node(target: str) -> str:
    """Return a path below /dev, of whichever mount namespace; a group without an IOMMU by its number alone."""
    found = _NODE.fullmatch(target)
    return "" if found is None else found[1].replace("vfio/noiommu-", "vfio/")


def _named_function(root: HostRoot, path: str) -> PciAddress | None:
    """Return the PCI function of an open vfio device, the parent for a mediated one; None where nothing names it."""
    try:
        found = _SYSPATH.search(root.read_all(path))
    except OSError as error:
        if error.errno not in _ENDED:
            raise
        return None
    for part in reversed(os.fsdecode(found[1]).split("/") if found is not None else ()):
        try:
            return PciAddress.parse(part)
        except ValueError:
            continue
    return None


def _name(root: HostRoot, pid: int) -> str:
    try:
        return clean(root.read(f"{root.proc}/{pid}/comm"))
    except OSError:
        return "?"
