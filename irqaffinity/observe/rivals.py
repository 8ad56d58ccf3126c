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
    try:
        names = [name for name in root.calls.listdir(root.proc) if name.isascii() and name.isdecimal()]
    except OSError:
        return ()
    return tuple(sorted({comm for name in names if (comm := _command(root, name)) in ADVICE}))


def _command(root: HostRoot, process: str) -> str:
    try:
        return root.read(f"{root.proc}/{process}/comm")
    except OSError:
        return ""  # it has ended
