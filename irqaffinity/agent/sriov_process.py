# SPDX-License-Identifier: Apache-2.0
"""Makes virtual functions what is declared in a short process of its own.

pyroute2 would stay in the agent's memory for good. And a kernel that hangs in a driver hangs the process that asked it.
The process gets plain values (pickle), so that it works by the configuration that the agent has, and not by a file that
is changed by now; it answers in JSON.
"""

import pickle
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from irqaffinity.conf.child import ChildFailed, ask_child, become_child, leave_with, program_of, unreadable
from irqaffinity.model.declared import Made, Setting
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.shape import check_shape, parse_json
from irqaffinity.model.text import clean
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.report.declared import unite_steps
from irqaffinity.sriov.task import Task
from irqaffinity.state.folder import StateError

_WHO = "the process that applies [sriov] pf"
_PROGRAM = program_of(__name__)

_TEXT = (str, None)
_SHAPE: Any = {
    "rows": [{"pf": _TEXT, "netdev": _TEXT, "vfs": _TEXT, "setting": str, "verdict": str, "message": _TEXT}],
    "drifts": int,
    "writes": {...: int},
    "unsupported": [[str]],
    "is_sure": bool,
}

Row = dict[str, Any]


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
    """Return what the process did; raise ChildFailed, and Ended once `is_ending` tells so.

    There is no deadline: a process that hangs in the kernel cannot be ended, and another one would hang behind it.
    """

    def go_on() -> None:
        if is_ending():
            raise Ended

    return _read(ask_child(_WHO, _PROGRAM, pickle.dumps(task), go_on))


def _read(reply: bytes) -> Applied:
    try:
        found = parse_json(reply)
        if "refused" in found:
            raise ChildFailed(str(found["refused"]))
        check_shape(found, _SHAPE)
        pairs = frozenset((PciAddress.parse(pf), Setting(setting)) for pf, setting in found["unsupported"])
        return Applied(found["rows"], found["drifts"], found["writes"], pairs, found["is_sure"])
    except (TypeError, ValueError):
        raise unreadable(_WHO) from None


def answer() -> None:
    """Read the task, do it, print what became of it, and leave: this is all that the process does."""
    become_child()
    task: Task = pickle.load(sys.stdin.buffer)
    try:
        reply = _do(task)
    except (HostUnreadable, StateError, OSError) as error:
        reply = {"refused": clean(str(error))}
    except Exception as error:  # noqa: BLE001  the top of a process
        place = traceback.extract_tb(error.__traceback__)[-1]
        reply = {"refused": clean(f"{type(error).__name__} in {place.filename}, line {place.lineno}: {error}")}
    leave_with(reply)


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
