# SPDX-License-Identifier: Apache-2.0
"""Two empty files beside the status. Their age tells a probe how the agent is, without starting Python.

`find STATUS.alive -mmin +0.5 -exec false {} +` exits with 0 while the agent lives, and takes a millisecond of CPU.
"""

import contextlib
import errno
import os
import stat

ALIVE = ".alive"
"""The path of the status and this make the name of the file that the agent renews while /healthz answers 200."""

READY = ".ready"
"""The same for /readyz."""

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MODE = 0o644


def renew(status_path: str, *, is_alive: bool, works: bool) -> None:
    """Set the time of each file whose condition holds to now, and remove the others; raise OSError."""
    for suffix, holds in ((ALIVE, is_alive), (READY, works)):
        if holds:
            _touch(status_path + suffix)
        else:
            _remove(status_path + suffix)


def remove(status_path: str) -> None:
    """Remove both: no agent runs any more."""
    for suffix in (ALIVE, READY):
        _remove(status_path + suffix)


def _touch(path: str) -> None:
    fd = os.open(path, _FLAGS, _MODE)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EEXIST, "it is no regular file", path)
        os.utime(fd)
    finally:
        os.close(fd)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        if stat.S_ISREG(os.lstat(path).st_mode):
            os.unlink(path)
