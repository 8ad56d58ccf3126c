# SPDX-License-Identifier: Apache-2.0
"""Short processes of the program's own: what they import, and where they hang, is nothing to the process that asks.

A process is the same interpreter with the same search path and environment. It gets its question on its standard input
and answers on its standard output: a command line or environment would show both to others. Each has a module with a
function `answer`, which is all that it does.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

TICK = 0.5
"""Seconds between two looks whether to go on waiting."""

ENDS = frozenset({signal.SIGTERM, signal.SIGINT})
"""The signals that end the process that asks; it may block them."""


_LAST = 5.0
"""Seconds in which a process that was killed is gone, unless it hangs in the kernel."""


class ChildFailed(Exception):
    """A process gave no answer; str() says why, and the next step."""


def program_of(module: str) -> str:
    """Return the program of a process that runs `answer` of a module; the search path is its arguments."""
    return f"import sys; sys.path[:] = sys.argv[1:]; from {module} import answer; answer()"


def ask_child(who: str, program: str, question: bytes, go_on: Callable[[], None]) -> bytes:
    """Return what a process prints; raise ChildFailed, and what `go_on` raises to give it up.

    `who` names the process in errors. One that hangs in the kernel cannot be ended: it is left then.
    """
    isolated = ["-I"] if sys.flags.isolated else []
    try:
        # A session of its own: Ctrl-C in a terminal is for the caller, who ends the process then.
        process = subprocess.Popen(
            [sys.executable, *isolated, "-c", program, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ChildFailed(f"{who}, {sys.executable}, cannot be started: {error.strerror}; mend that") from error
    try:
        reply = _wait(process, question, go_on)
    except BaseException:
        _leave(process)
        raise
    if process.returncode:
        how = f"with status {process.returncode}" if process.returncode > 0 else f"by signal {-process.returncode}"
        raise ChildFailed(f"{who} was ended {how}; look at what it wrote, or at the kernel's log")
    return reply


def unreadable(who: str) -> ChildFailed:
    """Return the error for an answer that is none."""
    advice = "see what else of this Python writes to standard output, such as a sitecustomize"
    return ChildFailed(f"{who} gave no answer that can be read; {advice}")


def become_child() -> None:
    """Let a signal that ends the asking process end this one, without a message; other blocked signals stay so."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)


def leave_with(reply: dict[str, Any]) -> None:
    """Print the answer as JSON, and end the process without waiting for threads of the libraries."""
    with open(1, "w", closefd=False) as out:
        json.dump(reply, out)
    os._exit(0)


def _wait(process: "subprocess.Popen[bytes]", question: bytes | None, go_on: Callable[[], None]) -> bytes:
    unsent = question
    while True:
        try:
            return process.communicate(unsent, TICK)[0]
        except subprocess.TimeoutExpired:
            unsent = None  # or rather what is left of it, which Popen keeps
            go_on()


def _leave(process: "subprocess.Popen[bytes]") -> None:
    """End the process, and forget one that the kernel does not let end."""
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_LAST)
