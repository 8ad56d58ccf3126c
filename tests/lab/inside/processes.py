# SPDX-License-Identifier: Apache-2.0
"""Commands, files and waiting, inside the machine."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

LIMIT = 120.0
"""Seconds after which what is waited for will never come, on an emulated machine with company."""

_PAUSE = 0.05


def run(*command: str) -> str:
    """Return what a command printed; raise RuntimeError with what it complained of."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def read(path: str) -> str:
    """Return what a file says, without the line's end."""
    return Path(path).read_text().strip()


def write(path: str, text: str) -> None:
    """Write to a file of the kernel."""
    Path(path).write_text(text)


def wait_for(what: str, condition: Callable[[], T], limit: float = LIMIT, pause: float = _PAUSE) -> T:
    """Return what `condition` returns once that is true; raise AssertionError when it never is."""
    deadline = time.monotonic() + limit
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {limit:g} s in vain for {what}; the last answer was {result!r}")
        time.sleep(pause)
    return result
