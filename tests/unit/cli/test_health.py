# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity check --health`, as probes ask it."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from irqaffinity.agent.status_file import SCHEMA
from irqaffinity.cli.main import main
from irqaffinity.conf import status_path
from irqaffinity.model.times import FRESH


def publish(file: Path, pid: int, seconds: float) -> None:
    """Write the status of an agent whose worker moved so many seconds ago."""
    heartbeat = time.clock_gettime(time.CLOCK_MONOTONIC) - seconds
    file.write_text(json.dumps({"schema": SCHEMA, "pid": pid, "heartbeat": heartbeat}))


def ended_process() -> int:
    """Return the number of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


@pytest.fixture(params=["default", "configured"])
def arguments(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command with a status at the default path, which the tests move, or at one of a file's."""
    file = tmp_path / "own.conf"
    if request.param == "default":
        monkeypatch.setattr(status_path, "DEFAULT", str(tmp_path / "status.json"))
        file.write_text("[placement]\nnuma = nonsense\n")
    else:
        file.write_text(f"[status]\npath = {tmp_path / 'status.json'}\n")
    return [f"--config-file={file}", "check", "--health"]


@pytest.mark.parametrize(
    ("kind", "seconds", "status", "line"),
    [
        ("running", 1, 0, r"agent          ok      pid \d+, alive \d+ s ago"),
        ("ended", 1, 1, r"agent          FAILED  the agent, pid \d+, has died; look at its log, and restart it"),
        ("running", FRESH + 1, 1, r"agent          FAILED  the agent has not moved for \d+ s: it is stuck; restart it"),
        (None, 0, 1, r"agent          FAILED  no agent runs here: .*/status\.json does not exist; systemctl status .*"),
    ],
)
def test_the_agent_lives_and_moves_or_the_next_step_is_told(
    arguments: list[str],
    kind: str | None,
    seconds: float,
    status: int,
    line: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if kind is not None:
        publish(tmp_path / "status.json", os.getpid() if kind == "running" else ended_process(), seconds)
    assert main(arguments) == status
    out, err = capsys.readouterr()
    assert re.fullmatch(f"{line}\n", out)
    assert err == ""


def test_a_configuration_that_has_to_be_read_and_cannot_be_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"--config-file={tmp_path / 'none'}", "check", "--health"]) == 1
    assert "none cannot be read: No such file" in capsys.readouterr().err


def test_a_probe_imports_next_to_nothing() -> None:
    code = (
        "import sys\nfrom irqaffinity.cli.main import main\n"
        "main(['check', '--health', '--config-file=/dev/null'])\n"
        "print(*sorted(name for name in sys.modules if name.startswith('irqaffinity.')))\n"
        "print(sorted({'oslo_config', 'libvirt', 'dataclasses', 'importlib.metadata'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    _, ours, others = done.stdout.splitlines()
    floors = {name.split(".")[1] for name in ours.split()}
    assert (floors, others) == ({"agent", "cli", "conf", "model"}, "[]")
