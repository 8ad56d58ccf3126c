# SPDX-License-Identifier: Apache-2.0
"""Finds running irqbalance daemons and their sockets."""

import os
import re

from irqaffinity.model.balance import Balancer
from irqaffinity.observe.rivals import find_processes
from irqaffinity.observe.root import HostRoot

_FOLDER = "/run/irqbalance"
_OLD = "/var/run/irqbalance.sock"
_SOCKET = re.compile(r"irqbalance([1-9][0-9]{0,9})\.sock", re.ASCII)
_PATH_SIZE = 108
"""Bytes of an address (unix(7)); irqbalance hands all of them to bind(2), so that its abstract names end in NULs."""


def find_folder(root: HostRoot, configured: str | None) -> str | None:
    """Return the folder of the sockets: the configured one, else irqbalance's own where `root` is this machine's.

    A copy of another host's /proc, a demonstration and the mounts of a container lead to no irqbalance by themselves.
    """
    return configured or (_FOLDER if _is_own(root) else None)


def find_balancers(root: HostRoot, folder: str) -> list[Balancer]:
    """Return the irqbalance daemons with a socket in the folder, by process; raise OSError.

    A socket may be left over from one that was killed.
    """
    found = [_SOCKET.fullmatch(name) for name in root.list_if_there(folder)]
    pids = sorted(int(match[1]) for match in found if match is not None)
    return [Balancer(pid, (f"{folder}/irqbalance{pid}.sock",)) for pid in pids]


def find_others(root: HostRoot) -> list[Balancer]:
    """Return those among this machine's own processes, by process; they take another name without the folder."""
    processes = find_processes(root, "irqbalance") if _is_own(root) else ()
    return [Balancer(pid, _other_addresses(pid)) for pid in processes]


def can_miss(root: HostRoot, folder: str) -> bool:
    """Tell whether one may run that is not found: neither the folder nor this machine's own processes are there."""
    return not _is_own(root) and not root.exists(folder)


def is_stopped(root: HostRoot, pid: int) -> bool:
    """Tell whether this /proc shows the process as stopped (proc_pid_stat(5)): it will not answer."""
    try:
        return root.read(f"{root.proc}/{pid}/stat").rpartition(")")[2].split()[:1] in (["T"], ["t"])
    except OSError:
        return False


def _is_own(root: HostRoot) -> bool:
    """Tell whether `root` is this machine as this process sees it."""
    return os.path.normpath(root.proc) == "/proc"


def _other_addresses(pid: int) -> tuple[str | bytes, ...]:
    """Return where an irqbalance listens that could make no socket in its folder, from several of its versions.

    Up to 1.9.4 the abstract name is empty but for NULs, whatever its manual says; later it is `irqbalance-ui`.
    """
    name = f"irqbalance{pid}.sock".encode()
    padded = (b"\0" + name).ljust(_PATH_SIZE, b"\0")
    return bytes(_PATH_SIZE), padded, b"\0" + name, b"\0irqbalance-ui", _OLD
