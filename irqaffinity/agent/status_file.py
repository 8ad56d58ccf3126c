# SPDX-License-Identifier: Apache-2.0
"""The status file: how the agent tells other processes how it is, and how these read it."""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from typing import Any

SCHEMA = 1
"""Of status.json; report/status_report says what stands in it."""

_MODE = 0o644


class NoStatus(Exception):
    """There is no status to read; str() says why, and the next step."""


def publish(path: str, status: dict[str, Any]) -> None:
    """Replace the file as a whole, readable for everybody; raise OSError."""
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    new = f"{path}.new"
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
        os.unlink(path)


def read_status(path: str) -> dict[str, Any]:
    """Return what the agent published last; raise NoStatus."""
    try:
        with open(path, "rb") as file:
            status: dict[str, Any] = json.loads(file.read())
        schema = status["schema"]
    except FileNotFoundError:
        raise NoStatus(f"no agent runs here: {path} does not exist; systemctl status irqaffinity tells more") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise NoStatus(f"{path} cannot be read: {error}; restart the agent") from error
    if schema != SCHEMA:
        raise NoStatus(f"{path} is of schema {schema}, and this program knows {SCHEMA}; restart the agent")
    return status


def is_running(status: Mapping[str, Any]) -> bool:
    """Tell whether the process that published the status still is there.

    In a container the agent is pid 1 and always there; but a status with a heartbeat that is to come yet was kept over
    a boot of the machine, which begins its clock again.
    """
    if float(status["heartbeat"]) > time.clock_gettime(time.CLOCK_MONOTONIC):
        return False
    try:
        os.kill(int(status["pid"]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def age(status: Mapping[str, Any]) -> float:
    """Return how many seconds ago the agent's worker was alive; clocks that jump do not matter (CLOCK_MONOTONIC)."""
    return max(0.0, time.clock_gettime(time.CLOCK_MONOTONIC) - float(status["heartbeat"]))
