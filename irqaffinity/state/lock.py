# SPDX-License-Identifier: Apache-2.0
"""The two locks of the state folder: one for the life of an agent, one for a pass."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator

from irqaffinity.state.folder import StateError, StateFolder

AGENT_LOCK = "agent.lock"
PASS_LOCK = "pass.lock"
PASS_WAIT = 5.0
"""Seconds that a pass waits for another one to end."""

_POLL = 0.05


class LockTaken(StateError):
    """Another process holds the lock."""


@contextlib.contextmanager
def hold(folder: StateFolder, name: str, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock `name`; raise LockTaken when another process still has it after `wait` seconds, or StateError.

    The kernel frees it when the process ends, however it ends.
    """
    folder.make()
    with folder.opened() as inside:
        fd = folder.open_file(inside, name, os.O_RDWR | os.O_CREAT)
    try:
        if not _take(fd, wait):
            holder = "an agent" if name == AGENT_LOCK else "another pass"
            raise LockTaken(f"{holder} holds {folder.path}/{name}; waited {wait:g} s, try again when it has ended")
        yield
    finally:
        os.close(fd)


def _take(fd: int, wait: float) -> bool:
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)  # flock(2) waits without end or not at all
