# SPDX-License-Identifier: Apache-2.0
"""The terminal of `irqaffinity top`: the standard library's curses, and all that can happen to a terminal meanwhile."""

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from irqaffinity.cli.main import CommandError
from irqaffinity.cli.top_view import LEAST_HEIGHT, LEAST_WIDTH
from irqaffinity.report.fit import Cell, Line
from irqaffinity.report.width import display_width

try:
    import curses
except ImportError:  # Python can be built without it
    curses = None  # type: ignore[assignment]

_STEP = "use --once"
_HEARD = (signal.SIGHUP, signal.SIGTERM, signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL
_MOST_EMPTY = 50
"""How often in a row a terminal may announce keys and have none before it counts as gone."""

_NAMED = {"\n": "enter", "\r": "enter", "\x1b": "escape", "\x7f": "backspace", "\b": "backspace", "\t": "tab"}
_CODES = {
    "KEY_UP": "up",
    "KEY_DOWN": "down",
    "KEY_PPAGE": "page up",
    "KEY_NPAGE": "page down",
    "KEY_HOME": "home",
    "KEY_END": "end",
    "KEY_ENTER": "enter",
    "KEY_BACKSPACE": "backspace",
}


def require_terminal() -> None:
    """Raise CommandError where the terminal cannot show the live view."""
    if curses is None:
        raise CommandError(f"this Python has no curses, which the live view needs: {_STEP}")
    for stream, what in ((sys.stdout, "standard output"), (sys.stdin, "standard input")):
        if stream is None or not stream.isatty():
            raise CommandError(f"{what} is not a terminal, which the live view needs: {_STEP}")
    name = os.environ.get("TERM", "")
    try:
        curses.setupterm(name, sys.stdout.fileno())
    except curses.error as error:
        shown = f"this host does not know the type of terminal {name[:40]!a}" if name else "TERM is not set"
        raise CommandError(f"{shown}: set TERM to a known type, such as xterm, or {_STEP}") from error
    if curses.tigetstr("cup") is None:
        raise CommandError(f"a terminal of the type {name[:40]!a} cannot place its cursor: {_STEP}")
    width, height = _size()
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        least = f"the live view needs {LEAST_WIDTH} x {LEAST_HEIGHT}"
        raise CommandError(f"the terminal has {width} x {height} characters and {least}: make it larger, or {_STEP}")


def _size() -> tuple[int, int]:
    """Return the columns and lines of the terminal; a serial line does not know them, but its type does."""
    width, height = os.get_terminal_size(sys.stdout.fileno())
    return width or curses.tigetnum("cols"), height or curses.tigetnum("lines")


@contextlib.contextmanager
def opened_terminal(*, is_coloured: bool) -> Iterator["Terminal"]:
    """Set the terminal up for the live view, and put it back as it was, however the view ends."""
    with _heard_signals() as wake:
        window = curses.initscr()
        try:
            _set_up(window)
            yield Terminal(window, wake, is_coloured=is_coloured and curses.has_colors())
        finally:
            with contextlib.suppress(curses.error):
                curses.endwin()


def _set_up(window: Any) -> None:
    curses.noecho()
    curses.cbreak()
    curses.set_escdelay(25)
    window.keypad(True)
    window.nodelay(True)
    with contextlib.suppress(curses.error):  # a terminal without the one or the other
        curses.curs_set(0)
    with contextlib.suppress(curses.error):
        curses.start_color()
        curses.use_default_colors()
        curses.init_pair(1, curses.COLOR_RED, -1)


@contextlib.contextmanager
def _heard_signals() -> Iterator[int]:
    """Give the end of a pipe from which the number of each signal can be read; ignored signals stay ignored."""
    heard, spoken = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    before = {number: signal.getsignal(number) for number in _HEARD}
    wakeup = signal.set_wakeup_fd(spoken, warn_on_full_buffer=False)
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, _hear)
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        os.close(heard)
        os.close(spoken)


def _hear(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the number of the signal comes through the pipe."""


class Terminal:
    """Draws lines and waits for keys.

    `has_gone` is true once nobody sees the terminal any more, `is_to_end` once a signal asks the view to end.
    """

    def __init__(self, window: Any, wake: int, *, is_coloured: bool) -> None:
        self.has_gone = self.is_to_end = False
        self._window = window
        self._wake = wake
        self._empty = 0
        self._poll = select.poll()
        self._poll.register(sys.stdin.fileno(), select.POLLIN)
        self._poll.register(wake, select.POLLIN)
        self._wrong = curses.A_BOLD | (curses.color_pair(1) if is_coloured else curses.A_REVERSE)
        self._fit()

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        height, width = self._window.getmaxyx()
        return width, height

    def draw(self, lines: Sequence[Line], bars: Sequence[int] = ()) -> None:
        """Show these lines and nothing else; draw the lines whose indices are in `bars` as bars."""
        width = self.size[0]
        self._window.erase()
        for y, line in enumerate(lines):
            x, bar = 0, curses.A_REVERSE if y in bars else curses.A_NORMAL
            used = sum(display_width(cell.text) for cell in line)
            for cell in [*line, Cell(" " * (width - used))] if y in bars else line:
                with contextlib.suppress(curses.error):  # the cursor cannot go behind the last character
                    self._window.addstr(y, x, self._shown(cell.text), self._wrong if cell.is_wrong else bar)
                x += display_width(cell.text)
        with contextlib.suppress(curses.error):
            self._window.refresh()

    def wait(self, seconds: float) -> list[str]:
        """Return the pressed keys as soon as there are any; an empty list after so many seconds or a signal."""
        keys: list[str] = []
        for fd, event in self._poll.poll(max(0.0, seconds) * 1000):
            if fd == self._wake:
                self._heed(os.read(self._wake, 512))
            elif event & _GONE:
                self.has_gone = True
            else:
                keys = self._keys()
                self._empty = 0 if keys else self._empty + 1
                self.has_gone = self.has_gone or self._empty > _MOST_EMPTY
        return keys

    def _keys(self) -> list[str]:
        keys = []
        with contextlib.suppress(curses.error):
            while True:
                key = self._window.get_wch()
                name = curses.keyname(key).decode("ascii", "replace") if isinstance(key, int) else ""
                keys.append(_CODES.get(name, name) if isinstance(key, int) else _NAMED.get(key, key))
        return keys

    def _heed(self, numbers: bytes) -> None:
        if signal.SIGHUP in numbers:
            self.has_gone = True
        if signal.SIGTERM in numbers:
            self.is_to_end = True
        if signal.SIGTSTP in numbers:
            self._stand_still()
        if {signal.SIGWINCH, signal.SIGCONT, signal.SIGTSTP} & set(numbers):
            self._fit()

    def _stand_still(self) -> None:
        """Give the terminal back, and stop as every program does on SIGTSTP; return when it is continued."""
        curses.endwin()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.pthread_kill(threading.get_ident(), signal.SIGTSTP)  # to no other thread, so that this one waits
        signal.signal(signal.SIGTSTP, _hear)

    def _fit(self) -> None:
        """Take over the present size of the terminal, and draw all of it anew."""
        try:
            width, height = _size()
            curses.reset_prog_mode()
            curses.resizeterm(max(1, height), max(1, width))
            self._window.redrawwin()
        except (OSError, curses.error):
            self.has_gone = True

    def _shown(self, text: str) -> str:
        encoding = self._window.encoding
        return text.encode(encoding, "backslashreplace").decode(encoding)
