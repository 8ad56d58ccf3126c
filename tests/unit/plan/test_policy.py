# SPDX-License-Identifier: Apache-2.0
"""A profile says how devices with certain tags are placed; the first that fits counts."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from irqaffinity.grammar.device_spec import parse_device_spec
from irqaffinity.model.record import State
from irqaffinity.plan.policy import Distribution, Manner, Numa, Policy, Profile, Serve
from tests.fakes.snapshots import VF, VF2, Snapshot, make_device, make_guest, make_plan, make_snapshot
from tests.unit.plan.test_properties import policies, snapshots

A = Profile({"physical_network": "a"}, distribution=Distribution.SPREAD)
A_TRUSTED = Profile({"physical_network": "a", "trusted": "true"}, numa=Numa.STRICT, serve=Serve.EMULATOR)
ANY_TRUSTED = Profile({"trusted": "true"}, serve=Serve.HOUSEKEEPING)


@pytest.mark.parametrize(
    ("tags", "other", "is_match"),
    [
        ({"physical_network": "a"}, {"physical_network": "a", "trusted": "true"}, True),
        ({"physical_network": "a"}, {"physical_network": "A"}, False),
        ({"physical_network": "a"}, {}, False),
        ({"physical_network": None}, {"physical_network": None}, True),
        ({"physical_network": None}, {}, False),
        ({"trusted": True}, {"trusted": "true"}, True),
        ({"trusted": "True"}, {"trusted": True}, True),
        ({"trusted": "false"}, {"trusted": True}, False),
        ({"level": 1}, {"level": True}, False),
        ({"level": 1}, {"level": 1}, True),
        ({"level": [1]}, {"level": [1]}, True),
        ({"a": 1, "b": 2}, {"a": 1}, False),
    ],
)
def test_a_profile_is_for_devices_that_have_all_its_tags(
    tags: dict[str, Any], other: dict[str, Any], is_match: bool
) -> None:
    assert Profile(tags, numa=Numa.STRICT).matches(other) is is_match


@pytest.mark.parametrize(
    ("profiles", "tags", "manner"),
    [
        ((), {"physical_network": "a"}, Manner(Distribution.MASK, Numa.SOCKET, Serve.VCPUS)),
        ((A,), {}, Manner(Distribution.MASK, Numa.SOCKET, Serve.VCPUS)),
        ((A,), {"physical_network": "a"}, Manner(Distribution.SPREAD, Numa.SOCKET, Serve.VCPUS, A)),
        (
            (A, A_TRUSTED),
            {"physical_network": "a", "trusted": True},
            Manner(Distribution.SPREAD, Numa.SOCKET, Serve.VCPUS, A),
        ),
        (
            (A_TRUSTED, A),
            {"physical_network": "a", "trusted": True},
            Manner(Distribution.MASK, Numa.STRICT, Serve.EMULATOR, A_TRUSTED),
        ),
        (
            (A, ANY_TRUSTED),
            {"trusted": "true"},
            Manner(Distribution.MASK, Numa.SOCKET, Serve.HOUSEKEEPING, ANY_TRUSTED),
        ),
    ],
)
def test_the_first_profile_that_fits_counts_and_the_options_fill_in(
    profiles: tuple[Profile, ...], tags: dict[str, Any], manner: Manner
) -> None:
    policy = Policy(numa=Numa.SOCKET, profiles=profiles)
    assert policy.manner_for(tags) == manner
    assert manner in policy.manners()


def test_devices_may_be_spread_by_the_option_or_by_a_profile() -> None:
    assert not Policy(profiles=(A_TRUSTED,)).may_spread
    assert Policy(profiles=(A_TRUSTED, A)).may_spread
    assert Policy(distribution=Distribution.SPREAD).may_spread


SPECS = parse_device_spec(f'[{{"address": "{VF}", "physical_network": "a"}}, {{}}]')


def test_each_device_of_a_guest_is_placed_in_its_own_manner() -> None:
    guest = make_guest(1, ["2", "3", "10", "11"], [VF, VF2])
    snapshot = make_snapshot([guest], [make_device(VF, [40, 41]), make_device(VF2, [60, 61])])
    made = make_plan(snapshot, Policy(device_specs=SPECS, profiles=(A,)), State())
    assert {action.number: str(action.target) for action in made.actions} == {40: "2", 41: "3", 60: "2-3", 61: "2-3"}
    other = make_plan(
        snapshot,
        Policy(
            distribution=Distribution.SPREAD,
            device_specs=SPECS,
            profiles=(replace(A, distribution=Distribution.MASK),),
        ),
        State(),
    )
    assert {action.number: str(action.target) for action in other.actions} == {40: "2-3", 41: "2-3", 60: "2", 61: "3"}


@settings(deadline=None, max_examples=60)
@given(snapshots, policies)
def test_a_profile_that_says_what_the_options_say_changes_nothing(snapshot: Snapshot, policy: Policy) -> None:
    plain = replace(policy, profiles=())
    same = [
        Profile({"physical_network": "a"}, policy.distribution, policy.numa, policy.serve),
        Profile({"trusted": True}),
        Profile({"physical_network": "elsewhere"}, Distribution.SPREAD, Numa.STRICT, Serve.EMULATOR),
    ]
    for profile in same:
        made, usual = (make_plan(snapshot, chosen, State()) for chosen in (replace(plain, profiles=(profile,)), plain))
        assert (made.actions, made.state) == (usual.actions, usual.state)


def test_the_numa_of_a_profile_counts_for_its_devices_alone() -> None:
    guest = make_guest(1, ["2", "3"], [VF, VF2])
    snapshot = make_snapshot([guest], [make_device(VF, [40], numa_node=1), make_device(VF2, [60], numa_node=1)])
    profile = Profile({"physical_network": "a"}, numa=Numa.STRICT)
    made = make_plan(snapshot, Policy(device_specs=SPECS, profiles=(profile,)), State())
    assert {action.number: str(action.target) for action in made.actions} == {60: "2-3"}
