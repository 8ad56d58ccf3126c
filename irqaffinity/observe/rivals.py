# SPDX-License-Identifier: Apache-2.0
"""Finds programs that move interrupts too."""

import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from irqaffinity.model.text import clean
from irqaffinity.observe.rival_files import find_link_files, find_tuned_setting
from irqaffinity.observe.root import HostRoot

ADVICE = {
    "irqbalance": "have it leave the interrupts of guests alone with IRQBALANCE_ARGS=--banmod=vfio in "
    "/etc/default/irqbalance (irqbalance 1.9.2 and newer) and restart it, or stop it",
    "set_irq_affinity": "do not run this script on the interrupts of guests; find who starts it, such as a unit, an "
    "udev rule or a hook of the network",
    "starlingx": "run one of the two: the pci-irq-affinity-agent of StarlingX places the same interrupts",
    "tuned": "set irq_process=false in [scheduler], and enabled=false in each section of the plugin irq, in a profile "
    "of your own that includes the active one; then activate it with tuned-adm profile",
    "udevd": "remove IRQAffinityPolicy= from these files, and run udevadm control --reload",
}
"""What to do about each program that moves interrupts too; no other name is ever a rival's."""

_PROGRAMS = {"irqbalance": "irqbalance", "systemd-udevd": "udevd"}
"""Rivals by the names of their processes."""

_INTERPRETER = re.compile(r"(ba|da|k|z|a|mk)?sh|busybox|python[\d.]*")
_SCRIPTS = {
    "set_irq_affinity": re.compile(r"(set_irq_affinity\w*|irq_balance\w*|mlnx_affinity)(\.sh)?"),
    "starlingx": re.compile(r"(nova-)?pci-irq-affinity-agent"),
    "tuned": re.compile(r"tuned"),
}
"""Rivals that are scripts, by the name of the file."""

_SHOWN = ("irq_balance", "mlnx_affinity", "nova-pci-irq-af", "pci-irq-affinit", "set_irq_affinit", "tuned")
"""How the names of their processes begin: the kernel keeps 15 letters of a name (TASK_COMM_LEN)."""


class Rival(NamedTuple):
    """A program that moves interrupts: its name (one of ADVICE), and what was found of it."""

    name: str
    found: str

    @property
    def advice(self) -> str:
        """What to do about it."""
        return ADVICE[self.name]


def find_rivals(root: HostRoot) -> tuple[str, ...]:
    """Return the names of root's running programs that move interrupts, sorted, as far as this host shows them."""
    return tuple(rival.name for rival in look_for_rivals(root))


def look_for_rivals(root: HostRoot) -> tuple[Rival, ...]:
    """Return root's running programs that move interrupts, by name, one of each.

    Only root's programs count: nobody else can move an interrupt, and any process can give itself such a name. TuneD
    and systemd-udevd count only where their files tell them to move interrupts, as far as these can be read.
    """
    running = dict(_running(root))
    found = ((name, _describe(root, name, running[name])) for name in sorted(running))
    return tuple(Rival(name, told) for name, told in found if told is not None)


def advise(names: Sequence[str]) -> str | None:
    """Return what to do about the rivals of these names, None where there are none; of several, each is named."""
    if len(names) == 1:
        return ADVICE[names[0]]
    return "; ".join(f"{name}: {ADVICE[name]}" for name in names) or None


def shows_processes(root: HostRoot) -> bool:
    """Tell whether this /proc has processes at all: a container that mounts only /proc/irq has none to look at."""
    return bool(_processes(root))


def find_processes(root: HostRoot, name: str) -> tuple[int, ...]:
    """Return the numbers of root's running processes of this name, sorted."""
    return tuple(sorted(int(process) for process in _processes(root) if _is_named(root, process, name)))


def _is_named(root: HostRoot, process: str, name: str) -> bool:
    try:
        return root.read(f"{root.proc}/{process}/comm") == name and _is_roots(root, process)
    except OSError:
        return False  # it has ended


def _describe(root: HostRoot, name: str, file: str) -> str | None:
    """Return what was found of a rival that runs, None where it is set up to move no interrupt."""
    if name == "tuned":
        setting = find_tuned_setting(root)
        return None if setting is None else clean(f"tuned runs with {setting}")
    if name == "udevd":
        files = ", ".join(find_link_files(root))
        return clean(f"systemd-udevd runs with IRQAffinityPolicy= in {files}") if files else None
    return f"{file} runs"


def _processes(root: HostRoot) -> list[str]:
    try:
        return [name for name in root.calls.listdir(root.proc) if name.isascii() and name.isdecimal()]
    except OSError:
        return []


def _running(root: HostRoot) -> Iterator[tuple[str, str]]:
    """Yield the name of each of root's programs that may be a rival, with the name of its file."""
    for process in _processes(root):
        try:
            found = _rival(root, process)
        except OSError:
            continue  # it has ended
        if found is not None:
            yield found


def _rival(root: HostRoot, process: str) -> tuple[str, str] | None:
    """Return the name of a process that may be a rival, with the name of its file; raise OSError.

    Other users' processes are left alone: their command lines may be as long as they like.
    """
    comm = root.read(f"{root.proc}/{process}/comm")
    if not (comm in _PROGRAMS or comm.startswith(_SHOWN) or _INTERPRETER.fullmatch(comm)):
        return None
    if not _is_roots(root, process):
        return None
    if comm in _PROGRAMS:
        return _PROGRAMS[comm], comm
    words = root.read(f"{root.proc}/{process}/cmdline").split("\0")
    files = (os.path.basename(path) for path in (words[0], _script(words)))
    return next(((name, file) for file in files for name, known in _SCRIPTS.items() if known.fullmatch(file)), None)


def _script(words: Sequence[str]) -> str:
    """Return the file that an interpreter was given, empty where it was given none, or commands (-c, -m)."""
    for word in words[1:]:
        if not word.startswith("-"):
            return word
        if not word.startswith("--") and ("c" in word or "m" in word):
            return ""
    return ""


def _is_roots(root: HostRoot, process: str) -> bool:
    """Tell whether root started it: a set-user-ID program that another user runs has root's rights, and any name.

    Of the four user IDs the real one comes first (proc_pid_status(5)).
    """
    lines = root.read(f"{root.proc}/{process}/status").splitlines()
    return any(line.split()[:2] == ["Uid:", "0"] for line in lines)
