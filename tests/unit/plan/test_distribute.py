# SPDX-License-Identifier: Apache-2.0
"""Which CPU of a device's target each vector gets when they are spread."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irqaffinity.model.host import Topology
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.record import Record
from irqaffinity.plan.distribute import order_by_core, share_out, vector_indexes
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


def numbered(text: str) -> dict[int, int]:
    """Read groups of CPUs, such as `7,5 9,6`: the number of a CPU is the place of its group."""
    return {int(cpu): place for place, group in enumerate(text.split()) for cpu in group.split(",")}


@pytest.mark.parametrize(
    ("given", "cores", "caches", "ordered"),
    [
        ("4,5,6,7", "", "", "4,5,6,7"),
        ("4,5,6,7", "4,5 6,7", "", "4,6,5,7"),
        ("6,7,4,5", "4,5 6,7", "", "6,4,7,5"),
        ("4,5,6,7", "4,6 5,7", "", "4,5,6,7"),
        ("4,5,6,7", "4,5", "", "4,6,7,5"),
        ("4,5,6", "4,5 6,7", "", "4,6,5"),
        ("0,1,2,3,4,5,6,7", "0,1,2,3 4,5,6,7", "", "0,4,1,5,2,6,3,7"),
        ("4,5,6,7", "", "4,5 6,7", "4,6,5,7"),
        ("4,5,6,7,8", "", "4,5,6 7,8", "4,7,5,8,6"),
        ("0,1,2,3,4,5,6,7", "0,1 2,3 4,5 6,7", "0,1,2,3 4,5,6,7", "0,4,2,6,1,5,3,7"),
        ("0,1,2,3,4,5", "0,1 2,3 4,5", "0,1,2,3 4,5", "0,4,2,1,5,3"),
        ("9,0,1", "", "0,1", "9,0,1"),
        ("5", "4,5", "4,5", "5"),
        ("", "", "", ""),
    ],
)
def test_one_cpu_of_each_core_comes_first_and_the_cores_alternate_between_caches(
    given: str, cores: str, caches: str, ordered: str
) -> None:
    topology = Topology(cpus("0-15"), cores=numbered(cores), caches=numbered(caches))
    found = order_by_core([int(cpu) for cpu in given.split(",") if cpu], topology)
    assert ",".join(map(str, found)) == ordered


orders = st.lists(st.integers(0, 23), unique=True, max_size=16)
groups = st.dictionaries(st.integers(0, 23), st.integers(0, 7))


@given(orders, groups, groups)
def test_the_order_has_the_same_cpus_and_begins_with_as_many_cores_as_there_are(
    order: list[int], cores: dict[int, int], caches: dict[int, int]
) -> None:
    found = order_by_core(order, Topology(cpus("0-23"), cores=cores, caches=caches))
    assert sorted(found) == sorted(order)
    core_of = [("core", cores[cpu]) if cpu in cores else ("cpu", cpu) for cpu in found]
    for first in range(len(found) + 1):
        assert len(set(core_of[:first])) == min(first, len(set(core_of)))


@given(orders)
def test_without_cores_and_caches_the_order_stays(order: list[int]) -> None:
    assert order_by_core(order, Topology(cpus("0-23"))) == tuple(order)


@given(st.integers(1, 4), st.integers(1, 6), st.randoms(), st.integers(0, 30), groups)
def test_where_cores_have_equally_many_cpus_a_device_of_any_rank_begins_with_one_of_each_core(
    threads: int, number: int, random: Random, rank: int, caches: dict[int, int]
) -> None:
    order = list(range(threads * number))
    random.shuffle(order)
    cores = {cpu: cpu // threads for cpu in order}
    given = order_by_core(order, Topology(cpus("0-23"), cores=cores, caches=caches))
    assert len({cores[int(cpu)] for cpu in placed(given, rank, number)}) == number


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
