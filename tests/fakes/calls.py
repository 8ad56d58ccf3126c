# SPDX-License-Identifier: Apache-2.0
"""The real system calls, with a count of the writes."""

import os


class CountingCalls:
    """Stands for the module `os` in a HostRoot, and passes every call on to it."""

    open = staticmethod(os.open)
    read = staticmethod(os.read)
    close = staticmethod(os.close)
    stat = staticmethod(os.stat)
    fstat = staticmethod(os.fstat)
    listdir = staticmethod(os.listdir)
    readlink = staticmethod(os.readlink)

    def __init__(self) -> None:
        self.writes = 0

    def write(self, fd: int, data: bytes) -> int:
        """Count the call and make it."""
        self.writes += 1
        return os.write(fd, data)
