# SPDX-License-Identifier: Apache-2.0
"""How much somebody outside may have done."""

import pytest

from irqaffinity.model.credit import Credit


def test_so_much_is_there_at_once_and_so_much_comes_in_a_second() -> None:
    credit = Credit(3.0, 2.0)
    assert [credit.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert [credit.take(10.4), credit.take(10.5), credit.take(10.5)] == [False, True, False]
    assert [credit.take(100.0) for _ in range(4)] == [True, True, True, False]


def test_what_is_refused_costs_nothing() -> None:
    credit = Credit(1.0, 1.0)
    credit.take(0.0)
    assert not credit.take(0.5)
    assert credit.take(1.0)


def test_the_wait_is_until_so_much_is_there() -> None:
    credit = Credit(2.0, 0.5)
    assert (credit.wait(0.0), credit.wait(0.0, 2.0)) == (0.0, 0.0)
    credit.take(0.0, 2.0)
    assert (credit.wait(0.0), credit.wait(0.0, 1.0), credit.wait(1.0, 1.0)) == (0.0, 2.0, 1.0)


def test_what_is_spent_beyond_it_has_to_come_first_but_never_more_than_the_most() -> None:
    credit = Credit(1.0, 0.02)
    credit.spend(0.0, 1.5)
    assert credit.wait(0.0) == pytest.approx(25.0)
    credit.spend(0.0, 1000.0)
    assert credit.wait(0.0) == pytest.approx(50.0)


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    credit = Credit(1.0, 1.0)
    credit.take(10.0)
    assert not credit.take(5.0)
    assert credit.take(6.0)
