# SPDX-License-Identifier: Apache-2.0
"""Commands, files and waiting, inside the machine."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

LIMIT = 120.0
"""Seconds of the machine's own after which what is waited for will never come."""

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


def _all_of_it(what: str, waited: float) -> float:
    return waited


own_time: Callable[[str, float], float] = _all_of_it
"""Returns how many of the last seconds that something was waited for were the machine's own: whoever runs the machine
knows, and the runner puts the question to them here. Where nobody does, it is all of them."""


def wait_for(what: str, condition: Callable[[], T], limit: float = LIMIT, pause: float = _PAUSE) -> T:
    """Return what `condition` returns once that is true; raise AssertionError when it never is.

    The limit is in seconds of the machine's own time, and whoever runs it is asked once so many have passed here.
    """
    start = time.monotonic()
    look = start + limit
    while not (result := condition()):
        if time.monotonic() > look:
            waited = time.monotonic() - start
            left = limit - own_time(what, waited)
            if left <= 0:
                told = f"waited {waited:.0f} s in vain for {what}, {limit:g} s of the machine's own"
                raise AssertionError(f"{told}; the last answer was {result!r}")
            look = time.monotonic() + left
        time.sleep(pause)
    return result
