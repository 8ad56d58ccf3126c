# SPDX-License-Identifier: Apache-2.0
"""Where /proc and /sys are, and the system calls that reach them."""

import errno
import os
from dataclasses import dataclass
from typing import Protocol

VANISHED = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO})
"""The kernel's errors for an interrupt or device that went away, even through a file that was open before."""

_MISSING = VANISHED - {errno.EIO}
"""The errors for any other thing that is not there; EIO means that for interrupts alone."""

PADDING = "\0 \t\r\n"
"""What may surround the text of a file."""

_LARGEST = 65536


class SystemCalls(Protocol):
    """The part of the module `os` that the host is read and written with; tests count and refuse calls here."""

    def open(self, path: str | bytes, flags: int, *, dir_fd: int | None = None) -> int: ...
    def read(self, fd: int, length: int) -> bytes: ...
    def write(self, fd: int, data: bytes) -> int: ...
    def close(self, fd: int) -> None: ...
    def stat(self, path: str) -> os.stat_result: ...
    def fstat(self, fd: int) -> os.stat_result: ...
    def listdir(self, path: str) -> list[str]: ...
    def readlink(self, path: str) -> str: ...


class HostUnreadable(Exception):
    """A part of /proc or /sys without which nothing can be decided cannot be read; str() names it and the next step."""


@dataclass(frozen=True, slots=True)
class HostRoot:
    """The folders that stand for /proc and /sys. Paths below them are built from checked types alone."""

    proc: str = "/proc"
    sys: str = "/sys"
    calls: SystemCalls = os

    def irq_folder(self, number: int) -> str:
        """Return the folder of an interrupt's affinity files."""
        return f"{self.proc}/irq/{number}"

    def affinity_file(self, number: int) -> str:
        """Return the file that is written to move an interrupt."""
        return f"{self.proc}/irq/{number}/smp_affinity_list"

    @property
    def default_affinity_file(self) -> str:
        """The file with the affinity of interrupts that are new."""
        return f"{self.proc}/irq/default_smp_affinity"

    def read(self, path: str) -> str:
        """Return the text of a file of one line, without surrounding space and NULs; raise OSError.

        Some kernels end a list with a NUL behind its newline (5.15-rc, and backports).
        """
        fd = self.calls.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return read_rest(self.calls, fd, self.calls.read(fd, _LARGEST)).decode("utf-8", "replace").strip(PADDING)
        except OSError as error:
            error.filename = path  # read(2) does not know it
            raise
        finally:
            self.calls.close(fd)

    def read_all(self, path: str) -> bytes:
        """Return all of a file of many lines, although the kernel gives a page at a time; raise OSError."""
        fd = self.calls.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            pieces = []
            while piece := self.calls.read(fd, _LARGEST):
                pieces.append(piece)
            return b"".join(pieces)
        finally:
            self.calls.close(fd)

    def read_if_there(self, path: str) -> str | None:
        """Return what `read` does, or None when the file is missing, vanished or has no value (EINVAL)."""
        try:
            return self.read(path)
        except OSError as error:
            if error.errno in _MISSING or error.errno == errno.EINVAL:
                return None
            raise

    def list_if_there(self, path: str) -> list[str]:
        """Return the names in a folder, sorted; none when it is missing."""
        try:
            return sorted(self.calls.listdir(path))
        except OSError as error:
            if error.errno in _MISSING:
                return []
            raise

    def read_link(self, path: str) -> str | None:
        """Return what a link points to, None when there is no link."""
        try:
            return self.calls.readlink(path)
        except OSError as error:
            if error.errno in VANISHED or error.errno == errno.EINVAL:
                return None
            raise

    def require(self, path: str, remedy: str) -> None:
        """Raise HostUnreadable when `path` is missing: without it, all that is below would look gone."""
        try:
            self.calls.stat(path)
        except OSError as error:
            what = "does not exist" if error.errno in VANISHED else f"cannot be read ({error.strerror})"
            raise HostUnreadable(f"{path} {what}: point {remedy}") from error

    def exists(self, path: str) -> bool:
        """Tell whether `path` is there; raise OSError when that cannot be told."""
        try:
            self.calls.stat(path)
        except OSError as error:
            if error.errno in VANISHED:
                return False
            raise
        return True


def read_rest(calls: SystemCalls, fd: int, data: bytes) -> bytes:
    """Return a file of one line, up to its newline or its end, given its beginning `data`.

    A read may give less than there is: the kernel gives a long list a page at a time, cut within a number.
    """
    while not data.endswith(b"\n"):
        more = calls.read(fd, _LARGEST)
        if not more:
            break
        data += more
    return data
