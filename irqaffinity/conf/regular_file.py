# SPDX-License-Identifier: Apache-2.0
"""Reads the small files of the program. It needs no library, so a probe pays nothing for it."""

import os
import stat

LARGEST = 4 << 20
"""Bytes; all these files are far smaller, also a status with thousands of devices."""

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NULL = os.makedev(1, 3)
"""The device of /dev/null (Linux, Documentation/admin-guide/devices.txt)."""


def read_regular(path: str, largest: int = LARGEST) -> bytes:
    """Return the bytes of a regular file of at most `largest` bytes, or of /dev/null; raise OSError and ValueError.

    It never waits for the other end of a pipe, never takes a terminal as its own, and never reads without end.
    """
    fd = os.open(path, _FLAGS)
    try:
        found = os.fstat(fd)
        if stat.S_ISDIR(found.st_mode):
            raise ValueError("it is a folder")
        if not stat.S_ISREG(found.st_mode) and (not stat.S_ISCHR(found.st_mode) or found.st_rdev != _NULL):
            raise ValueError("it is no regular file")
        return _read(fd, largest)
    finally:
        os.close(fd)


def why_unreadable(error: OSError | ValueError) -> str:
    """Return the reason in words that repeat nothing of what is in the file."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is not UTF-8 text"
    return str(error)


def _read(fd: int, largest: int) -> bytes:
    data = b""
    while len(data) <= largest:
        more = os.read(fd, largest + 1 - len(data))
        if not more:
            return data
        data += more
    raise ValueError(f"it is larger than {largest >> 20} MiB")
