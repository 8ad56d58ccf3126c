# SPDX-License-Identifier: Apache-2.0
"""The one place that sets how many virtual functions a device has, by a process of its own.

The kernel removes virtual functions under the device's lock and waits, deaf to every signal, until nobody holds one
(drivers/vfio/vfio_main.c, vfio_unregister_group_dev). So the write is not made by a process that has anything else to
do. Where it takes longer than its deadline, its process is left to the kernel. It holds a lock on the file itself
(flock(2)) until its end, so that no other one waits behind it, whoever starts it.

While it waits, the kernel lets nobody read `sriov_numvfs` either: the links `virtfnN` tell the number.
"""

import contextlib
import errno
import os
import select
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

from irqaffinity.model.declared import Made

NUMVFS = "sriov_numvfs"
AUTOPROBE = "sriov_drivers_autoprobe"

DEADLINE = 120.0
"""Seconds for one write: a driver may take more than a second for each virtual function."""

_LINK = "virtfn"
_SAYS_ERRNO, _OTHER = 0, 255
_PROGRAM = """
import os
try:
    import fcntl, signal, sys
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CLOEXEC)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.write(1, b"?")
    if not os.read(0, 1):
        os._exit(255)
    os.dup2(2, 0)
    os.dup2(2, 1)
    os.write(fd, sys.argv[2].encode())
except OSError as error:
    os._exit(error.errno or 255)
except BaseException:
    os._exit(255)
os._exit(0)
"""
"""It asks before it writes, and has no file of ours any more when it does. The numbers of errors are below 255
(asm-generic/errno.h)."""

_left: list["subprocess.Popen[bytes]"] = []
"""The processes that hang in the kernel; nobody waits for them, and nobody can end them."""


class Counted(NamedTuple):
    """What became of a write: `set`, `unsupported` or `failed` with the reason. `hangs` is whether it still goes on.

    It was not made at all where somebody kept it back: `held` or `refused`.
    """

    made: Made
    message: str | None = None
    hangs: bool = False


Keep = Callable[[], Counted | None]
"""Asked at the last moment before a write: None lets it begin, anything else is what becomes of it."""


def keep_nothing() -> None:
    """Let every write begin."""


def count_vfs(folder: str) -> int:
    """Return how many virtual functions the device in this folder has, by its links; raise OSError."""
    return sum(name.startswith(_LINK) and name[len(_LINK) :].isdecimal() for name in os.listdir(folder))


def write_autoprobe(folder: str, wanted: bool, deadline: float = DEADLINE, keep: Keep = keep_nothing) -> Counted:
    """Have the host's drivers take new virtual functions of the device, or not."""
    return _write(f"{folder}/{AUTOPROBE}", "1" if wanted else "0", deadline, keep)


def write_count(
    folder: str,
    wanted: int,
    deadline: float = DEADLINE,
    keep: Keep = keep_nothing,
    count: Callable[[str], int] = count_vfs,
    *,
    removes: bool,
) -> Counted:
    """Give the device so many virtual functions; `removes` those that it has first, as the kernel demands.

    Without that, the kernel refuses another count for a device that somebody else has given some meanwhile. What has
    begun with the removal is brought to its end: `keep` is asked once.
    """
    try:
        for number in (0, wanted) if removes and wanted else (wanted,):
            answer = _write(f"{folder}/{NUMVFS}", str(number), deadline, keep)
            if answer.made in (Made.HELD, Made.REFUSED):
                return answer
            keep, now = keep_nothing, count(folder)
            if answer.made is not Made.SET or now != number:
                why = answer.message or "the kernel accepted it"
                made = Made.FAILED if answer.made is Made.SET else answer.made
                return answer._replace(made=made, message=f"it has {now}, and should have {wanted}: {why}")
    except OSError as error:
        return Counted(Made.FAILED, f"{folder} cannot be read: {error.strerror}")
    return Counted(Made.SET)


def _write(path: str, text: str, deadline: float, keep: Keep) -> Counted:
    isolated = [sys.executable, "-I", "-S", "-c", _PROGRAM, path, text]
    try:
        process = subprocess.Popen(
            isolated,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        return Counted(Made.FAILED, f"{sys.executable} cannot be started: {error.strerror}")
    try:
        kept = _let(process, keep)
    except BaseException:
        process.wait()  # its input has ended, and it ends with it
        raise
    try:
        status = process.wait(deadline)
    except subprocess.TimeoutExpired:
        _left.append(process)
        why = f"the kernel has not answered for {deadline:.0f} s, and goes on with it (process {process.pid})"
        return Counted(Made.FAILED, why, hangs=True)
    if kept is not None:
        return kept
    return Counted(Made.SET) if status == _SAYS_ERRNO else _judge(path, status)


def _let(process: "subprocess.Popen[bytes]", keep: Keep) -> Counted | None:
    """Let the process write as soon as it can, unless that is to be kept back: then its input ends, and so does it.

    One that does not ask in time is ended.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        if not select.select([process.stdout], [], [], DEADLINE)[0]:
            process.kill()
            return None
        if not process.stdout.read(1):
            return None  # it has ended, and its status says why
        kept = keep()
        if kept is None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(b"!")
        return kept


def _judge(path: str, status: int) -> Counted:
    """Return what the status of the process means: the number of an error, or below 0 that of a signal."""
    if status < 0 or status == _OTHER:
        how = f"by signal {-status}" if status < 0 else "by an error of its own"
        return Counted(Made.FAILED, f"the process that writes it was ended {how}: try again")
    if status == errno.EAGAIN:
        why = "another process writes it, and the kernel has not answered that one yet: wait for its end"
        return Counted(Made.FAILED, why, hangs=True)
    if status == errno.ENOENT:
        return Counted(Made.UNSUPPORTED, "the device has no driver that can make virtual functions")
    if status in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Counted(Made.FAILED, f"{path}: {os.strerror(status)}; run it as root, with /sys writable")
    return Counted(Made.FAILED, f"{os.strerror(status)}; the kernel's log says more")
