# SPDX-License-Identifier: Apache-2.0
"""What the log says of what a pass wrote."""

import logging

import pytest

from tests.fakes.scene import GUEST, VF0, VF1, Scene


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines at INFO since this was asked last."""
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    caplog.clear()
    return lines


def test_what_is_placed_and_what_is_given_back_are_not_the_same_news(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    scene.add_guest(VF0)
    scene.audit()
    assert told(caplog) == [f"guest {GUEST}: placed 2 interrupts of {VF0}"]
    scene.domains.clear()
    scene.add_guest(VF1)
    scene.audit()
    assert told(caplog) == [
        f"guest {GUEST}: placed 2 interrupts of {VF1}",
        f"guest {GUEST}: gave back 2 interrupts of {VF0}",
    ]
    scene.audit()
    assert told(caplog) == []
    scene.auditor.reset()
    assert told(caplog) == [f"guest {GUEST}: gave back 2 interrupts of {VF1}"]
