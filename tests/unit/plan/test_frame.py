# SPDX-License-Identifier: Apache-2.0
"""What is between guests."""

from dataclasses import replace

import pytest

from irqaffinity.model.guest import ClaimKind, Guest, GuestId, UnreadableGuest
from irqaffinity.model.host import DeviceClaim, SeenGuest, Topology
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Record
from irqaffinity.plan.frame import Frame, find_wide_default, make_frame
from tests.fakes.snapshots import VF, VF2, VF3, cpus, guest_id, make_guest, make_record, make_unreadable

A, B, C = guest_id(1), guest_id(2), guest_id(3)
TOPOLOGY = Topology(cpus("0-15"))


def see(guest: Guest | UnreadableGuest, *devices: PciAddress, is_unsure: bool = False) -> SeenGuest:
    claims = tuple(DeviceClaim(device, ClaimKind.HOSTDEV, "vfio-pci") for device in devices)
    return SeenGuest(guest, claims, is_unsure=is_unsure)


def frame_of(*guests: SeenGuest, dedicated: str | None = None) -> Frame:
    by_uuid = {seen.guest.uuid: seen for seen in guests}
    return make_frame(TOPOLOGY, cpus("0-7"), by_uuid, None if dedicated is None else cpus(dedicated))


@pytest.mark.parametrize(
    ("default", "record", "wide"),
    [
        ("0-15", None, "0-15"),
        (None, None, None),
        ("0-1", make_record(original="0-15", written="0-1"), "0-15"),
        ("0-3", make_record(original="0-15", written="0-1", previous="0-3"), "0-15"),
        ("8", make_record(original="0-15", written="0-1"), "8"),
        (None, make_record(original="0-15", written="0-1"), None),
    ],
)
def test_the_default_is_the_one_from_before_it_was_narrowed(
    default: str | None, record: Record | None, wide: str | None
) -> None:
    found = find_wide_default(None if default is None else cpus(default), record)
    assert found == (None if wide is None else cpus(wide))


def test_a_host_without_guests_is_itself_alone() -> None:
    frame = frame_of()
    assert (frame.topology, frame.default_affinity) == (TOPOLOGY, cpus("0-7"))
    assert (frame.claimants, frame.unreadable, frame.unknown, frame.held) == ({}, set(), set(), set())


def test_each_device_has_its_guests() -> None:
    frame = frame_of(see(make_guest(1), VF, VF2), see(make_guest(2), VF2, VF3))
    assert frame.claimants == {VF: {A}, VF2: {A, B}, VF3: {B}}
    assert (frame.unreadable, frame.unknown, frame.held) == (set(), set(), set())


def test_what_guests_claim_of_whom_not_all_is_known_is_held() -> None:
    frame = frame_of(see(make_guest(1), VF), see(make_unreadable(2), VF2), see(make_guest(3), VF3, is_unsure=True))
    assert (frame.unreadable, frame.unknown, frame.held) == ({B}, {B, C}, {VF2, VF3})
    assert frame.claimants == {VF: {A}, VF2: {B}, VF3: {C}}


def who_has(frame: Frame, cpu: int) -> set[GuestId]:
    return set(frame.occupancy.alone.get(cpu, {}))


def test_the_pins_of_a_guest_that_cannot_be_read_count_as_they_were() -> None:
    known = replace(make_unreadable(2), known=make_guest(2, pins=("2",)))
    frame = frame_of(see(make_guest(1, pins=("2", "3"))), see(known), see(make_unreadable(3)))
    assert (who_has(frame, 2), who_has(frame, 3)) == ({A, B}, {A})
    assert frame.occupancy.said.keys() == {A, B}


def test_the_cpus_that_may_be_dedicated_are_the_operators() -> None:
    guest = see(make_guest(1, pins=("2", "3"), cpu_policy="dedicated"))
    assert frame_of(guest, dedicated="3").occupancy.by_policy == {3: {A}}
    assert frame_of(guest).occupancy.by_policy == {2: {A}, 3: {A}}


def test_frames_are_told_apart_by_what_they_are_and_not_by_what_they_say() -> None:
    frame = frame_of()
    assert frame != frame_of()
    assert frame == frame
