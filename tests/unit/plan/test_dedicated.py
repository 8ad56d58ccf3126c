# SPDX-License-Identifier: Apache-2.0
"""Which vCPUs have a physical CPU to themselves."""

from dataclasses import replace

import pytest

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import Guest
from irqaffinity.plan.dedicated import count_single_pins, dedicated_pins
from tests.fakes.snapshots import cpus, make_guest


def dedicated(guest: Guest, *others: Guest, allowed: CpuSet | None = None) -> dict[int, int]:
    return dict(dedicated_pins(guest, count_single_pins([guest, *others]), allowed))


@pytest.mark.parametrize(
    ("pins", "expected"),
    [
        (["2", "3"], {0: 2, 1: 3}),
        (["2", "4-7"], {0: 2}),
        (["2", ""], {0: 2}),
        (["", ""], {}),
        (["4-7", "4-7"], {}),
    ],
)
def test_a_vcpu_is_a_candidate_when_its_own_pin_is_exactly_one_cpu(pins: list[str], expected: dict[int, int]) -> None:
    assert dedicated(make_guest(pins=pins)) == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("dedicated", {0: 2, 1: 3}), ("mixed", {0: 2, 1: 3}), ("shared", {}), (None, {1: 3}), ("bogus", {1: 3})],
)
def test_the_policy_of_the_metadata_decides_over_a_cpu_that_another_guest_has_too(
    policy: str | None, expected: dict[int, int]
) -> None:
    guest = make_guest(1, pins=["2", "3", "4-7"], cpu_policy=policy)
    assert dedicated(guest, make_guest(2, pins=["2"])) == expected


def test_a_shared_policy_beats_unique_pins() -> None:
    assert dedicated(make_guest(pins=["2", "3"], cpu_policy="shared")) == {}


@pytest.mark.parametrize("policy_of_other", ["dedicated", "mixed", "shared", None])
def test_every_readable_guest_counts_whatever_its_own_policy(policy_of_other: str | None) -> None:
    assert dedicated(make_guest(1, pins=["2"]), make_guest(2, pins=["2"], cpu_policy=policy_of_other)) == {}


def test_a_cpu_in_the_shared_range_of_another_guest_stays_dedicated() -> None:
    assert dedicated(make_guest(1, pins=["2"]), make_guest(2, pins=["2-3", "2-3"])) == {0: 2}


def test_a_one_cpu_shared_cell_is_dedicated_to_none_of_its_vcpus() -> None:
    assert dedicated(make_guest(1, pins=["0", "0"])) == {}
    assert dedicated(make_guest(1, pins=["0"]), make_guest(2, pins=["0"])) == {}


@pytest.mark.parametrize("policy", ["dedicated", None])
def test_dedicated_cpus_must_contain_the_cpu(policy: str | None) -> None:
    guest = make_guest(pins=["2", "3", "10"], cpu_policy=policy)
    assert dedicated(guest, allowed=cpus("3-10")) == {1: 3, 2: 10}
    assert dedicated(guest, allowed=CpuSet()) == {}


def test_the_vcpus_come_in_their_order_whatever_that_of_the_xml() -> None:
    guest = replace(make_guest(pins=["7", "6", "5"]), pins={2: cpus("5"), 0: cpus("7"), 1: cpus("6")})
    assert list(dedicated(guest).items()) == [(0, 7), (1, 6), (2, 5)]
