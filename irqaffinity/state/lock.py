# SPDX-License-Identifier: Apache-2.0
"""The two locks of the state folder: one for the life of an agent, one for a pass."""

import contextlib
import fcntl
import os
import threading
import time
import weakref
from collections.abc import Iterator

from irqaffinity.state.folder import Stamp, StateError, StateFolder, stamp_of

AGENT_LOCK = "agent.lock"
PASS_LOCK = "pass.lock"
_POLL = 0.05


class LockTaken(StateError):
    """Another process, or another thread of this one, holds the lock."""


class Lock:
    """One lock that is taken again and again. Its file stays open in between, for a birth has no time to open it.

    After taking it, the holder checks that the path still leads to this file and the folder, or else opens it anew.
    """

    def __init__(self, folder: StateFolder, name: str) -> None:
        self._folder = folder
        self._name = name
        self._own = threading.Lock()  # threads that share a descriptor share its flock(2) too
        self._fd = -1
        self._opened: tuple[Stamp, Stamp] | None = None
        self._close: weakref.finalize[..., Lock] | None = None

    @contextlib.contextmanager
    def hold(self, wait: float = 0.0) -> Iterator[None]:
        """Hold the lock; raise LockTaken when another still has it after `wait` seconds, or StateError.

        The kernel frees it when the process ends, however it ends.
        """
        deadline = time.monotonic() + wait
        if not self._own.acquire(timeout=wait):
            raise self._taken(wait)
        try:
            while self._opened is None or not self._is_ours(deadline, wait):
                self._open()
            try:
                yield
            finally:
                fcntl.flock(self._fd, fcntl.LOCK_UN)
        finally:
            self._own.release()

    def close(self) -> None:
        """Close the file, and with it free the lock."""
        self._opened = None
        if self._close is not None:
            self._close()

    def remove(self) -> None:
        """Remove the file, while the lock is held: another process that waits for it notices, and makes a new one."""
        if self._opened == self._found():
            with contextlib.suppress(OSError):
                os.unlink(f"{self._folder.path}/{self._name}")

    def _is_ours(self, deadline: float, wait: float) -> bool:
        """Take the lock, and tell whether others will find the same file; raise LockTaken."""
        if not _take(self._fd, deadline):
            raise self._taken(wait)
        return self._opened == self._found()

    def _found(self) -> tuple[Stamp | None, Stamp | None]:
        return self._folder.stamp(), self._folder.stamp(self._name)

    def _open(self) -> None:
        self.close()
        self._folder.make()
        with self._folder.opened() as inside:
            self._fd = self._folder.open_file(inside, self._name, os.O_RDWR | os.O_CREAT)
            self._close = weakref.finalize(self, os.close, self._fd)
            self._opened = stamp_of(os.fstat(inside)), stamp_of(os.fstat(self._fd))

    def _taken(self, wait: float) -> LockTaken:
        holder = "another pass" if self._name == PASS_LOCK else "an agent"
        path = f"{self._folder.path}/{self._name}"
        return LockTaken(f"{holder} holds {path}; waited {wait:g} s, try again when it has ended")


@contextlib.contextmanager
def hold(folder: StateFolder, name: str, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock `name` once; raise LockTaken when another still has it after `wait` seconds, or StateError."""
    lock = Lock(folder, name)
    try:
        with lock.hold(wait):
            yield
    finally:
        lock.close()


def _take(fd: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)  # flock(2) waits without end or not at all
