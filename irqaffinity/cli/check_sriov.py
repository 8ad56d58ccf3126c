# SPDX-License-Identifier: Apache-2.0
"""Checks for `irqaffinity check` what `irqaffinity sriov` cannot tell, or the agent not apply, for a missing right."""

import os
from collections.abc import Iterator, Sequence

from irqaffinity.cli.session import Session
from irqaffinity.model.finding import Finding
from irqaffinity.model.sriov import PhysicalFunction
from irqaffinity.model.sriov_options import ApplyMode, Sriov
from irqaffinity.model.text import counted, printable
from irqaffinity.observe.holders import find_holders
from irqaffinity.observe.netlink import open_netlink
from irqaffinity.observe.root import HostRoot, HostUnreadable
from irqaffinity.observe.sriov import read_physical_functions
from irqaffinity.observe.sysfs import device_folder

_NET_ADMIN = 12
"""The number of CAP_NET_ADMIN (capabilities(7), include/uapi/linux/capability.h)."""


def check_sriov(session: Session) -> Iterator[Finding]:
    """Give one finding where the host has devices that can have virtual functions.

    It is not in order only where the agent is to make them what `[sriov] pf` says, and lacks a right for it.
    """
    try:
        physical = read_physical_functions(session.root)
    except HostUnreadable:
        return  # the line of the host says it
    if physical:
        untold = list(_find_untold(session.root))
        unmade = list(_find_unmade(session.root, session.settings.sriov, physical))
        count = counted(len(physical), "device")
        told = "; ".join([*unmade, *untold]) or f"{count} can have virtual functions, and who uses them can be told"
        yield Finding("sriov", not unmade, printable(told))


def _find_untold(root: HostRoot) -> Iterator[str]:
    """Give what cannot be told, with the right that is missing."""
    missing = find_holders(root, ()).missing
    if missing is not None:
        yield f"which process holds a function of vfio cannot be told: {missing}"
    if open_netlink(root) is None:
        needs = "needs the network namespace of the host (hostNetwork: true or --net=host) and its own /sys"
        yield f"what virtual functions are set to cannot be told: {needs}"


def _find_unmade(root: HostRoot, sriov: Sriov, physical: Sequence[PhysicalFunction]) -> Iterator[str]:
    """Give what the agent cannot make so, although it shall."""
    if sriov.apply is ApplyMode.OFF or not sriov.declared:
        return
    if not _has_net_admin():
        yield f"[sriov] apply = {sriov.apply.value} needs CAP_NET_ADMIN to set virtual functions: run it as root"
    for pf in physical:
        file = f"{device_folder(root, pf.address)}/sriov_numvfs"
        counts = [wish.num_vfs for wish in sriov.declared if wish.names(pf)]
        if any(counts) and not os.access(file, os.W_OK):
            yield f"[sriov] apply = {sriov.apply.value} needs {file} to be writable: run it as root, with /sys writable"
            return


def _has_net_admin() -> bool:
    """Tell whether this process may change network interfaces; where that is not known, netlink will tell."""
    try:
        lines = HostRoot().read_all("/proc/self/status").splitlines()
        effective = next(line.split()[1] for line in lines if line.startswith(b"CapEff:"))
        return bool(int(effective, 16) >> _NET_ADMIN & 1)
    except (OSError, ValueError, StopIteration):
        return True
