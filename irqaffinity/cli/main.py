# SPDX-License-Identifier: Apache-2.0
"""The entry point `irqaffinity`."""

import importlib
import logging
import os
import sys
from collections.abc import Sequence

from irqaffinity.cli.arguments import PROGRAM, parse_arguments

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


class CommandError(Exception):
    """A command could not do its work; str() is the line that tells the fact and the next step."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; wrong usage leaves with 64."""
    parsed = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(
        format=f"{PROGRAM}: %(message)s", level=logging.DEBUG if parsed.debug else logging.WARNING, stream=sys.stderr
    )
    try:
        command = importlib.import_module(f"irqaffinity.cli.{parsed.command}")
        status: int = command.run(parsed)
        sys.stdout.flush()
    except CommandError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read the report has seen enough; nothing more can be printed, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    return status
