# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C, sent to real processes of the program at every step of their lives."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import irqaffinity
from tests.patience import HANG, Patience

PROGRAM = Path(sys.executable).with_name("irqaffinity")
PACKAGE = str(Path(irqaffinity.__file__).parent)
STEPS = 24
ROUNDS = 20
"""A machine that grows busier or idler meanwhile may have all the signals of a round come too early or too late."""


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return exit status and standard error."""
    _, err = process.communicate(timeout=HANG)
    return process.returncode, err


def launch(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PROGRAM, *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_time(arguments: list[str]) -> float:
    """Return how many seconds a run takes now."""
    start = time.monotonic()
    assert "Traceback" not in finish(launch(*arguments))[1]
    return time.monotonic() - start


def only_before_the_handler(traceback: str) -> bool:
    """Return whether no frame of the package is later than the statement that installs the handler."""
    start = str(Path(PACKAGE, "cli", "start.py"))
    lines = Path(start).read_text().splitlines()
    installed = 1 + lines.index("    _signal.signal(_signal.SIGINT, _leave)")
    frames = re.findall(rf'File "({re.escape(PACKAGE)}[^"]*)", line (\d+)', traceback)
    packages = [str(Path(PACKAGE, "__init__.py")), str(Path(PACKAGE, "cli", "__init__.py"))]
    return all(file in packages or (file == start and int(line) <= installed) for file, line in frames)


@pytest.mark.parametrize("command", ["demo", "mask 0 --vcpus 1", "--help", "check"])
def test_an_interrupt_at_any_moment_is_status_130_and_no_traceback(command: str, tmp_path: Path) -> None:
    """Only before our first lines have run Python does what it does."""
    arguments = [*command.split(), "--config-file", os.devnull, "--state", str(tmp_path / "state")]
    seen: Counter[int] = Counter()
    for step in range(ROUNDS * STEPS):
        if step % STEPS == 0:
            if seen[130]:
                break
            whole = run_time(arguments)
        process = launch(*arguments, TMPDIR=str(tmp_path))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(whole * (step % STEPS) / STEPS)
        process.send_signal(signal.SIGINT)
        status, err = finish(process)
        if "Traceback" in err or "KeyboardInterrupt" in err or status == -signal.SIGINT:
            assert only_before_the_handler(err), err
            continue
        assert status in (0, 1, 130) if command == "check" else status in (0, 130), (status, err)
        seen[status] += 1
    assert seen[130] > 0, seen
    assert [path.name for path in tmp_path.iterdir() if path.name != "state"] == []


SHADOWS = {
    "while libvirt is imported": "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n",
    "where Python only prints the exception": (
        "import os, signal\n"
        "class Dying:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "Dying()\n"
    ),
    "where Python makes another exception of it": (
        "import os, signal\n"
        "class Named:\n"
        "    def __set_name__(self, owner, name):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "class Owner:\n"
        "    named = Named()\n"
    ),
    "twice": (
        "import os, signal\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "finally:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
    ),
}


def test_an_interrupt_while_the_program_itself_is_imported_is_status_130(tmp_path: Path) -> None:
    (tmp_path / "argparse.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    assert finish(launch("--help", PYTHONPATH=str(tmp_path))) == (130, "")


@pytest.mark.parametrize("text", SHADOWS.values(), ids=SHADOWS)
def test_an_interrupt_at_a_bad_moment_is_status_130(text: str, tmp_path: Path) -> None:
    (tmp_path / "libvirt.py").write_text(text)
    assert finish(launch("demo", PYTHONPATH=str(tmp_path))) == (130, "")


@contextlib.contextmanager
def stuck_in_output(*, ignores: bool = False) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Give a process that waits for the reader of its output, and the end to read from."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, b"x" * 4096)
    os.set_blocking(write, True)
    line = f"{'trap ' + chr(39) * 2 + ' INT; ' if ignores else ''}exec {PROGRAM} demo"
    with subprocess.Popen(["sh", "-c", line], stdout=write, stderr=subprocess.PIPE, text=True) as process:
        os.close(write)
        patience = Patience(60.0)
        while "pipe_write" not in Path(f"/proc/{process.pid}/wchan").read_text():
            assert process.poll() is None
            assert not patience.is_over(), "the process never waited for its reader"
            time.sleep(0.01)
        try:
            yield process, read
        finally:
            process.kill()
            os.close(read)


def test_an_interrupt_while_the_report_is_written_is_status_130() -> None:
    with stuck_in_output() as (process, _read):
        process.send_signal(signal.SIGINT)
        assert finish(process) == (130, "")


def test_a_program_in_the_background_ignores_the_interrupt_as_its_shell_said() -> None:
    with stuck_in_output(ignores=True) as (process, read):
        process.send_signal(signal.SIGINT)
        while os.read(read, 65536):
            continue
        assert finish(process) == (0, "")


def test_a_fault_of_ours_is_told_as_python_tells_it(tmp_path: Path) -> None:
    (tmp_path / "libvirt.py").write_text("raise RuntimeError('broken')\n")
    status, err = finish(launch("demo", PYTHONPATH=str(tmp_path)))
    assert status == 1
    assert err.endswith("RuntimeError: broken\n")
