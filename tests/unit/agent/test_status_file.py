# SPDX-License-Identifier: Apache-2.0
"""Which published status is that of a running agent."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from irqaffinity.agent.status_file import is_running, publish, withdraw


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, True), (-3600.0, True), (3600.0, False)])
def test_a_status_of_an_earlier_boot_is_not_that_of_a_running_agent(seconds: float, expected: bool) -> None:
    """The pid is this very process, as pid 1 of a container is at each start."""
    heartbeat = time.clock_gettime(time.CLOCK_MONOTONIC) + seconds
    assert is_running({"pid": os.getpid(), "heartbeat": heartbeat}) is expected


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_link(path: Path) -> None:
    path.symlink_to("/dev/null")


@pytest.mark.parametrize("make", [make_fifo, make_link, Path.mkdir])
def test_what_is_no_file_is_neither_replaced_nor_removed(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """As /dev/null would be, which everybody else on the host writes to."""
    path = tmp_path / "status.json"
    make(path)
    before = os.lstat(path)
    with pytest.raises(OSError, match="it is no regular file"):
        publish(str(path), {})
    withdraw(str(path))
    assert os.lstat(path) == before
