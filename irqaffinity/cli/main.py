# SPDX-License-Identifier: Apache-2.0
"""The entry point `irqaffinity`."""

import importlib
import logging
import signal
import sys
from collections.abc import Sequence

from irqaffinity.cli import EXIT_FAILED, EXIT_INTERRUPTED
from irqaffinity.cli.arguments import module_of, parse_arguments
from irqaffinity.cli.output import OutputLost, complain
from irqaffinity.cli.usage.command import PROGRAM

LOG = logging.getLogger(__name__)

_AWAITED = frozenset({signal.SIGHUP, signal.SIGUSR1})
"""Signals that ask a running agent or relay for something: one that starts acts on them as soon as it runs."""

_WITH_LIBRARIES = frozenset({"agent", "check", "relay"})
"""Commands that need every library at the start, and not only when they first use it."""


class CommandError(Exception):
    """A command could not do its work; str() is one line with the fact and the next step."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; wrong usage leaves with 64."""
    stays = False
    try:
        parsed = parse_arguments(sys.argv[1:] if arguments is None else arguments)
        stays = parsed.command in ("agent", "relay") or (parsed.command == "audit" and not parsed.once)
        _begin_log(stays, debug=parsed.debug)
        if parsed.command in ("agent", "relay"):
            signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
        if parsed.command in _WITH_LIBRARIES:
            _look_at_libraries(parsed.command)
        command = importlib.import_module(f"irqaffinity.cli.{module_of(parsed.command)}")
        status: int = command.run(parsed)
    except CommandError as error:
        _fail(stays, str(error))
        return EXIT_FAILED
    except OutputLost as error:
        if not error.is_quiet:
            _fail(stays, str(error))
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    finally:
        if stays:
            _end_log()
    return status


def _begin_log(stays: bool, *, debug: bool) -> None:
    """Send warnings to standard error; for a command that stays with the time, until it has read its options.

    With `debug`, log each step of this program too, and none of a library's.
    """
    if stays:
        from irqaffinity.daemon.log import set_up_log  # noqa: PLC0415  few commands stay

        set_up_log(debug=debug)
        return
    if not logging.getLogger().handlers:  # else a program around this one has a log of its own
        logging.basicConfig(format=f"{PROGRAM}: %(message)s", level=logging.WARNING, stream=sys.stderr)
        logging.getLogger(PROGRAM).setLevel(logging.DEBUG if debug else logging.NOTSET)


def _fail(stays: bool, text: str) -> None:
    """Write why a command ends: to its log where it stays, and to standard error in any case."""
    if stays:
        from irqaffinity.daemon.log import is_on_stderr  # noqa: PLC0415

        LOG.error("%s", text)
        if is_on_stderr():
            return
    complain(f"{PROGRAM}: {text}")


def _end_log() -> None:
    from irqaffinity.daemon.log import end_log  # noqa: PLC0415

    end_log()


def _look_at_libraries(command: str) -> None:
    from irqaffinity.conf.dependencies import find_missing, find_old  # noqa: PLC0415  10 ms, and few commands need it

    missing = find_missing()
    if missing is not None:
        raise CommandError(missing)
    old = find_old() if command != "check" else None  # check has a line of its own for it
    if old is not None:
        LOG.warning("%s", old)
