# SPDX-License-Identifier: Apache-2.0
"""Makes virtual functions what is declared in a short process of its own.

pyroute2 would stay in the agent's memory for good. And a kernel that hangs in a driver hangs the process that asked it.
The process is the same interpreter with the same search path and environment. It gets plain values on its standard
input (pickle), so that it works by the configuration that the agent has, and not by a file that is changed by now; it
answers in JSON.
"""

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from irqaffinity.model.declared import Made, Setting
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.shape import check_shape, parse_json
from irqaffinity.model.text import clean
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.report.declared import unite_steps
from irqaffinity.sriov.task import Task
from irqaffinity.state.folder import StateError

_TICK = 0.5
_WHO = "the process that applies [sriov] pf"
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from irqaffinity.agent.sriov_process import answer; answer()"

_TEXT = (str, None)
_SHAPE: Any = {
    "rows": [{"pf": _TEXT, "netdev": _TEXT, "vfs": _TEXT, "setting": str, "verdict": str, "message": _TEXT}],
    "drifts": int,
    "writes": {...: int},
    "unsupported": [[str]],
    "is_sure": bool,
}

Row = dict[str, Any]


class TaskFailed(Exception):
    """The process could not do its work; str() says why, and the next step."""


class Ended(Exception):
    """The agent ends; the process was ended before it had answered."""


class Applied(NamedTuple):
    """What a run did: `rows` are those of report/declared, `drifts` the settings that are not as declared and stay.

    `writes` are the settings that the kernel was asked for, by what became of them, and `unsupported` those of them
    that a driver refused or ignored. `is_sure` is whether libvirt told all guests.
    """

    rows: Sequence[Row]
    drifts: int
    writes: dict[str, int]
    unsupported: frozenset[tuple[PciAddress, Setting]]
    is_sure: bool


def ask(task: Task, is_ending: Callable[[], bool]) -> Applied:
    """Return what the process did; raise TaskFailed, and Ended once `is_ending` tells so.

    There is no deadline: a process that hangs in the kernel cannot be ended, and another one would hang behind it.
    """
    isolated = ["-I"] if sys.flags.isolated else []
    try:
        process = subprocess.Popen(
            [sys.executable, *isolated, "-c", _PROGRAM, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise TaskFailed(f"{_WHO}, {sys.executable}, cannot be started: {error.strerror}; mend that") from error
    reply: bytes | None = None
    unsent: bytes | None = pickle.dumps(task)
    while reply is None:
        try:
            reply = process.communicate(unsent, _TICK)[0]
        except subprocess.TimeoutExpired:
            unsent = None  # or rather what is left of it, which Popen keeps
            if is_ending():
                _leave(process)
                raise Ended from None
    if process.returncode:
        how = f"with status {process.returncode}" if process.returncode > 0 else f"by signal {-process.returncode}"
        raise TaskFailed(f"{_WHO} was ended {how}; look at what it wrote, or at the kernel's log")
    return _read(reply)


def _leave(process: subprocess.Popen[bytes]) -> None:
    """End the process, and forget one that the kernel does not let end."""
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_TICK)


def _read(reply: bytes) -> Applied:
    try:
        found = parse_json(reply)
        if "refused" in found:
            raise TaskFailed(str(found["refused"]))
        check_shape(found, _SHAPE)
        pairs = frozenset((PciAddress.parse(pf), Setting(setting)) for pf, setting in found["unsupported"])
        return Applied(found["rows"], found["drifts"], found["writes"], pairs, found["is_sure"])
    except (TypeError, ValueError):
        advice = "see what else of this Python writes to standard output, such as a sitecustomize"
        raise TaskFailed(f"{_WHO} gave no answer that can be read; {advice}") from None


def answer() -> None:
    """Read the task, do it, print what became of it, and leave: this is all that the process does."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    task: Task = pickle.load(sys.stdin.buffer)
    try:
        reply = _do(task)
    except (HostUnreadable, StateError, OSError) as error:
        reply = {"refused": clean(str(error))}
    except Exception as error:  # noqa: BLE001  the top of a process
        place = traceback.extract_tb(error.__traceback__)[-1]
        reply = {"refused": clean(f"{type(error).__name__} in {place.filename}, line {place.lineno}: {error}")}
    with open(1, "w", closefd=False) as out:
        json.dump(reply, out)
    os._exit(0)  # without waiting for threads of the libraries


def _do(task: Task) -> dict[str, Any]:
    steps = task.apply()
    written = [step for step in steps if step.was_written]
    refused = {(str(step.pf), step.setting.value) for step in written if step.made is Made.UNSUPPORTED}
    return {
        "rows": unite_steps(steps),
        "drifts": sum(step.is_drift for step in steps),
        "writes": {made.value: sum(step.made is made for step in written) for made in Made},
        "unsupported": sorted(map(list, refused)),
        "is_sure": task.is_sure,
    }
