# SPDX-License-Identifier: Apache-2.0
"""Finds programs that move interrupts too."""

from irqaffinity.observe.root import HostRoot

ADVICE = {
    "irqbalance": "have it leave these alone with IRQBALANCE_ARGS=--banmod=vfio in /etc/default/irqbalance (irqbalance "
    "1.9.2 and newer) and restart it, or stop it",
}
"""What to do about each program that moves interrupts too, by the name of its process."""


def find_rivals(root: HostRoot) -> tuple[str, ...]:
    """Return the names of root's running programs that move interrupts, sorted, as far as this /proc shows them.

    Only root's programs count: nobody else can move an interrupt, and any process can give itself such a name.
    """
    return tuple(sorted({name for process in _processes(root) if (name := _rival(root, process)) is not None}))


def shows_processes(root: HostRoot) -> bool:
    """Tell whether this /proc has processes at all: a container that mounts only /proc/irq has none to look at."""
    return bool(_processes(root))


def _processes(root: HostRoot) -> list[str]:
    try:
        return [name for name in root.calls.listdir(root.proc) if name.isascii() and name.isdecimal()]
    except OSError:
        return []


def _rival(root: HostRoot, process: str) -> str | None:
    """Return the name of a process that moves interrupts, None for any other."""
    try:
        name = root.read(f"{root.proc}/{process}/comm")
        return name if name in ADVICE and _is_roots(root, process) else None
    except OSError:
        return None  # it has ended


def _is_roots(root: HostRoot, process: str) -> bool:
    """Tell whether root started it: a set-user-ID program that another user runs has root's rights, and any name.

    Of the four user IDs the real one comes first (proc_pid_status(5)).
    """
    lines = root.read(f"{root.proc}/{process}/status").splitlines()
    return any(line.split()[:2] == ["Uid:", "0"] for line in lines)
