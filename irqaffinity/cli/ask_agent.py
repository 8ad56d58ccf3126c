# SPDX-License-Identifier: Apache-2.0
"""Has the running agent look at the host at once, after a command has changed the state, and waits for its answer."""

import contextlib
import enum
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

from irqaffinity.agent.status_file import NoStatus, age, is_running, read_status
from irqaffinity.agent.status_shape import WHOLE
from irqaffinity.model.times import ANSWER, FRESH
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.holder import expects, find_holder
from irqaffinity.state.lock import AGENT_LOCK

Status = Mapping[str, Any]

_POLL = 0.05


class Reply(enum.Enum):
    """What came of the question."""

    NO_AGENT = "no agent runs"
    ANSWERED = "the agent has done it"
    SILENT = "an agent runs, and its status does not show it yet"


def ask_agent(folder: StateFolder, status_path: str, is_answer: Callable[[Status], bool]) -> Reply:
    """Ask the agent with this state folder for a full pass, and wait up to 5 s until its status `is_answer`.

    An agent whose process cannot be seen, as from another container, gets no signal. Its next pass sees the state.
    """
    pid = find_holder(f"{folder.path}/{AGENT_LOCK}")
    if pid is not None and expects(pid, signal.SIGUSR1):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGUSR1)
    elif not _is_alive(status_path):
        return Reply.NO_AGENT
    deadline = time.monotonic() + ANSWER
    while True:
        with contextlib.suppress(NoStatus):
            if is_answer(read_status(status_path, WHOLE)):
                return Reply.ANSWERED
        if time.monotonic() >= deadline:
            return Reply.SILENT
        time.sleep(_POLL)


def _is_alive(status_path: str) -> bool:
    try:
        status = read_status(status_path)
    except NoStatus:
        return False
    return is_running(status) and age(status) <= FRESH
