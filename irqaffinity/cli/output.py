# SPDX-License-Identifier: Apache-2.0
"""What a command says: every report goes through here, and one that cannot be written fails in one way."""

import contextlib
import os
import sys


class OutputLost(Exception):
    """Standard output could not be written; str() tells why, and what the command had done by then.

    `is_quiet` where nobody needs to be told: whoever read the output has seen enough and left (EPIPE).
    """

    def __init__(self, cause: str, done: str | None, *, is_quiet: bool) -> None:
        changes = "" if done is None else f"; what was done stays: {done}"
        super().__init__(f"standard output cannot be written ({cause}): mend it, or send it elsewhere{changes}")
        self.is_quiet = is_quiet


def say(text: str, *, done: str | None = None) -> None:
    """Write `text` and the end of its line to standard output, at once; raise OutputLost.

    `done` is what the command has done on the host by now: whoever loses the report is to know it.
    """
    if sys.stdout is None:  # Python's own sign of a closed one
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
    """Lead standard output nowhere: what is left in its buffer would only fail again, with a traceback at exit."""
    with contextlib.suppress(OSError, ValueError):
        number = sys.stdout.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
