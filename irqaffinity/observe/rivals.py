# SPDX-License-Identifier: Apache-2.0
"""Finds programs that move interrupts too."""

from irqaffinity.observe.root import HostRoot

ADVICE = {
    "irqbalance": "have it leave these alone with IRQBALANCE_ARGS=--banmod=vfio in /etc/default/irqbalance (irqbalance "
    "1.9.2 and newer) and restart it, or stop it",
}
"""What to do about each program that moves interrupts too, by the name of its process."""


def find_rivals(root: HostRoot) -> tuple[str, ...]:
    """Return the names of the running programs that move interrupts, sorted; those that this /proc shows."""
    return tuple(sorted({comm for name in _processes(root) if (comm := _command(root, name)) in ADVICE}))


def shows_processes(root: HostRoot) -> bool:
    """Tell whether this /proc has processes at all: a container that mounts only /proc/irq has none to look at."""
    return bool(_processes(root))


def _processes(root: HostRoot) -> list[str]:
    try:
        return [name for name in root.calls.listdir(root.proc) if name.isascii() and name.isdecimal()]
    except OSError:
        return []


def _command(root: HostRoot, process: str) -> str:
    try:
        return root.read(f"{root.proc}/{process}/comm")
    except OSError:
        return ""  # it has ended
