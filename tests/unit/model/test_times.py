# SPDX-License-Identifier: Apache-2.0
"""Times that depend on each other are in their order, also with those of the unit file."""

import re
from itertools import pairwise
from pathlib import Path

from irqaffinity.model.times import CALL, FAREWELL, FRESH, HEARTBEAT, LAST_PASS, PASS_WAIT, PUBLISH, STUCK, WATCHDOG

UNIT = (Path(__file__).parents[3] / "systemd/irqaffinity.service").read_text()
PROMISED = 5.0
"""Seconds within which the agent ends."""


def option(name: str) -> float:
    found = re.findall(rf"^{name}=(\d+)$", UNIT, re.MULTILINE)
    assert len(found) == 1
    return float(found[0])


def test_each_time_is_at_least_as_long_as_the_one_before_it() -> None:
    assert all(shorter <= longer for shorter, longer in pairwise((HEARTBEAT, CALL, STUCK, FRESH, WATCHDOG)))


def test_the_watchdog_barks_once_the_heart_is_not_fresh_and_a_feeding_was_missed() -> None:
    assert FRESH + PUBLISH < WATCHDOG


def test_the_watchdog_is_systemds() -> None:
    assert option("WatchdogSec") == WATCHDOG


def test_systemd_leaves_time_for_the_last_pass_and_the_farewell() -> None:
    assert LAST_PASS + FAREWELL < PROMISED < option("TimeoutStopSec")


def test_a_heart_is_fresh_while_the_worker_waits_for_calls_and_for_another_pass() -> None:
    """Two calls may hang before no other is made; after each of them it beats, and a pass waits for its turn."""
    assert HEARTBEAT + CALL + PASS_WAIT <= FRESH
