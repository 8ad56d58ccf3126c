# SPDX-License-Identifier: Apache-2.0
"""CpuSet against Python's own frozenset, and its text against the kernel's list syntax."""

import itertools
import operator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from irqaffinity.model.cpuset import LIMIT, CpuSet

DENSE = st.frozensets(st.integers(0, 80))
SPARSE = st.frozensets(st.integers(0, LIMIT - 1), max_size=12)
CPUS = DENSE | SPARSE

REFUSED = [
    *("a", "0x1", "1.0", "+2", "1_0", "-1", "-", "1-", "1--2", "1-2-3", "^1", "0-3,^1"),
    *(",", "1,", ",1", "1,,2", "1 2", "1, 2", "1 -2", "0-3:1/2", "N", "all", "1\x00", "1\n2"),
    *("\uff13", "٣", "²", "1\u202d"),
    *("3-1", "0-3,9-8"),
    *("65536", "0-65536", "65535-65536", "99999999999999999999", "0-99999999999999999999"),
]


@given(CPUS)
@example(frozenset())
@example(frozenset({LIMIT - 1}))
@example(frozenset(range(LIMIT)))
@settings(deadline=None)
def test_what_is_written_reads_back_as_the_same_set(cpus):
    written = CpuSet(cpus)
    assert frozenset(CpuSet.parse(str(written))) == cpus
    assert CpuSet.parse(str(written)) == written


@given(CPUS)
@settings(deadline=None)
def test_the_text_is_sorted_and_its_runs_are_merged(cpus):
    runs = [[int(number) for number in part.split("-")] for part in str(CpuSet(cpus)).split(",") if part]
    assert all(run[0] < run[-1] for run in runs if len(run) == 2)
    assert all(left[-1] + 1 < right[0] for left, right in itertools.pairwise(runs))
    assert sum(run[-1] - run[0] + 1 for run in runs) == len(cpus)


@given(CPUS)
@settings(deadline=None)
def test_a_set_counts_and_lists_its_cpus_in_order_whatever_they_were_made_from(cpus):
    made = CpuSet(sorted(cpus, reverse=True))
    assert list(made) == sorted(cpus)
    assert len(made) == len(cpus)
    assert bool(made) == bool(cpus)
    assert made == CpuSet([*cpus, *cpus]) == CpuSet.from_mask(sum(1 << cpu for cpu in cpus))


@pytest.mark.parametrize("operation", [operator.and_, operator.or_, operator.sub])
@given(left=CPUS, right=CPUS)
@settings(deadline=None)
def test_set_operations_agree_with_frozenset_and_change_neither_side(operation, left, right):
    one, other = CpuSet(left), CpuSet(right)
    assert frozenset(operation(one, other)) == operation(left, right)
    assert (frozenset(one), frozenset(other)) == (left, right)


@given(left=DENSE, right=DENSE, cpu=st.integers(-5, 100))
def test_comparisons_agree_with_frozenset(left, right, cpu):
    one, other = CpuSet(left), CpuSet(right)
    assert (one <= other) == (left <= right)
    assert one & other <= one <= one | other
    assert (one == other) == (left == right)
    assert (cpu in one) == (cpu in left)


def test_equal_sets_are_one_key_and_are_equal_to_nothing_but_a_cpuset():
    assert {CpuSet.parse("1-2"): "pair"}[CpuSet([2, 1])] == "pair"
    assert len({CpuSet([3]), CpuSet.parse("3\n"), CpuSet.from_mask(8), CpuSet([4])}) == 2
    assert CpuSet([1]) != {1}
    assert CpuSet([1]) != "1"
    assert "1" not in CpuSet([1])


def test_adding_to_a_parsed_set_leaves_the_next_parse_of_that_text_alone():
    cpus = CpuSet.parse("0-3")
    cpus |= CpuSet([8])
    assert str(cpus) == "0-3,8"
    assert str(CpuSet.parse("0-3")) == "0-3"


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("", []),
        ("\n", []),
        ("0\n", [0]),
        ("0-3,8", [0, 1, 2, 3, 8]),
        ("8,0-1,1-2", [0, 1, 2, 8]),
        ("5-5", [5]),
        ("007", [7]),
        ("65535", [65535]),
    ],
)
def test_the_kernels_list_syntax_is_read(text, cpus):
    assert list(CpuSet.parse(text)) == cpus


@pytest.mark.parametrize("text", REFUSED)
def test_text_that_is_no_list_is_refused(text):
    with pytest.raises(ValueError, match=r"neither a CPU number|runs backwards|above 65535"):
        CpuSet.parse(text)


@pytest.mark.parametrize("cpus", [[65536], [-1], [0, 1 << 70]])
def test_a_number_outside_the_limits_is_refused(cpus):
    with pytest.raises(ValueError, match="is not between 0 and 65535"):
        CpuSet(cpus)


def test_the_limits_of_a_mask():
    assert list(CpuSet.from_mask(1 << 65535)) == [65535]
    for mask in (1 << 65536, -1):
        with pytest.raises(ValueError, match="bits"):
            CpuSet.from_mask(mask)


def test_the_repr_names_the_type_and_the_list():
    assert repr(CpuSet([1, 2, 3])) == "CpuSet.parse('1-3')"


@pytest.mark.parametrize(
    ("cpus", "mask"),
    [
        ("", "00000000"),
        ("0", "00000001"),
        ("0-31", "ffffffff"),
        ("32", "00000001,00000000"),
        ("0,33-34,64", "00000001,00000006,00000001"),
    ],
)
def test_a_mask_is_written_in_the_kernels_groups(cpus: str, mask: str) -> None:
    assert CpuSet.parse(cpus).mask == mask


@given(st.sets(st.integers(0, 8191)).map(CpuSet))
def test_a_mask_names_the_same_cpus(cpus: CpuSet) -> None:
    assert CpuSet.from_mask(int(cpus.mask.replace(",", ""), 16)) == cpus
    assert all(len(group) == 8 for group in cpus.mask.split(","))
