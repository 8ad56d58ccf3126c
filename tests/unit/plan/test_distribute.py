# SPDX-License-Identifier: Apache-2.0
"""Which CPU of a device's target each vector gets when they are spread."""

import pytest

from irqaffinity.model.irq import Interrupt
from irqaffinity.model.record import Record
from irqaffinity.plan.distribute import share_out, vector_indexes
from tests.fakes.snapshots import cpus, make_record


def vector(number: int, action: str | None = None, hwirq: int | None = None) -> Interrupt:
    return Interrupt(number, cpus("0-15"), None, True, action, hwirq)


@pytest.mark.parametrize(
    ("vectors", "indexes"),
    [
        ([vector(50, "vfio-msix[7](0000:41:00.1)"), vector(51, "vfio-msix[2047](0000:41:00.1)")], [7, 2047]),
        ([vector(50, "vfio-msi[3](0000:41:00.1)"), vector(51, "vfio-msi[0](0000:41:00.1)")], [3, 0]),
        ([vector(50, "vfio-msix[7](0000:41:00.1)", 1), vector(51, "mlx5_comp0", 4)], [7, 4]),
        ([vector(50, "a", 5), vector(51, "b", 2047)], [5, 2047]),
        ([vector(50, "a", 5), vector(51, "b", 2048)], [0, 1]),
        ([vector(50, "a", 5), vector(51, "b", 5)], [0, 1]),
        ([vector(50, "a", 5), vector(51, "b", None)], [0, 1]),
        ([vector(52), vector(50), vector(51)], [2, 0, 1]),
        ([vector(50, "vfio-msix[1](0000:41:00.1)"), vector(51, "b", None), vector(52, "c", None)], [1, 1, 2]),
        ([vector(50, "vfio-intx(0000:41:00.1)")], [0]),
        ([vector(50, "my-vfio-msix[9](0000:41:00.1)")], [0]),
        ([], []),
    ],
)
def test_the_index_is_that_of_the_name_else_hwirq_else_the_rank_by_number(
    vectors: list[Interrupt], indexes: list[int]
) -> None:
    assert vector_indexes(vectors) == indexes


def placed(order: tuple[int, ...], rank: int, count: int, records: dict[int, Record] | None = None) -> list[str]:
    shares = share_out([vector(50 + index) for index in range(count)], order, rank, records or {})
    return [str(shares[50 + index].target) for index in range(count)]


@pytest.mark.parametrize(
    ("order", "rank", "expected"),
    [
        ((7, 5, 9), 0, ["7", "5", "9", "7"]),
        ((7, 5, 9), 1, ["5", "9", "7", "5"]),
        ((7, 5, 9), 5, ["9", "7", "5", "9"]),
        ((7,), 3, ["7", "7", "7", "7"]),
    ],
)
def test_vector_i_gets_cpu_i_plus_rank_of_the_target_in_vcpu_order(
    order: tuple[int, ...], rank: int, expected: list[str]
) -> None:
    assert placed(order, rank, 4) == expected


def test_the_spares_are_the_rest_of_the_target_in_order_from_the_next() -> None:
    share = share_out([vector(50)], (7, 5, 9, 6), 1, {})[50]
    assert share.target == cpus("5")
    assert share.spares == (cpus("9"), cpus("6"), cpus("7"))


def test_a_target_of_one_cpu_has_no_spares() -> None:
    assert share_out([vector(50)], (7,), 0, {})[50].spares == ()


def test_a_cpu_that_was_taken_for_want_of_vectors_is_kept_and_the_rest_are_spares() -> None:
    record = make_record(written="9", spread_over=cpus("5,7,9"), next_cpu=True)
    share = share_out([vector(50)], (7, 5, 9), 0, {50: record})[50]
    assert share.target == cpus("9")
    assert share.spares == (cpus("7"), cpus("5"))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (make_record(written="9", spread_over=cpus("5,7,9")), "7"),
        (make_record(written="9", spread_over=cpus("5,7,9,11"), next_cpu=True), "7"),
        (make_record(written="5,7,9", spread_over=None), "7"),
        (make_record(written="11", spread_over=cpus("5,7,9"), next_cpu=True), "7"),
    ],
)
def test_another_target_or_an_ordinary_record_is_spread_by_index(record: Record, expected: str) -> None:
    assert placed((7, 5, 9), 0, 1, {50: record}) == [expected]


def test_one_kept_vector_does_not_move_the_others() -> None:
    record = make_record(written="9", spread_over=cpus("5,7,9"), next_cpu=True)
    assert placed((7, 5, 9), 0, 4, {51: record}) == ["7", "9", "9", "7"]
