# SPDX-License-Identifier: Apache-2.0
"""Which extra specs of notifications are kept."""

from irqaffinity.model.record import RememberedSpecs
from irqaffinity.plan.remember import MOST, remember
from tests.fakes.snapshots import guest_id

OLD, NEW = RememberedSpecs("1", "2026-11-20 12:00:00.000001"), RememberedSpecs(None, "2026-11-20 12:00:00.000002")


def test_the_newest_counts_whatever_came_last() -> None:
    assert remember({guest_id(1): OLD}, {guest_id(1): NEW}, ()) == {guest_id(1): NEW}
    assert remember({guest_id(1): NEW}, {guest_id(1): OLD}, ()) == {guest_id(1): NEW}


def test_nothing_new_changes_nothing() -> None:
    specs = {guest_id(1): OLD}
    assert remember(specs, {}, ()) is specs
    assert remember(specs, {guest_id(1): OLD}, ()) is specs


def test_guests_that_libvirt_does_not_know_go_first_and_the_oldest_before_others() -> None:
    specs = {guest_id(n): RememberedSpecs(str(n), f"2026-11-20 12:{n // 60:02}:{n % 60:02}") for n in range(MOST)}
    known = {guest_id(0), guest_id(1), guest_id(3)}
    latest = RememberedSpecs(None, "2026-11-21 00:00:00")
    kept = remember(specs, {guest_id(MOST): latest, guest_id(MOST + 1): latest}, known)
    assert len(kept) == MOST
    assert specs.keys() - kept.keys() == {guest_id(2), guest_id(4)}
