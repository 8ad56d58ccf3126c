# SPDX-License-Identifier: Apache-2.0
"""How a running agent is found and asked, with processes in its place."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.agent.status_file import publish
from irqaffinity.cli import ask_agent as module
from irqaffinity.cli.ask_agent import Reply, ask_agent
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.holder import expects, find_holder
from irqaffinity.state.lock import AGENT_LOCK
from tests.patience import HANG
from tests.unit.cli.test_output import published

_HOLDER = """
import fcntl, json, os, signal, sys, threading
folder, does = sys.argv[1:3]
if does != "nothing":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    threading.Thread(target=threading.Event().wait, daemon=True).start()
fd = os.open(f"{folder}/state/agent.lock", os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(fd, fcntl.LOCK_EX)
print(flush=True)
if does == "answers":
    signal.sigwait([signal.SIGUSR1])
    status = json.loads(sys.argv[3])
    with open(f"{folder}/new", "w") as file:
        json.dump(status | {"version": "answered"}, file)
    os.rename(f"{folder}/new", f"{folder}/status.json")
while True:
    signal.pause()
"""


@contextlib.contextmanager
def holder(folder: Path, does: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Give a process that holds the lock of agents, and `answers`, `ignores` the signal, or does `nothing` about it."""
    (folder / "state").mkdir(mode=0o700)
    command = [sys.executable, "-I", "-S", "-c", _HOLDER, str(folder), does, json.dumps(published())]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()


def is_answer(status: Any) -> bool:
    return bool(status["version"] == "answered")


def ask(folder: Path) -> Reply:
    return ask_agent(StateFolder(str(folder / "state")), str(folder / "status.json"), is_answer)


def test_the_holder_of_the_lock_is_asked_and_its_answer_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER", HANG)
    publish(str(tmp_path / "status.json"), published())
    with holder(tmp_path, "answers") as process:
        assert find_holder(str(tmp_path / "state" / AGENT_LOCK)) == process.pid
        assert ask(tmp_path) is Reply.ANSWERED
    assert find_holder(str(tmp_path / "state" / AGENT_LOCK)) is None


def test_nobody_waits_for_an_answer_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER", 0.2)
    with holder(tmp_path, "ignores"):
        assert ask(tmp_path) is Reply.SILENT


def test_a_process_that_the_signal_would_end_does_not_get_it(tmp_path: Path) -> None:
    """Such as a reset, which holds the lock of agents too."""
    with holder(tmp_path, "nothing") as process:
        assert not expects(process.pid, signal.SIGUSR1)
        assert ask(tmp_path) is Reply.NO_AGENT
        assert process.poll() is None
        os.kill(process.pid, signal.SIGUSR1)
        assert process.wait() == -signal.SIGUSR1  # so it would have ended


def test_an_agent_of_another_container_is_known_by_its_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pid there, 1 in most, is another process here, which gets no signal."""
    monkeypatch.setattr(module, "ANSWER", 0.2)
    (tmp_path / "state").mkdir(mode=0o700)
    assert ask(tmp_path) is Reply.NO_AGENT
    publish(str(tmp_path / "status.json"), published() | {"pid": 1})
    assert ask(tmp_path) is Reply.SILENT
    publish(str(tmp_path / "status.json"), published() | {"pid": 1, "version": "answered"})
    assert ask(tmp_path) is Reply.ANSWERED
    publish(str(tmp_path / "status.json"), published() | {"pid": 1, "heartbeat": 0.0})
    assert ask(tmp_path) is Reply.NO_AGENT


def test_a_lock_that_nobody_has_or_that_is_not_there_has_no_holder(tmp_path: Path) -> None:
    assert find_holder(str(tmp_path / "none")) is None
    (tmp_path / "file").touch()
    assert find_holder(str(tmp_path / "file")) is None
    assert not expects(2**22 + 1, signal.SIGUSR1)
