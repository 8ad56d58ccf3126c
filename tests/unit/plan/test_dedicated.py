# SPDX-License-Identifier: Apache-2.0
"""Which vCPUs have a physical CPU to themselves: a table of guests and neighbours, by the rules of the guide."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import Guest
from irqaffinity.plan.dedicated import Dedication, find_dedicated, refuse_vcpu, survey
from tests.fakes.snapshots import cpus, guest_id, make_guest

DEDICATED = {"hw:cpu_policy": "dedicated"}
MIXED = {"hw:cpu_policy": "mixed"}
SHARED = {"hw:cpu_policy": "shared"}
NOTHING: Mapping[str, str] = {}
FOUR = ["0", "0", "4", "5"]
"""A mixed guest whose shared CPUs are one alone: vCPUs 0-1 on CPU 0, vCPUs 2 and 3 on CPUs of their own."""


def find(guest: Guest, *others: Guest, allowed: CpuSet | None = None) -> Dedication:
    return find_dedicated(guest, survey([guest, *others], allowed), allowed)


def dedicated(guest: Guest, *others: Guest, allowed: CpuSet | None = None) -> dict[int, int]:
    return dict(find(guest, *others, allowed=allowed).pins)


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
@pytest.mark.parametrize("specs", [None, DEDICATED])
def test_a_vcpu_is_a_candidate_when_its_own_pin_is_exactly_one_cpu(
    pins: list[str], expected: dict[int, int], specs: dict[str, str] | None
) -> None:
    assert dedicated(make_guest(pins=pins, extra_specs=specs)) == expected


@pytest.mark.parametrize("specs", [None, DEDICATED])
def test_the_cpuset_of_vcpu_makes_no_candidate_also_of_one_cpu(specs: dict[str, str] | None) -> None:
    assert dedicated(make_guest(pins=["", "3"], cpuset=cpus("2"), extra_specs=specs)) == {1: 3}


@pytest.mark.parametrize(
    ("specs", "image", "expected"),
    [
        (DEDICATED, None, {0: 2, 1: 3}),
        (DEDICATED, {"hw_cpu_policy": "shared"}, {0: 2, 1: 3}),
        (SHARED, None, {}),
        (NOTHING, {"hw_cpu_policy": "dedicated"}, {0: 2, 1: 3}),
        (None, {"hw_cpu_policy": "dedicated"}, {0: 2, 1: 3}),
        (NOTHING, {"hw_cpu_policy": "shared"}, {}),
        (NOTHING, NOTHING, {}),
        ({"resources:PCPU": "2"}, NOTHING, {0: 2, 1: 3}),
        ({"resources1:PCPU": "1", "resources2:PCPU": "1"}, NOTHING, {0: 2, 1: 3}),
        ({"resources:PCPU": "0"}, NOTHING, {}),
        ({"resources:VCPU": "2"}, NOTHING, {}),
        ({"resources:PCPU": "many"}, NOTHING, {}),
        (None, NOTHING, {1: 3}),
        (NOTHING, None, {1: 3}),
        ({"resources:PCPU": "2"}, None, {1: 3}),
        (None, None, {1: 3}),
        ({"hw:cpu_policy": "bogus"}, NOTHING, {1: 3}),
    ],
)
def test_what_nova_said_decides_over_a_cpu_that_another_guest_has_too(
    specs: dict[str, str] | None, image: dict[str, str] | None, expected: dict[int, int]
) -> None:
    guest = make_guest(1, pins=["2", "3", "4-7"], extra_specs=specs, image_properties=image)
    assert dedicated(guest, make_guest(2, pins=["2"])) == expected


@pytest.mark.parametrize(
    ("specs", "image", "expected", "shown"),
    [
        ({"hw:cpu_dedicated_mask": "2-3"}, NOTHING, {2: 4, 3: 5}, "mixed (hw:cpu_dedicated_mask 2-3)"),
        ({"hw:cpu_dedicated_mask": "^0-1"}, NOTHING, {2: 4, 3: 5}, "mixed (hw:cpu_dedicated_mask ^0-1)"),
        ({"hw:cpu_dedicated_mask": " ^0-2"}, NOTHING, {3: 5}, "mixed (hw:cpu_dedicated_mask  ^0-2)"),
        ({"hw:cpu_dedicated_mask": "2"}, NOTHING, {2: 4}, "mixed (hw:cpu_dedicated_mask 2)"),
        ({"hw:cpu_dedicated_mask": "0-1"}, NOTHING, {}, "mixed (hw:cpu_dedicated_mask 0-1)"),
        (
            {"hw:cpu_dedicated_mask": "2", "hw:cpu_realtime": "yes", "hw:cpu_realtime_mask": "3"},
            NOTHING,
            {2: 4},
            "mixed (hw:cpu_dedicated_mask 2)",
        ),
        (
            {"hw:cpu_realtime": "yes", "hw:cpu_realtime_mask": "^0-2"},
            NOTHING,
            {3: 5},
            "mixed (hw:cpu_realtime_mask ^0-2)",
        ),
        (
            {"hw:cpu_realtime": "True", "hw:cpu_realtime_mask": "2"},
            {"hw_cpu_realtime_mask": "3"},
            {3: 5},
            "mixed (hw_cpu_realtime_mask 3)",
        ),
        ({"hw:cpu_realtime": "no", "hw:cpu_realtime_mask": "2"}, NOTHING, {2: 4, 3: 5}, "mixed (hw:cpu_policy)"),
        (NOTHING, NOTHING, {2: 4, 3: 5}, "mixed (hw:cpu_policy)"),
    ],
)
def test_a_mixed_guest_has_the_candidates_of_its_mask(
    specs: dict[str, str], image: dict[str, str], expected: dict[int, int], shown: str
) -> None:
    found = find(make_guest(pins=FOUR, extra_specs=MIXED | dict(specs), image_properties=image))
    assert dict(found.pins) == expected
    assert (str(found.said), found.said.trouble) == (shown, None)


@pytest.mark.parametrize("mask", ["2-", "4", "^0-3", "1-9"])
def test_a_mixed_guest_whose_mask_cannot_be_read_has_the_cpus_that_nobody_else_has(mask: str) -> None:
    guest = make_guest(1, pins=[*FOUR[:3], "5"], extra_specs=MIXED | {"hw:cpu_dedicated_mask": mask})
    found = find(guest, make_guest(2, pins=["5"]))
    assert dict(found.pins) == {2: 4}
    assert f"hw:cpu_dedicated_mask {mask}" in (found.said.trouble or "")


def test_a_policy_can_only_narrow_what_the_pins_show() -> None:
    guest = make_guest(pins=["2", "3-4", "5", "5"], extra_specs=DEDICATED)
    assert dedicated(guest) == {0: 2}


@pytest.mark.parametrize("other", [DEDICATED, MIXED, SHARED, None])
def test_every_readable_guest_counts_whatever_its_own_policy(other: dict[str, str] | None) -> None:
    assert dedicated(make_guest(1, pins=["2"]), make_guest(2, pins=["2"], extra_specs=other)) == {}


def test_an_unpinned_vcpu_has_the_one_cpu_of_the_cpuset_alone() -> None:
    neighbour = make_guest(2, pins=["", ""], cpuset=cpus("2"))
    assert dedicated(make_guest(1, pins=["2", "3"]), neighbour) == {1: 3}
    assert dedicated(make_guest(1, pins=["2", "3"]), replace(neighbour, cpuset=cpus("2,4"))) == {0: 2, 1: 3}
    assert dedicated(make_guest(1, pins=["2", "", "3"], cpuset=cpus("3"), extra_specs=DEDICATED)) == {0: 2}


def test_a_cpu_in_the_shared_range_of_another_guest_stays_dedicated() -> None:
    assert dedicated(make_guest(1, pins=["2"]), make_guest(2, pins=["2-3", "2-3"])) == {0: 2}


@pytest.mark.parametrize("specs", [None, DEDICATED])
def test_a_cpu_that_two_vcpus_of_a_guest_have_is_dedicated_to_neither(specs: dict[str, str] | None) -> None:
    assert dedicated(make_guest(1, pins=["0", "0", "3"], extra_specs=specs)) == {2: 3}


@pytest.mark.parametrize("specs", [None, DEDICATED])
def test_vcpus_that_are_not_plugged_in_are_no_candidates_and_count_for_nobody(specs: dict[str, str] | None) -> None:
    guest = make_guest(1, pins=["2", "3", "4", "5"], unplugged=cpus("2-3"), extra_specs=specs)
    assert dedicated(guest) == {0: 2, 1: 3}
    neighbour = make_guest(2, pins=["4", "5"])
    assert dedicated(neighbour, guest) == {0: 4, 1: 5}
    unpinned = make_guest(3, pins=["", ""], cpuset=cpus("4"), unplugged=cpus("0-1"))
    assert dedicated(neighbour, unpinned) == {0: 4, 1: 5}


def test_two_guests_that_have_a_cpu_by_policy_both_have_it_and_both_are_told() -> None:
    first = make_guest(1, pins=["2", "3"], extra_specs=DEDICATED)
    second = make_guest(2, pins=["3", "4"], extra_specs=MIXED | {"hw:cpu_dedicated_mask": "0"})
    assert (dedicated(first, second), dedicated(second, first)) == ({0: 2, 1: 3}, {0: 3})
    assert find(first, second).overlaps == {guest_id(2): cpus("3")}
    assert find(second, first).overlaps == {guest_id(1): cpus("3")}


@pytest.mark.parametrize(
    "neighbour",
    [
        make_guest(2, pins=["3"], extra_specs=SHARED),
        make_guest(2, pins=["3"]),
        make_guest(2, pins=["3", "3"], extra_specs=DEDICATED),
        make_guest(2, pins=["3", "4"], extra_specs=MIXED | {"hw:cpu_dedicated_mask": "1"}),
        make_guest(2, pins=[""], cpuset=cpus("3"), extra_specs=DEDICATED),
        make_guest(2, pins=["3"], unplugged=cpus("0"), extra_specs=DEDICATED),
    ],
)
def test_no_overlap_is_told_of_a_guest_that_does_not_have_the_cpu_by_policy(neighbour: Guest) -> None:
    guest = make_guest(1, pins=["2", "3"], extra_specs=DEDICATED)
    assert find(guest, neighbour).overlaps == {}
    assert dedicated(guest, neighbour) == {0: 2, 1: 3}


def test_no_overlap_is_told_of_a_cpu_that_can_be_nobodys() -> None:
    pair = [make_guest(number, pins=["2", "3"], extra_specs=DEDICATED) for number in (1, 2)]
    assert find(*pair, allowed=cpus("3")).overlaps == {guest_id(2): cpus("3")}


@pytest.mark.parametrize("specs", [DEDICATED, None])
def test_dedicated_cpus_must_contain_the_cpu(specs: dict[str, str] | None) -> None:
    guest = make_guest(pins=["2", "3", "10"], extra_specs=specs)
    assert dedicated(guest, allowed=cpus("3-10")) == {1: 3, 2: 10}
    assert dedicated(guest, allowed=CpuSet()) == {}


def test_the_vcpus_come_in_their_order_whatever_that_of_the_xml() -> None:
    guest = replace(make_guest(pins=["7", "6", "5"]), pins={2: cpus("5"), 0: cpus("7"), 1: cpus("6")})
    assert list(dedicated(guest).items()) == [(0, 7), (1, 6), (2, 5)]


def test_each_vcpu_that_is_not_dedicated_has_its_reason() -> None:
    guest = make_guest(
        1,
        pins=["2", "3-4", "", "5", "5", "6", "7", "8"],
        unplugged=cpus("7"),
        extra_specs=MIXED | {"hw:cpu_dedicated_mask": "0-5"},
    )
    occupancy = survey([guest], cpus("2-5"))
    reasons = [refuse_vcpu(guest, vcpu, occupancy, cpus("2-5")) for vcpu in range(8)]
    assert reasons == [
        None,
        "pinned to 3-4, not to one CPU",
        "no vcpupin",
        "another vCPU of this guest has CPU 5 alone too",
        "another vCPU of this guest has CPU 5 alone too",
        "[placement] dedicated_cpus does not have CPU 6",
        "the policy is mixed (hw:cpu_dedicated_mask 0-5)",
        "not plugged in",
    ]


def test_a_vcpu_of_an_unknown_policy_names_the_guest_that_has_its_cpu_too() -> None:
    guest, other = make_guest(1, pins=["2"]), make_guest(2, pins=["2"])
    reason = refuse_vcpu(guest, 0, survey([guest, other], None), None)
    assert reason == f"guest {guest_id(2)} has CPU 2 alone too"
