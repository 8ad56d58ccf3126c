# SPDX-License-Identifier: Apache-2.0
"""Finds the process that holds a lock, without taking the lock: an agent that starts meanwhile has to get it."""

import os
import signal

_LOCKS = "/proc/locks"
"""A line is `1: FLOCK  ADVISORY  WRITE 708 08:01:131 0 EOF`, with the pid as this process's namespace has it; one that
it cannot see is left out. (Documentation/filesystems/proc.rst, fs/locks.c)"""


def find_holder(path: str) -> int | None:
    """Return the process that holds a flock(2) on a file, None where no process that can be seen holds it.

    The device is not compared: btrfs and overlayfs show another one there than stat(2) does.
    """
    try:
        found = os.stat(path)
        with open(_LOCKS, encoding="ascii", errors="replace") as file:
            lines = [line.split() for line in file]
    except OSError:
        return None
    for words in lines:
        is_meant = len(words) == 8 and words[1] == "FLOCK" and words[5].rpartition(":")[2] == str(found.st_ino)
        if is_meant and words[4].isdecimal() and _has_open(int(words[4]), found):
            return int(words[4])
    return None


def expects(pid: int, number: signal.Signals) -> bool:
    """Tell whether a process of several threads waits for a signal or handles it, which would end it otherwise.

    While a thread is in sigtimedwait(2), the kernel does not show that it blocks the signal, but its other threads do.
    """
    try:
        return any(_minds(f"/proc/{pid}/task/{thread}/status", number) for thread in os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return False


def _minds(path: str, number: signal.Signals) -> bool:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            fields = dict(line.rstrip().split(":\t", 1) for line in file if line.startswith(("SigBlk", "SigCgt")))
        return any(int(mask, 16) >> (number - 1) & 1 for mask in fields.values())
    except (OSError, ValueError):
        return False


def _has_open(pid: int, found: os.stat_result) -> bool:
    try:
        return any(_is_same(f"/proc/{pid}/fd/{name}", found) for name in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return False


def _is_same(path: str, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), found)
    except OSError:
        return False
