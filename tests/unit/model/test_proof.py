# SPDX-License-Identifier: Apache-2.0
"""For how long nobody has needed notifications: what counts, and what begins the count anew."""

from datetime import datetime, timedelta, timezone

import pytest

from irqaffinity.model.proof import LONGEST_GAP, Proof

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def test_it_grows_while_it_is_seen_again_and_again() -> None:
    proof = Proof(NOON, NOON)
    for minute in range(1, 25 * 60, 60):
        proof = proof.goes_on(NOON + timedelta(minutes=minute))
    assert (proof.since, proof.length) == (NOON, DAY + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("gap", "counts"), [(LONGEST_GAP, LONGEST_GAP), (LONGEST_GAP + SECOND, timedelta()), (DAY, 0 * DAY)]
)
def test_a_short_gap_counts_and_a_long_one_is_left_out(gap: timedelta, counts: timedelta) -> None:
    after = Proof(NOON, NOON + 3 * DAY).goes_on(NOON + 3 * DAY + gap)
    assert after.length == 3 * DAY + counts
    assert after.seen == NOON + 3 * DAY + gap


def test_a_clock_that_is_set_proves_nothing_and_undoes_nothing() -> None:
    proof = Proof(NOON, NOON + 3 * DAY)
    ahead = proof.goes_on(NOON + 400 * DAY)
    assert ahead.length == 3 * DAY
    assert ahead.goes_on(NOON + 3 * DAY) == proof
    assert proof.goes_on(proof.seen - SECOND) == Proof(NOON - SECOND, proof.seen - SECOND)
    assert proof.goes_on(proof.seen) == proof
