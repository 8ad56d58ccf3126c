# SPDX-License-Identifier: Apache-2.0
"""The exit status that follows from a pass."""

import errno

import pytest

from tests.fakes.scene import OTHER, VF0, VF1, Scene


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOSPC, errno.ERANGE])
def test_what_could_not_be_written_is_a_failure(scene: Scene, code: int) -> None:
    scene.add_guest(VF0)
    scene.host.refuse(40, code)
    outcome = scene.audit()
    assert (outcome.exit_status(), outcome.summary()["failed"]) == (1, 1)


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOENT])
def test_what_the_kernel_keeps_or_took_away_is_none(scene: Scene, code: int) -> None:
    scene.add_guest(VF0)
    scene.host.refuse(40, code)
    assert scene.audit().exit_status() == 0


def test_pending_is_no_failure(scene: Scene) -> None:
    scene.host.quiet = {40, 41}
    scene.add_guest(VF0)
    outcome = scene.audit()
    assert (outcome.exit_status(), outcome.summary()["pending"]) == (0, 2)


def test_a_guest_in_error_is_a_failure_and_a_skipped_one_is_none(scene: Scene) -> None:
    scene.add_guest(VF0, pins=("0-7",))
    outcome = scene.audit()
    assert (outcome.exit_status(), outcome.summary()["skipped"]) == (0, 1)
    scene.add_masked_guest("x", VF1, uuid=OTHER, pins=("4",))
    assert scene.audit().exit_status() == 1


def test_the_counts_add_up(scene: Scene) -> None:
    scene.add_guest(VF0, VF1)
    scene.host.quiet = {40}
    scene.host.refuse(41, errno.EPERM)
    scene.host.refuse(50, errno.ERANGE)
    counts = scene.audit().summary()
    parts = ("ok", "set", "would_set", "pending", "managed", "gone", "failed")
    assert counts["irqs"] == sum(counts[part] for part in parts) == 4
    assert [counts[part] for part in parts] == [0, 1, 0, 1, 1, 0, 1]
