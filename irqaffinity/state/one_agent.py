# SPDX-License-Identifier: Apache-2.0
"""Keeps a second agent away from a host, with a lock in the folder of the state and another one in /run.

The second lock is for the case that the state folder cannot be used, or that the two agents have different ones. It is
named after the host's /proc/irq: that is the same file for a service and in a container, which share /run/irqaffinity,
and another one in each tree that --proc names.
"""

import contextlib
import os
from collections.abc import Iterator

from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.lock import AGENT_LOCK, Lock, LockTaken, hold

RUN = "/run/irqaffinity"
"""Also where the status is by default; every user may read it."""

_RUN_MODE = 0o755


def run_folder(path: str = RUN) -> StateFolder:
    """Return the folder of the second lock."""
    return StateFolder(path, _RUN_MODE, "make it a folder of root's that root alone can write")


@contextlib.contextmanager
def hold_agent_locks(state: StateFolder, run: StateFolder, proc: str) -> Iterator[dict[StateFolder, StateError]]:
    """Hold both locks, and yield what is wrong with one of the folders.

    Raises LockTaken when another process holds one, and StateError where neither can be had: an agent that nothing
    keeps apart from a second one would fight it over each interrupt.
    """
    troubles: dict[StateFolder, StateError] = {}
    with contextlib.ExitStack() as stack:
        for folder, lock in ((state, hold(state, AGENT_LOCK)), (run, _hold_second(run, proc))):
            try:
                stack.enter_context(lock)
            except LockTaken:
                raise
            except StateError as error:
                troubles[folder] = error
        if len(troubles) > 1:
            raise StateError(f"nothing would keep a second agent away: {'; '.join(map(str, troubles.values()))}")
        yield troubles


@contextlib.contextmanager
def _hold_second(run: StateFolder, proc: str) -> Iterator[None]:
    try:
        found = os.stat(f"{proc}/irq")
    except OSError as error:
        raise StateError(f"{proc}/irq: {error.strerror}; name the host's /proc with --proc") from error
    lock = Lock(run, f"agent-{found.st_dev:x}-{found.st_ino:x}.lock")
    try:
        with lock.hold():
            yield
            lock.remove()
    finally:
        lock.close()
