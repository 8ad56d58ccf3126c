# SPDX-License-Identifier: Apache-2.0
"""The start and the end of the program: Python imports this module before all others of it.

Ctrl-C ends the program with status 130 at any moment, without a traceback: also while Python still imports it, and when
it has nothing left to do. Only before this module starts can Ctrl-C still cause a traceback.
"""

import _signal  # type: ignore[import-not-found]  # `signal` itself makes enumerations first, long enough for a Ctrl-C
import os


def _leave(_number: int, _frame: object) -> None:
    os._exit(130)  # EXIT_INTERRUPTED, which is imported below


_HEEDS = _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler
"""False where a shell started the program in the background: SIGINT is ignored then, and stays so."""

if _HEEDS:
    _signal.signal(_signal.SIGINT, _leave)

import sys  # noqa: E402  what takes time comes after the handler

from irqaffinity.cli import EXIT_FAILED, EXIT_INTERRUPTED  # noqa: E402


class _Interrupt:
    """Raises KeyboardInterrupt in the command at the first SIGINT; at the second one the process leaves at once."""

    def __init__(self) -> None:
        self.has_come = False

    def __call__(self, _number: int, _frame: object) -> None:
        self.has_come = True
        _signal.signal(_signal.SIGINT, _leave)
        raise KeyboardInterrupt

    def escaped(self, unraisable: "sys.UnraisableHookArgs") -> None:
        """Leave at once where Python would only print the exception and go on, as in a destructor."""
        if self.has_come:
            os._exit(EXIT_INTERRUPTED)
        sys.__unraisablehook__(unraisable)


def start() -> None:
    """Run the program, and end the process with its exit status.

    It skips the shutdown of the interpreter, which would not react to SIGINT, and would print failed writes again.
    """
    _occupy_standard_files()
    interrupt = _Interrupt()
    sys.unraisablehook = interrupt.escaped
    try:
        status = _run(interrupt)
    except KeyboardInterrupt:
        status = EXIT_INTERRUPTED
    if interrupt.has_come:
        os._exit(EXIT_INTERRUPTED)  # a flush could wait for a reader without end, as the write that was interrupted did
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            continue  # it is closed, or full: whoever wrote to it has been told
    os._exit(status)


def _run(interrupt: _Interrupt) -> int:
    """Return the exit status; raise KeyboardInterrupt."""
    try:
        from irqaffinity.cli.main import main  # noqa: PLC0415  what takes time comes after the handler above

        if _HEEDS:
            _signal.signal(_signal.SIGINT, interrupt)
        return main()
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else EXIT_FAILED if left.code else 0
    except ImportError as error:
        if not interrupt.has_come:
            _tell_of_library(error)
        return EXIT_FAILED
    except Exception:  # noqa: BLE001  the top of the process: Python itself would do the same
        if not interrupt.has_come:
            sys.excepthook(*sys.exc_info())
        return EXIT_FAILED
    finally:
        if _HEEDS:
            _signal.signal(_signal.SIGINT, _leave)


def _tell_of_library(error: ImportError) -> None:
    """Print which library is to blame, in one line."""
    from irqaffinity.cli.output import complain  # noqa: PLC0415  an import of it may be what failed
    from irqaffinity.conf.dependencies import explain  # noqa: PLC0415

    complain(f"irqaffinity: {explain(error)}")


def _occupy_standard_files() -> None:
    """Put /dev/null in place of each closed standard file, so that no file opened later gets its number.

    Python saw earlier that these files are closed, and set sys.stdin, sys.stdout or sys.stderr to None.
    """
    try:
        fd = os.open(os.devnull, os.O_RDWR)
    except OSError:
        return  # a container without /dev/null has its own troubles
    while fd <= 2:
        fd = os.dup(fd)
    os.close(fd)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
