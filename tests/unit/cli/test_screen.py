# SPDX-License-Identifier: Apache-2.0
"""What a report looks like on a real terminal, and where there is none."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from irqaffinity.report.width import display_width
from tests.fakes.crowd import make_crowd
from tests.patience import HANG

PROGRAM = Path(sys.executable).with_name("irqaffinity")
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), "LC_ALL": "C.UTF-8"}

Show = Callable[..., str]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str | Path]:
    """A dry audit of a host of 64 guests."""
    folder = tmp_path_factory.mktemp("crowd")
    return [PROGRAM, *make_crowd(folder).arguments(folder / "state"), "audit", "--once", "--dry-run"]


@pytest.fixture
def show(command: list[str | Path]) -> Show:
    """Runs it on a terminal of some columns, and returns what the terminal was sent."""

    def run(columns: int, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        variables = ENVIRONMENT | {"TERM": "xterm-256color"} | dict(environment or {})
        process = subprocess.Popen([*command, *arguments], stdout=its, stderr=subprocess.DEVNULL, env=variables)
        os.close(its)
        found = b""
        with process, os.fdopen(ours, "rb", buffering=0) as terminal:
            try:
                while part := terminal.read(65536):
                    found += part
            except OSError:
                pass  # Linux says EIO once the other side is closed
            assert process.wait(timeout=HANG) in (1, 64)
        return found.decode().replace("\r\n", "\n")

    return run


def pipe(command: list[str | Path], *arguments: str, **environment: str) -> str:
    """Run it with a pipe for standard output."""
    variables = ENVIRONMENT | {"TERM": "xterm-256color"} | environment
    return subprocess.run(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=variables, text=True, check=False
    ).stdout


def longest(text: str) -> int:
    *lines, _summary = re.sub("\x1b\\[[0-9;]*m", "", text).splitlines()
    return max(map(display_width, lines))


def test_a_table_fits_the_terminal_in_colours(show: Show) -> None:
    text = show(80)
    assert 60 < longest(text) <= 80
    assert "\x1b[1;31minstance-9 " in text
    assert "\x1b[33mwould_set\x1b[0m" in text
    assert text.splitlines()[-1].startswith("64 guests, ")
    assert longest(show(132, "-c", "name", "-c", "address", "-c", "message")) <= 132


def test_a_terminal_that_does_not_know_its_width_gets_whole_lines(show: Show, command: list[str | Path]) -> None:
    assert show(0, "--color=never") == pipe(command)


@pytest.mark.parametrize(
    ("environment", "arguments", "is_coloured"),
    [
        ({}, (), True),
        ({"NO_COLOR": "1"}, (), False),
        ({"NO_COLOR": ""}, (), True),
        ({"TERM": "dumb"}, (), False),
        ({"TERM": ""}, (), False),
        ({"NO_COLOR": "1", "TERM": "dumb"}, ("--color", "always"), True),
        ({}, ("--color=never",), False),
        ({}, ("-f", "json", "--color=always"), False),
        ({}, ("-f", "yaml", "--color=always"), False),
        ({}, ("-f", "csv", "--color=always"), False),
        ({}, ("-f", "value", "--color=always"), False),
    ],
    ids=str,
)
def test_colours_go_by_the_option_then_the_environment(
    show: Show, environment: dict[str, str], arguments: tuple[str, ...], is_coloured: bool
) -> None:
    assert ("\x1b" in show(100, "--only=error", *arguments, environment=environment)) == is_coloured


def test_what_is_no_terminal_gets_whole_lines_without_colours(command: list[str | Path]) -> None:
    text = pipe(command)
    assert "\x1b" not in text
    assert longest(text) > 132
    assert pipe(command, "--color=always").count("\x1b[1;31m") == 5
    assert pipe(command, COLUMNS="72") == text
