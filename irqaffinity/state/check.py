# SPDX-License-Identifier: Apache-2.0
"""Tells whether the folder of the state can be used, without a change."""

from irqaffinity.state.database import DATABASE, ENDINGS
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.history import HISTORY
from irqaffinity.state.lock import AGENT_LOCK, PASS_LOCK
from irqaffinity.state.takeover import JSON


def check_files(folder: StateFolder) -> None:
    """Raise StateError where the folder, or what is in it under a name that the state uses, cannot be used."""
    with folder.opened() as inside:
        databases = [name + ending for name in (DATABASE, HISTORY) for ending in ENDINGS]
        for name in (*databases, JSON, PASS_LOCK, AGENT_LOCK):
            folder.find_file(inside, name)
