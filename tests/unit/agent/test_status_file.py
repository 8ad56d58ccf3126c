# SPDX-License-Identifier: Apache-2.0
"""Which published status is that of a running agent."""

import os
import time

import pytest

from irqaffinity.agent.status_file import is_running


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, True), (-3600.0, True), (3600.0, False)])
def test_a_status_of_an_earlier_boot_is_not_that_of_a_running_agent(seconds: float, expected: bool) -> None:
    """The pid is this very process, as pid 1 of a container is at each start."""
    heartbeat = time.clock_gettime(time.CLOCK_MONOTONIC) + seconds
    assert is_running({"pid": os.getpid(), "heartbeat": heartbeat}) is expected
