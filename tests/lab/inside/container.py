# SPDX-License-Identifier: Apache-2.0
"""The program in a root of its own, with the host's files where a container has them."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.lab.inside.processes import run, wait_for, write

_ROOT = Path("/run/container")
_LOG = Path("/run/container.log")
_STATUS = _ROOT / "run/irqaffinity/status.json"
_BOUND = {"/proc/irq": "host/proc/irq", "/sys": "host/sys", "/run/libvirt": "run/libvirt", "/dev": "dev"}
_CONFIGURATION = """\
[host]
proc = /host/proc
sys = /host/sys
[state]
path = /run/state
[notifications]
enabled = false
"""
_running: list[subprocess.Popen[bytes]] = []


def make() -> None:
    """Make the root: the machine's own, with a /proc whose interrupts are hidden, and the host's below /host."""
    _ROOT.mkdir()
    for folder in _BOUND.values():
        (Path("/") / folder).mkdir(parents=True, exist_ok=True)
    run("mount", "--bind", "/", str(_ROOT))
    run("mount", "--bind", "/opt/irqaffinity", f"{_ROOT}/opt/irqaffinity")
    run("mount", "-t", "tmpfs", "tmpfs", f"{_ROOT}/run")
    run("mount", "-t", "proc", "proc", f"{_ROOT}/proc")
    run("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", f"{_ROOT}/proc/irq")
    for source, target in _BOUND.items():
        (_ROOT / target).mkdir(parents=True, exist_ok=True)
        run("mount", "--rbind", source, f"{_ROOT}/{target}")
    write(f"{_ROOT}/run/irqaffinity.conf", _CONFIGURATION)


def start_agent() -> None:
    """Start the agent in that root, and return once it has audited."""
    with _LOG.open("wb") as log:
        _running.append(subprocess.Popen(_command("agent"), stdout=log, stderr=log))
    wait_for("the first pass", lambda: _STATUS.exists() and status()["last_audit"]["time"])


def stop_agent() -> None:
    """End the agent as the runtime of containers does."""
    process = _running.pop()
    process.terminate()
    process.wait()


def command(*arguments: str) -> dict[str, Any]:
    """Run a command of the program in that root."""
    done = subprocess.run(_command(*arguments), check=False, capture_output=True, text=True)
    return {"status": done.returncode, "out": done.stdout, "err": done.stderr}


def status() -> dict[str, Any]:
    """Return what the agent published last."""
    found: dict[str, Any] = json.loads(_STATUS.read_text())
    return found


def log() -> str:
    """Return what the agent wrote."""
    return _LOG.read_text() if _LOG.exists() else ""


def remove() -> None:
    """End the agent, and take the root away."""
    while _running:
        stop_agent()
    run("umount", "--recursive", str(_ROOT))
    os.rmdir(_ROOT)


def _command(*arguments: str) -> list[str]:
    return ["chroot", str(_ROOT), "/usr/bin/irqaffinity", "--config-file", "/run/irqaffinity.conf", *arguments]
