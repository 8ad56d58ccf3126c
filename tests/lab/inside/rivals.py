# SPDX-License-Identifier: Apache-2.0
"""Programs that move interrupts beside ours."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab.inside.interrupts import move
from tests.lab.inside.processes import wait_for

_running: list[int] = []
_LOG = Path("/run/irqbalance.log")
_PAUSE = 0.05


def reset_for_ever(numbers: Sequence[str], cpus: str) -> None:
    """Write an affinity again and again, in a process of its own, until `end`; return after the first round."""
    for number in numbers:
        move(number, cpus)
    child = os.fork()
    if child:
        _running.append(child)
        return
    while True:
        time.sleep(_PAUSE)
        for number in numbers:
            move(number, cpus)


def start_irqbalance(package: str) -> None:
    """Start irqbalance from its unpacked package, and wait until it has balanced a few times."""
    with _LOG.open("wb") as log:
        command = [f"{package}/usr/sbin/irqbalance", "--foreground", "--debug", "--interval=1"]
        _running.append(subprocess.Popen(command, stdout=log, stderr=log).pid)
    wait_for("irqbalance", lambda: _LOG.read_text().count("Package ") >= 3)


def end() -> None:
    """End all of them."""
    while _running:
        pid = _running.pop()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
