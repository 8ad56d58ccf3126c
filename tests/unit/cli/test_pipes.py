# SPDX-License-Identifier: Apache-2.0
"""A pipe where a configuration file is expected is refused at once, by every command: nobody may ever write to it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import HANG

PROGRAM = Path(sys.executable).with_name("irqaffinity")
COMMANDS = ["audit", "audit --once", "agent", "check", "check --health", "status", "explain 1", "sriov", "reset"]


@pytest.fixture(params=["file", "member", "nova", "usual", "usual member"])
def arguments(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options that lead to a pipe, which is `irqaffinity.pipe.conf` or has the usual name."""
    pipe = tmp_path / "irqaffinity.pipe.conf"
    made, usual = {"usual": "irqaffinity.conf", "usual member": "irqaffinity.conf.d/10.conf"}, tmp_path / "home"
    if request.param in made:
        monkeypatch.setenv("HOME", str(usual))
        pipe = usual / made[request.param]
    elif request.param == "member":
        pipe = tmp_path / "conf.d/10.conf"
    pipe.parent.mkdir(exist_ok=True, parents=True)
    os.mkfifo(pipe)
    monkeypatch.setenv("PIPE", str(pipe))
    options = {
        "file": [f"--config-file={pipe}"],
        "member": ["--config-file=/dev/null", f"--config-dir={pipe.parent}"],
        "nova": ["--config-file=/dev/null", f"--nova-config={pipe}"],
    }
    return options.get(request.param, [])


@pytest.mark.parametrize("command", COMMANDS)
def test_a_pipe_is_refused_by_every_command(arguments: list[str], command: str, tmp_path: Path) -> None:
    """`check --health` reads nova.conf never, and so has nothing to refuse there."""
    line = [PROGRAM, *arguments, *command.split(), f"--state={tmp_path}/state", "--libvirt-uri=test:///default"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=HANG)
    assert done.returncode == 1
    assert len((done.stdout + done.stderr).splitlines()) == 1
    if command != "check --health" or not any("nova" in option for option in arguments):
        assert f"{os.environ['PIPE']} cannot be read: it is no regular file" in done.stdout + done.stderr
