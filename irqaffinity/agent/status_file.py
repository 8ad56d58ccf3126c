# SPDX-License-Identifier: Apache-2.0
"""The status file: the agent writes its state into it, and other processes read it."""

import contextlib
import errno
import json
import os
import stat
import time
from collections.abc import Mapping
from typing import Any

from irqaffinity.agent.status_shape import ALIVE
from irqaffinity.conf.regular_file import read_regular, why_unreadable
from irqaffinity.model.shape import check_shape, parse_json
from irqaffinity.model.text import clean

SCHEMA = 1
"""The version of the form of status.json; report/status_report describes its content."""

_MODE = 0o644


class NoStatus(Exception):
    """There is no status to read; str() says why, and the next step."""


def publish(path: str, status: dict[str, Any]) -> None:
    """Replace the file as a whole, readable for everybody; raise OSError, also for what is no file, as /dev/null."""
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    new = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise OSError(errno.EEXIST, "it is no regular file", path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new)
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
    with os.fdopen(fd, "w") as file:
        os.fchmod(fd, _MODE)
        json.dump(status, file, separators=(",", ":"))
    os.replace(new, path)


def withdraw(path: str) -> None:
    """Remove the file: no agent runs any more."""
    with contextlib.suppress(OSError):
        if stat.S_ISREG(os.lstat(path).st_mode):
            os.unlink(path)


def read_status(path: str, shape: Any = ALIVE) -> dict[str, Any]:
    """Return the last status that the agent published, after a check of its shape; raise NoStatus."""
    try:
        text = read_regular(path)
        status: dict[str, Any] = parse_json(text)
        check_shape(status, ALIVE)
        if status["schema"] == SCHEMA:
            check_shape(status, shape)
    except FileNotFoundError:
        what = clean(f"no agent runs here: {path} does not exist")
        raise NoStatus(f"{what}; systemctl status irqaffinity tells more") from None
    except (OSError, ValueError) as error:
        raise NoStatus(_unreadable(path, why_unreadable(error))) from None
    if status["schema"] != SCHEMA:
        what = clean(f"{path} is of schema {status['schema']}, and this program knows {SCHEMA}")
        raise NoStatus(f"{what}; restart the agent")
    return status


def _unreadable(path: str, why: str) -> str:
    return f"{clean(f'{path} cannot be read: {why}')}; restart the agent"


def is_running(status: Mapping[str, Any]) -> bool:
    """Return whether the process that published the status still exists.

    In a container the agent is pid 1, which always exists. But where the heartbeat lies in the future, the machine was
    booted since: its clock began again, and the status is an old one.
    """
    if float(status["heartbeat"]) > time.clock_gettime(time.CLOCK_MONOTONIC):
        return False
    if status["pid"] < 1:
        return False
    try:
        os.kill(status["pid"], 0)
    except (OverflowError, ProcessLookupError):  # no process has a number as large as that
        return False
    except PermissionError:
        return True
    return True


def age(status: Mapping[str, Any]) -> float:
    """Return how many seconds ago the agent's worker was alive; clocks that jump do not matter (CLOCK_MONOTONIC)."""
    return max(0.0, time.clock_gettime(time.CLOCK_MONOTONIC) - float(status["heartbeat"]))
