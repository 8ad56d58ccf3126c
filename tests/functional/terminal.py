# SPDX-License-Identifier: Apache-2.0
"""A terminal of the tests' own: a program runs in it, keys are typed, and its screen is read."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyte

from tests.patience import Patience

LIMIT = 60.0
"""Seconds of a quiet machine after which what is waited for will never come; see Patience."""


_JOB = """
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
pid = os.fork()
os.setpgid(pid, pid)
if pid:
    os.tcsetpgrp(0, pid)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
while os.tcgetpgrp(0) != os.getpid():
    pass
signal.signal(signal.SIGTTOU, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
AS_JOB = (sys.executable, "-c", _JOB)
"""Starts a command as the job of a shell: the kernel stops no other. It leaves the terminal as the job does."""


def state_of(pid: int) -> str:
    """Return the state of a process as the kernel names it: T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


class Terminal:
    """A pseudo-terminal whose screen is that of a Linux console, and a program that has it as its own."""

    def __init__(
        self, command: Sequence[str | Path], environment: Mapping[str, str], width: int = 80, height: int = 24
    ) -> None:
        self.screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self.screen)
        self.written = b""
        self._master, self.slave = pty.openpty()
        self._set_size(width, height)
        self.modes = termios.tcgetattr(self.slave)
        # setsid --ctty makes the terminal the program's own: it is stopped, ended and told of new sizes by it.
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env={**os.environ, "TERM": "linux", **environment},
        )

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    @property
    def has_its_modes(self) -> bool:
        """Whether the terminal is as it was before the program: it echoes, and gives whole lines."""
        return termios.tcgetattr(self.slave)[:4] == self.modes[:4]

    def red(self, line: str) -> str:
        """Return what is red of the line of the screen in which this stands."""
        place = next(place for place, text in enumerate(self.screen.display) if line in text)
        row = self.screen.buffer[place]
        return "".join(row[x].data if row[x].fg in ("red", "brightred") else " " for x in range(self.screen.columns))

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def resize(self, width: int, height: int) -> None:
        """Give the terminal another size; the kernel signals that to the program."""
        self.screen.resize(height, width)
        self._set_size(width, height)

    def _set_size(self, width: int, height: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def wait(self, what: str | Callable[[], bool]) -> str:
        """Read until this stands on the screen, or is true, and return the screen."""
        is_there = (lambda: what in self.text) if isinstance(what, str) else what
        patience = Patience(LIMIT)
        while not is_there():
            self.pump()
            if patience.is_over() or (self.process.poll() is not None and not is_there() and not self.pump()):
                raise AssertionError(f"waited in vain for {what!r} (status {self.process.poll()}):\n{self.text}")
        return self.text

    def pump(self) -> bool:
        """Show what the program has written, if anything comes soon; return whether something did."""
        if not select.select([self._master], [], [], 0.05)[0]:
            return False
        data = os.read(self._master, 65536)
        self.written += data
        self._stream.feed(data)
        return bool(data)

    def wait_for_end(self) -> int:
        """Read until the program has ended, and return its status."""
        self.wait(lambda: self.process.poll() is not None)
        while self.pump():
            pass
        return self.process.returncode

    def child(self) -> int:
        """Return the process that the program has started."""
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def die(self) -> None:
        """Take the terminal away, as the end of an ssh connection does."""
        os.close(self.slave)
        os.close(self._master)
        self.slave = self._master = -1

    def close(self) -> None:
        """End the program, if it still runs, and the terminal."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for fd in (self._master, self.slave):
            if fd >= 0:
                os.close(fd)


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None, width: int = 80, height: int = 24
) -> Iterator[Terminal]:
    """Give a terminal in which a command runs; it ends with the test."""
    terminal = Terminal(command, environment or {}, width, height)
    try:
        yield terminal
    finally:
        terminal.close()


def wait_until_ended(process: "subprocess.Popen[bytes]") -> int:
    """Return the status of a process whose terminal is gone."""
    patience = Patience(LIMIT)
    while process.poll() is None and not patience.is_over():
        time.sleep(0.02)
    assert process.returncode is not None, "it still runs"
    return process.returncode
