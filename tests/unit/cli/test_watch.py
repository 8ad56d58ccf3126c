# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity status --watch` on pipes and on a pseudo-terminal, while the agent's file comes, changes and goes."""

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from irqaffinity.agent.status_file import publish, withdraw
from irqaffinity.cli.main import main
from tests.patience import HANG, Patience
from tests.unit.cli.test_output import published

PROGRAM = Path(sys.executable).with_name("irqaffinity")
NEVER = "86400"
"""Seconds after which the report would come without a change."""

Start = Callable[..., "subprocess.Popen[bytes]"]


def tell(file: Path, **fields: object) -> None:
    """Publish what an agent does that moves for as long as the test may take."""
    heartbeat = time.clock_gettime(time.CLOCK_MONOTONIC) + HANG
    publish(str(file), published() | {"heartbeat": heartbeat} | fields)


class Reader:
    """Reads what a process writes until it says what is waited for."""

    def __init__(self, fd: int) -> None:
        self.text = ""
        self._fd = fd

    def until(self, text: str) -> str:
        """Return all up to `text`, which has to come."""
        patience = Patience(30)
        while text not in self.text:
            assert not patience.is_over(), self.text
            if select.select([self._fd], [], [], 0.1)[0]:
                read = os.read(self._fd, 65536).decode()
                assert read, f"it ended: {self.text}"
                self.text += read
        found, self.text = (
            self.text[: self.text.index(text) + len(text)],
            self.text[self.text.index(text) + len(text) :],
        )
        return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "run/status.json"
    tell(path, host="first")
    return path


@pytest.fixture
def start(file: Path) -> Iterator[Start]:
    """Starts `status` with these arguments."""
    with contextlib.ExitStack() as stack:

        def run(*arguments: str, stdout: int = subprocess.PIPE, **options: object) -> "subprocess.Popen[bytes]":
            conf = file.with_name("own.conf")
            conf.write_text(f"[status]\npath = {file}\n[notifications]\nenabled = false\n")
            command = [PROGRAM, f"--config-file={conf}", "status", *arguments]
            started = subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload]
            stack.enter_context(started)
            stack.callback(started.kill)
            return started  # type: ignore[no-any-return]

        yield run


def test_each_change_is_another_block_and_an_agent_that_goes_is_awaited(start: Start, file: Path) -> None:
    watched = start("--watch", NEVER)
    assert watched.stdout is not None
    assert watched.stderr is not None
    out, err = Reader(watched.stdout.fileno()), Reader(watched.stderr.fileno())
    first = out.until("\n\n")
    assert " on first, pid " in first
    tell(file, host="second")
    assert out.until(" on second, pid ").split("\n")[-2] == "---"
    withdraw(str(file))
    told = f"irqaffinity: no agent runs here: {file} does not exist; systemctl status irqaffinity tells more"
    assert err.until("\n") == f"{told}; waiting for it\n"
    tell(file, host="third")
    assert "\n---\n" in out.until(" on third, pid ")
    watched.send_signal(signal.SIGINT)
    assert watched.wait(HANG) == 130
    assert watched.stderr.read() == b""


def test_it_waits_for_an_agent_from_the_beginning_and_tells_of_one_that_is_stuck(start: Start, file: Path) -> None:
    withdraw(str(file))
    watched = start("--watch", "0.5")
    assert watched.stdout is not None
    assert watched.stderr is not None
    err = Reader(watched.stderr.fileno())
    err.until("; waiting for it\n")
    tell(file, heartbeat=0.0)
    assert "irqaffinity: the agent has not moved for" in err.until("\n")
    out = Reader(watched.stdout.fileno())
    for _ in range(3):
        out.until("\n---\n")
    assert not select.select([watched.stderr], [], [], 0)[0], "it says so once"


def test_json_is_one_document_a_line(start: Start, file: Path) -> None:
    watched = start("--watch", NEVER, "-f", "json")
    assert watched.stdout is not None
    assert json.loads(watched.stdout.readline())["host"] == "first"
    tell(file, host="second")
    assert json.loads(watched.stdout.readline())["host"] == "second"


def test_it_comes_again_without_a_change_too(start: Start) -> None:
    watched = start("--watch", "0.5", "-f", "json")
    assert watched.stdout is not None
    assert watched.stdout.readline() == watched.stdout.readline() != b""


@pytest.mark.parametrize("is_away", [False, True])
def test_it_ends_quietly_when_nobody_reads_it_any_more(start: Start, file: Path, is_away: bool) -> None:
    watched = start("--watch", NEVER)
    assert watched.stdout is not None
    assert watched.stderr is not None
    watched.stdout.readline()
    if is_away:
        withdraw(str(file))
        watched.stderr.readline()
    watched.stdout.close()
    assert watched.wait(HANG) == 1
    assert watched.stderr.read() == b""


def set_size(fd: int, rows: int, columns: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def test_on_a_terminal_it_is_drawn_in_place_as_far_as_there_is_room(
    start: Start, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLUMNS", raising=False)
    ours, its = pty.openpty()
    set_size(its, 40, 100)
    watched = start("--watch", NEVER, stdin=its, stdout=its, start_new_session=True, preexec_fn=lambda: own(0))
    os.close(its)
    screen = Reader(ours)
    assert "\n---\n" not in screen.until("0 guests\r\n")
    tell(file, host="second")
    again = screen.until(" on second, pid ")
    assert again.rpartition("\x1b[H\x1b[J")[2].startswith("irqaffinity ")
    set_size(ours, 5, 100)
    cut = screen.until(" more lines: make the terminal higher, or use --only").rpartition("\x1b[H\x1b[J")[2]
    assert (len(cut.split("\r\n")), " on second, pid " in cut) == (4, True)
    withdraw(str(file))
    assert screen.until("; waiting for it").rpartition("\x1b[H\x1b[J")[2].startswith("irqaffinity: no agent runs here")
    os.write(ours, b"\x03")
    assert watched.wait(HANG) == 130
    assert watched.stderr is not None
    assert watched.stderr.read() == b""
    os.close(ours)


def own(terminal: int) -> None:
    """Make a terminal that of this process, so that Ctrl-C reaches it."""
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def test_a_terminal_that_cannot_be_drawn_on_gets_blocks(
    start: Start, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    ours, its = pty.openpty()
    start("--watch", NEVER, stdout=its)
    os.close(its)
    screen = Reader(ours)
    screen.until(" on first, pid ")
    tell(file, host="second")
    assert "\x1b" not in screen.until("\r\n---\r\nirqaffinity ")
    os.close(ours)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--watch", "-f", "csv"], "argument --watch: it works with -f table and json, not with csv"),
        (["--watch", "0"], "argument --watch: '0' is not a number of seconds from 0.5 to 86400"),
        (["--watch=-1"], "'-1' is not a number of seconds"),
        (["--watch", "nan"], "'nan' is not a number of seconds"),
        (["--watch", "1e9"], "'1e9' is not a number of seconds"),
        (["--watch", "soon"], "'soon' is not a number of seconds"),
    ],
)
def test_wrong_usage_is_refused(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["status", *arguments])
    assert left.value.code == 64
    assert told in capsys.readouterr().err
