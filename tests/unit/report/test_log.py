# SPDX-License-Identifier: Apache-2.0
"""What the log says of what a pass wrote."""

import logging

import pytest

from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene


def told(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    """Return the lines of one level since the last call."""
    lines = [record.getMessage() for record in caplog.records if record.levelno == level]
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
        f"guest {GUEST}: placed 2 interrupts of {VF1}; gave back 2 interrupts of {VF0}",
    ]
    scene.audit()
    assert told(caplog) == []
    scene.auditor.reset()
    assert told(caplog) == [f"guest {GUEST}: gave back 2 interrupts of {VF1}"]


def test_what_is_left_out_is_told_once_and_again_when_it_comes_back(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    odd = "<interface type='vdpa'><source dev='/dev/mine'/></interface>"
    for devices in ((VF0, odd), (VF0, odd), (VF0,), (VF0, odd)):
        scene.domains.clear()
        scene.add_guest(*devices)
        scene.audit()
    first, second = told(caplog, logging.WARNING)
    assert first == second
    assert first.startswith(f"guest {GUEST}: instance-0: left out: <interface type='vdpa'>: unresolved: ")
    assert "/dev/mine" in first


def test_guests_that_overlap_are_told_once_each(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER)
    for _ in range(2):
        scene.audit()
    assert [line.partition(" another")[0] for line in told(caplog, logging.WARNING)] == [
        f"guest {GUEST}: instance-0: cpus_overlap:",
        f"guest {OTHER}: instance-1: cpus_overlap:",
    ]


def test_a_device_that_cannot_be_read_is_told_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    (scene.host.device_folder(VF0) / "msi_irqs").rename(scene.folder / "away")
    (scene.host.device_folder(VF0) / "msi_irqs").touch()
    scene.add_guest(VF0)
    for _ in range(2):
        scene.audit()
    (line,) = told(caplog, logging.WARNING)
    assert VF0 in line
    assert "Not a directory" in line
