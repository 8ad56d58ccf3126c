# SPDX-License-Identifier: Apache-2.0
"""Tests wait longer on a busy machine, and end all the same."""

import pytest

from tests.patience import Patience, slowness


class Machine:
    """A clock and a slowness that a test sets."""

    def __init__(self) -> None:
        self.clock = 0.0
        self.factor = 1.0
        self.asked = 0

    def how_slow(self) -> float:
        self.asked += 1
        return self.factor

    def patience(self, seconds: float) -> Patience:
        return Patience(seconds, lambda: self.clock, self.how_slow)


def test_a_quiet_machine_has_its_limit_and_is_not_asked_before() -> None:
    machine = Machine()
    patience = machine.patience(60)
    machine.clock = 60
    assert not patience.is_over()
    assert machine.asked == 0
    machine.clock = 61
    assert patience.is_over()


@pytest.mark.parametrize(
    ("looks", "end"),
    [([(61, 5), (299, 1)], 301), ([(61, 2), (121, 4)], 241)],
    ids=["a load from the start", "a load that comes late"],
)
def test_a_busy_machine_has_as_much_longer_as_it_was_slower(looks: list[tuple[int, int]], end: int) -> None:
    machine = Machine()
    patience = machine.patience(60)
    for machine.clock, machine.factor in looks:
        assert not patience.is_over()
    machine.clock = end
    assert patience.is_over()


def test_slowness_has_a_floor_and_a_ceiling() -> None:
    assert 1.0 <= slowness() <= 15.0
