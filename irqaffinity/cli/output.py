# SPDX-License-Identifier: Apache-2.0
"""Writes the output of commands: every report goes through here, so that all fail alike where it cannot be written."""

import contextlib
import os
import sys


class OutputLost(Exception):
    """Standard output could not be written; str() says why, and what the command had done by then.

    `is_quiet` is true where no message is needed: the reader of the output has seen enough and left (EPIPE).
    """

    def __init__(self, cause: str, done: str | None, *, is_quiet: bool) -> None:
        changes = "" if done is None else f"; what was done stays: {done}"
        super().__init__(f"standard output cannot be written ({cause}): mend it, or send it elsewhere{changes}")
        self.is_quiet = is_quiet


def say(text: str, *, done: str | None = None) -> None:
    """Write `text` and the end of its line to standard output, at once; raise OutputLost.

    `done` is what the command has done on the host by now: the error says it in place of the report.
    """
    if sys.stdout is None:  # so Python marks a closed one
        raise OutputLost("it is closed", done, is_quiet=False)
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        _forget_the_rest()
        cause = getattr(error, "strerror", None) or str(error)
        raise OutputLost(cause, done, is_quiet=isinstance(error, BrokenPipeError)) from error


def complain(text: str) -> None:
    """Write `text` and the end of its line to standard error, if that can be written."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()


def _forget_the_rest() -> None:
    """Send standard output to /dev/null: the rest of its buffer would fail again at exit, with a traceback."""
    with contextlib.suppress(OSError, ValueError):
        number = sys.stdout.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
