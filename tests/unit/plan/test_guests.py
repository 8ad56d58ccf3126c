# SPDX-License-Identifier: Apache-2.0
"""Which vCPUs of a guest serve its interrupts, where its mask comes from, and why it is left alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from irqaffinity.grammar.mask import EXTRA_SPEC
from irqaffinity.model.guest import Guest, GuestId
from irqaffinity.model.host import DeviceClaim
from irqaffinity.model.record import RememberedSpecs
from irqaffinity.model.verdict import GuestReason, Status
from irqaffinity.plan.dedicated import find_dedicated, survey
from irqaffinity.plan.guests import GuestPlan, MaskSource, find_mask, plan_guest, plan_unreadable
from irqaffinity.plan.policy import Policy, WithoutMask
from tests.fakes.snapshots import cpus, guest_id, make_guest, make_unreadable

ALL = Policy()
SKIP = Policy(without_mask=WithoutMask.SKIP)
WAIT = Policy(without_mask=WithoutMask.WAIT)


def plan(
    guest: Guest,
    policy: Policy = ALL,
    remembered: Mapping[GuestId, RememberedSpecs] | None = None,
    others: Sequence[Guest] = (),
) -> GuestPlan:
    found = find_dedicated(guest, survey([guest, *others], policy.dedicated_cpus), policy.dedicated_cpus)
    claims = [DeviceClaim(claim.address, claim.kind) for claim in guest.claims if claim.address is not None]
    return plan_guest(guest, found, claims, guest.left_out, policy, remembered or {})


def masked(mask: str | None, cpu_policy: str | None = None, **fields: Any) -> Guest:
    specs = {"hw:cpu_policy": cpu_policy, EXTRA_SPEC: mask}
    return make_guest(extra_specs={name: value for name, value in specs.items() if value is not None}, **fields)


@pytest.mark.parametrize(
    ("mask", "vcpus", "pcpus"),
    [("0-3,^1", "0,2-3", "2,10-11"), ("3", "3", "11"), (None, "0-3", "2-3,10-11"), (" 1 , ,2", "1-2", "3,10")],
)
def test_a_placed_guest_tells_its_vcpus_and_their_cpus(mask: str | None, vcpus: str, pcpus: str) -> None:
    placed = plan(masked(mask))
    assert (placed.status, placed.reason, placed.message) == (Status.PLACED, None, None)
    assert (placed.irq_vcpus, placed.irq_pcpus) == (cpus(vcpus), cpus(pcpus))
    assert (placed.vcpus, placed.mask) == (4, mask)


@pytest.mark.parametrize(
    ("mask", "status"),
    [
        ("1-", Status.MASK_INVALID),
        ("9,1-", Status.MASK_INVALID),
        ("0,4", Status.MASK_OUT_OF_RANGE),
        ("0,^4", Status.MASK_OUT_OF_RANGE),
        ("0-999999999999", Status.MASK_OUT_OF_RANGE),
        ("^0-3", Status.MASK_EMPTY),
        ("", Status.MASK_EMPTY),
        ("  ", Status.MASK_EMPTY),
    ],
)
def test_a_refused_mask_is_an_error_that_names_it(mask: str, status: Status) -> None:
    refused = plan(masked(mask))
    assert refused.status is status
    assert status.is_error
    assert (refused.irq_vcpus, refused.irq_pcpus) == (None, None)
    assert mask in (refused.message or "")


def test_vcpus_of_the_mask_that_are_not_dedicated_are_dropped() -> None:
    placed = plan(masked("1-3", pins=["2", "3", "8-15", "11"]))
    assert placed.irq_vcpus == cpus("1,3")


def test_a_mask_without_a_dedicated_vcpu_is_an_error_that_names_the_dedicated_ones() -> None:
    refused = plan(masked("2", pins=["2", "3", "8-15", "11"]))
    assert refused.status is Status.MASK_NOT_DEDICATED
    assert "0-1,3" in (refused.message or "")


SHARED = {"cpu_policy": "shared"}
NO_DEVICES = {"devices": ()}
PART = {"pins": ["2", "3", "10", "8-15"]}
SHARED_PINS = {"pins": ["0-7", "0-7"]}


@pytest.mark.parametrize(
    ("guest", "policy", "status"),
    [
        (masked("1-", **SHARED, **NO_DEVICES), SKIP, Status.SHARED_CPUS),
        (masked("9,1-", **NO_DEVICES), SKIP, Status.MASK_INVALID),
        (masked("9,^0-9", **NO_DEVICES), SKIP, Status.MASK_OUT_OF_RANGE),
        (masked("3,^3", **PART, **NO_DEVICES), SKIP, Status.MASK_EMPTY),
        (masked("3", **PART, **NO_DEVICES), SKIP, Status.MASK_NOT_DEDICATED),
        (masked(None, **NO_DEVICES), SKIP, Status.NO_MASK),
        (masked(None, **NO_DEVICES), ALL, Status.NO_DEVICES),
        (masked("0", **NO_DEVICES), SKIP, Status.NO_DEVICES),
        (masked("0"), SKIP, Status.PLACED),
        (make_guest(flavor="m1.nfv"), SKIP, Status.NO_MASK),
        (make_guest(flavor="m1.nfv", **SHARED_PINS), WAIT, Status.SHARED_CPUS),
        (make_guest(flavor="m1.nfv", **NO_DEVICES), WAIT, Status.NOT_HEARD),
    ],
)
def test_the_first_status_that_applies_stands(guest: Guest, policy: Policy, status: Status) -> None:
    assert plan(guest, policy).status is status


def test_an_unreadable_guest_is_xml_invalid_and_has_no_vcpu_count() -> None:
    unknown = plan_unreadable(make_unreadable(7), ())
    assert (unknown.uuid, unknown.status, unknown.vcpus) == (guest_id(7), Status.XML_INVALID, None)
    assert (unknown.mask_source, unknown.irq_vcpus) == (MaskSource.NONE, None)
    assert "libvirt did not answer" in (unknown.message or "")


def test_errors_and_skips_are_what_the_design_says() -> None:
    errors = {"xml_invalid", "mask_invalid", "mask_out_of_range", "mask_empty", "mask_not_dedicated"}
    skips = {"shared_cpus", "no_mask", "not_heard", "no_devices"}
    assert {status.value for status in Status if status.is_error} == errors
    assert {status.value for status in Status if status.is_skipped} == skips


def test_dedicated_cpus_without_a_cpu_of_the_guest_leave_it_shared() -> None:
    assert plan(make_guest(), Policy(dedicated_cpus=cpus("4-7"))).status is Status.SHARED_CPUS


FLAVORS = Policy(flavor_masks={"m1.nfv": "3"})
REMEMBERED = RememberedSpecs("2", "2026-11-20 12:00:00")
FORGOT_MASK = RememberedSpecs(None, "2026-11-20 12:00:00")


@pytest.mark.parametrize(
    ("guest", "remembered", "mask", "source"),
    [
        (masked("1", flavor="m1.nfv"), REMEMBERED, "1", MaskSource.METADATA),
        (masked(None, flavor="m1.nfv"), REMEMBERED, None, MaskSource.METADATA),
        (make_guest(flavor="m1.nfv"), REMEMBERED, "2", MaskSource.NOTIFICATION),
        (make_guest(flavor="m1.nfv"), FORGOT_MASK, None, MaskSource.NOTIFICATION),
        (make_guest(flavor="m1.nfv"), None, "3", MaskSource.FLAVOR_MASKS),
        (make_guest(flavor="m1.other"), None, None, MaskSource.NONE),
        (make_guest(), None, None, MaskSource.NONE),
    ],
)
def test_the_first_source_that_is_present_decides_also_without_a_mask(
    guest: Guest, remembered: RememberedSpecs | None, mask: str | None, source: MaskSource
) -> None:
    memory = {} if remembered is None else {guest.uuid: remembered}
    assert find_mask(guest, FLAVORS, memory) == (mask, source)
    placed = plan(guest, FLAVORS, memory)
    assert (placed.mask, placed.mask_source) == (mask, source)
    assert placed.irq_vcpus == cpus(mask or "0-3")


def test_what_is_remembered_of_another_guest_is_not_used() -> None:
    assert find_mask(make_guest(1), ALL, {guest_id(2): REMEMBERED}) == (None, MaskSource.NONE)


def test_a_source_without_a_mask_keeps_later_ones_out_when_only_masks_are_served() -> None:
    policy = Policy(without_mask=WithoutMask.SKIP, flavor_masks={"m1.nfv": "3"})
    assert plan(masked(None, flavor="m1.nfv"), policy).status is Status.NO_MASK
    assert plan(make_guest(flavor="m1.nfv"), policy).status is Status.PLACED


@pytest.mark.parametrize("metadata", [{"flavor": "m1.nfv"}, {"display_name": "web-1"}, {"image_properties": {}}])
def test_a_guest_of_nova_of_whose_specs_nothing_was_heard_says_so_and_can_wait(metadata: dict[str, Any]) -> None:
    guest = make_guest(**metadata)
    placed = plan(guest)
    assert (placed.status, placed.mask_source, placed.reason) == (Status.PLACED, MaskSource.NONE, None)
    assert (placed.message or "").startswith("not heard: ")
    waits = plan(guest, WAIT)
    assert (waits.status, waits.mask_source, waits.irq_vcpus) == (Status.NOT_HEARD, MaskSource.NONE, None)


@pytest.mark.parametrize(
    ("guest", "remembered"),
    [
        (make_guest(), None),
        (masked(None, flavor="m1.nfv"), None),
        (masked("1", flavor="m1.nfv"), None),
        (make_guest(flavor="m1.nfv"), FORGOT_MASK),
    ],
    ids=["not Nova's", "no mask in its domain", "a mask in its domain", "no mask in a message"],
)
def test_a_guest_whose_specs_are_known_or_that_will_have_none_waits_for_nothing(
    guest: Guest, remembered: RememberedSpecs | None
) -> None:
    memory = {} if remembered is None else {guest.uuid: remembered}
    placed = plan(guest, WAIT, memory)
    assert (placed.status, placed.message) == (Status.PLACED, None)


def test_a_guest_that_waits_is_served_by_the_mask_of_its_flavor_where_there_is_one() -> None:
    policy = Policy(without_mask=WithoutMask.WAIT, flavor_masks={"m1.nfv": "3"})
    placed = plan(make_guest(flavor="m1.nfv"), policy)
    assert (placed.status, placed.irq_vcpus, placed.message) == (Status.PLACED, cpus("3"), None)


@pytest.mark.parametrize(
    ("mask", "realtime", "vcpus", "reason"),
    [
        (None, "2-3", "0-1", None),
        (None, "0-3", "0-3", GuestReason.REALTIME_VCPUS),
        ("1-3", "2-3", "1-3", GuestReason.REALTIME_VCPUS),
        ("2", "2-3", "2", GuestReason.REALTIME_VCPUS),
        ("1", "2-3", "1", None),
    ],
)
def test_realtime_vcpus_serve_only_when_a_mask_says_so_or_no_other_can(
    mask: str | None, realtime: str, vcpus: str, reason: GuestReason | None
) -> None:
    placed = plan(masked(mask, realtime=cpus(realtime)))
    assert (placed.irq_vcpus, placed.reason) == (cpus(vcpus), reason)


def test_a_vcpu_that_is_not_dedicated_does_not_relieve_the_realtime_ones() -> None:
    placed = plan(make_guest(pins=["0-7", "3", "10"], realtime=cpus("1-2")))
    assert (placed.irq_vcpus, placed.reason) == (cpus("1-2"), GuestReason.REALTIME_VCPUS)


def test_two_guests_on_one_cpu_by_policy_are_served_and_told() -> None:
    pair = [masked("0-1", "dedicated"), masked("0-1", "dedicated", number=2, pins=["3", "4", "12", "13"])]
    told = plan(pair[0], others=pair[1:])
    assert (told.status, told.reason, told.irq_pcpus) == (Status.PLACED, GuestReason.CPUS_OVERLAP, cpus("2-3"))
    assert f"guest {guest_id(2)} has CPU 3" in (told.message or "")


def test_an_overlap_is_told_also_of_a_guest_that_is_not_placed_beside_why_it_is_not() -> None:
    pair = [masked(None, "dedicated", devices=()), masked(None, "dedicated", number=2)]
    told = plan(pair[0], others=pair[1:])
    assert (told.status, told.reason) == (Status.NO_DEVICES, GuestReason.CPUS_OVERLAP)
    assert (told.message or "").startswith(Status.NO_DEVICES.sentence)
    assert str(guest_id(2)) in (told.message or "")


def test_a_dedicated_mask_that_cannot_be_read_is_told() -> None:
    guest = make_guest(extra_specs={"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "1-"}, realtime=cpus("0-3"))
    told = plan(guest)
    assert (told.status, told.reason) == (Status.PLACED, GuestReason.DEDICATED_MASK_INVALID)
    assert "hw:cpu_dedicated_mask 1-" in (told.message or "")
    assert GuestReason.REALTIME_VCPUS.sentence in (told.message or "")


def test_a_mask_may_name_vcpus_that_are_not_plugged_in_and_they_do_not_serve() -> None:
    placed = plan(masked("1-3", unplugged=cpus("2-3")))
    assert (placed.status, placed.irq_vcpus, placed.vcpus) == (Status.PLACED, cpus("1"), 4)
    assert plan(masked("2-3", unplugged=cpus("2-3"))).status is Status.MASK_NOT_DEDICATED
    assert plan(masked("4", unplugged=cpus("2-3"))).status is Status.MASK_OUT_OF_RANGE
