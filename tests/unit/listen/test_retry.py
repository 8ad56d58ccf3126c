# SPDX-License-Identifier: Apache-2.0
"""When what failed is tried again: less and less often, until it has worked for a while."""

import pytest

from irqaffinity.listen.retry import STEADY, Retry


class Rig:
    """A Retry whose clock is moved by the test."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.retry = Retry(lambda: self.now)

    def works_for(self, seconds: float) -> float:
        """Work for so long, and return the wait after it."""
        self.retry.worked()
        self.now += seconds
        return self.retry.failed()


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Its waits are neither longer nor shorter than usual."""
    monkeypatch.setattr("random.uniform", lambda _low, _high: 1.0)
    return Rig()


def test_what_stays_away_is_tried_less_and_less_often(rig: Rig) -> None:
    assert [rig.retry.failed() for _ in range(8)] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_no_two_hosts_are_in_step() -> None:
    waits = [Retry().failed() for _ in range(1000)]
    assert len(set(waits)) > 900
    assert 0.5 <= min(waits) < 0.6
    assert 1.4 < max(waits) <= 1.5


def test_what_worked_for_a_while_is_tried_again_at_once(rig: Rig) -> None:
    for _ in range(3):
        assert [rig.retry.failed() for _ in range(4)] == [1, 2, 4, 8]
        assert rig.works_for(STEADY) == 1
        rig.retry = Retry(lambda: rig.now)


def test_what_comes_up_and_fails_at_once_is_tried_as_seldom_as_what_stays_away(rig: Rig) -> None:
    assert [rig.works_for(STEADY - 0.001) for _ in range(8)] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_time_without_any_attempt_is_none_in_which_it_worked(rig: Rig) -> None:
    rig.works_for(1.0)
    rig.now += 10 * STEADY
    assert [rig.retry.failed(), rig.works_for(1.0)] == [2, 4]


def test_it_works_since_it_was_first_said(rig: Rig) -> None:
    rig.retry.failed()
    for _ in range(10):
        rig.retry.worked()
        rig.now += STEADY / 10
    assert rig.retry.failed() == 1
    assert rig.works_for(STEADY / 2) == 2
