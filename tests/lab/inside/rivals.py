# SPDX-License-Identifier: Apache-2.0
"""Programs that move interrupts beside ours."""

import os
import re
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab.inside.interrupts import move
from tests.lab.inside.processes import wait_for

_running: list[int] = []
_LOG = Path("/run/irqbalance.log")
_SOCKETS = Path("/run/irqbalance")
_ANSWER = 1 << 16
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
    _SOCKETS.mkdir(exist_ok=True)
    with _LOG.open("wb") as log:
        command = [f"{package}/usr/sbin/irqbalance", "--foreground", "--debug", "--interval=1"]
        _running.append(subprocess.Popen(command, stdout=log, stderr=log).pid)
    wait_balanced()


def wait_balanced() -> None:
    """Wait until irqbalance has looked at all interrupts a few times more."""
    before = _LOG.read_text().count("Package ")
    wait_for("irqbalance", lambda: _LOG.read_text().count("Package ") >= before + 3)


def wait_banned(cpus: str, numbers: Sequence[str]) -> None:
    """Wait until irqbalance leaves alone exactly these CPUs, given as a hexadecimal mask, and interrupts, or more."""

    def is_so() -> bool:
        mask, banned = _ask_irqbalance()
        return mask == int(cpus, 16) and set(numbers) <= banned

    wait_for(f"irqbalance to leave CPUs {cpus} and interrupts {', '.join(numbers)} alone", is_so)


def wait_given_back(numbers: Sequence[str]) -> None:
    """Wait until irqbalance leaves no CPU alone, and none of these interrupts."""

    def is_so() -> bool:
        mask, banned = _ask_irqbalance()
        return not mask and banned.isdisjoint(numbers)

    wait_for(f"irqbalance to leave no CPU and none of interrupts {', '.join(numbers)} alone", is_so)


def _ask_irqbalance() -> tuple[int, set[str]]:
    """Return the mask of the CPUs and the numbers of the interrupts that irqbalance says it leaves alone.

    Its answer to `setup` is `SLEEP s`, then `IRQ n LOAD ...` for each interrupt that is left alone, then `BANNED mask`.
    """
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(str(_SOCKETS / f"irqbalance{_running[-1]}.sock"))
        credentials = struct.pack("3i", os.getpid(), os.getuid(), os.getgid())
        asked.sendmsg([b"setup"], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, credentials)])
        answer = asked.recv(_ANSWER).decode(errors="replace")
    banned = re.search(r"BANNED ([0-9a-f,]*)", answer)
    mask = banned[1].replace(",", "") if banned else ""
    return int(mask or "0", 16), set(re.findall(r"IRQ (\d+) LOAD", answer))


def end() -> None:
    """End all of them with SIGKILL; irqbalance's socket stays behind, and nobody answers there."""
    while _running:
        pid = _running.pop()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
