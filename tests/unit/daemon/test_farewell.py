# SPDX-License-Identifier: Apache-2.0
"""The last line."""

import signal

import pytest

from irqaffinity.daemon.farewell import Farewell, show_duration


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3725, "1 h 2 min"),
        (90061, "1 d 1 h"),
        (86400, "1 d"),
        (86460, "1 d 1 min"),
    ],
)
def test_a_duration_is_two_units_at_most(seconds: float, shown: str) -> None:
    assert show_duration(seconds) == shown


def test_why_a_process_ends_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    Farewell("agent").tell(signal.SIGTERM, None)
    Farewell("relay").tell(signal.SIGHUP, "relay")
    assert caplog.messages == [
        "the agent ends after 0 s, as SIGTERM asks",
        "the relay ends after 0 s, because its thread relay has ended",
    ]
