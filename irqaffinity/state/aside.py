# SPDX-License-Identifier: Apache-2.0
"""Renames files out of the way, under free names: a file that was set aside is never overwritten."""

import os
from collections.abc import Collection, Sequence
from datetime import datetime, timezone


def set_aside(folder: int, name: str, why: str, endings: Sequence[str] = ("",)) -> str:
    """Rename each file `name` + ending that is there, and return the new name without an ending; raise OSError.

    `state.db` with `-wal` becomes `state.db.corrupt-20261120T120000Z` with `-wal`, where `why` is `corrupt`; with
    `.1` and so on behind the time where anything has that name.
    """
    there = set(os.listdir(folder))
    new = free_name(f"{name}.{why}-{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}", endings, there)
    for ending in endings:
        if name + ending in there:
            os.rename(name + ending, new + ending, src_dir_fd=folder, dst_dir_fd=folder)
    return new


def free_name(name: str, endings: Sequence[str], taken: Collection[str]) -> str:
    """Return `name`, or else with `.1` and so on, such that nothing has it with any of the endings."""
    ways = (name, *(f"{name}.{count}" for count in range(1, len(taken) + 1)))
    return next(way for way in ways if not any(way + ending in taken for ending in endings))
