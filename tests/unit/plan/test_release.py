# SPDX-License-Identifier: Apache-2.0
"""Which interrupts that were moved go back, which stay, and which are forgotten."""

from collections.abc import Mapping
from typing import Any

import pytest

from irqaffinity.grammar.device_spec import parse_device_spec
from irqaffinity.model.guest import HOST, ClaimKind, Guest, UnreadableGuest
from irqaffinity.model.host import Device, DeviceClaim, SeenGuest, Topology
from irqaffinity.model.record import Record, State
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.frame import make_frame
from irqaffinity.plan.place import Handled
from irqaffinity.plan.policy import HostDriver, HostDrivers, Numa, Policy, Scope, WithoutMask
from irqaffinity.plan.release import release_device
from tests.fakes.snapshots import (
    PF,
    VF,
    VF2,
    cpus,
    guest_id,
    make_device,
    make_guest,
    make_plan,
    make_record,
    make_snapshot,
    make_unreadable,
)

DEFAULT = cpus("0-31")
DEFAULT_POLICY = Policy()
CLAIM = DeviceClaim(VF, ClaimKind.HOSTDEV, "vfio-pci")


def release(
    device: Device, record: Record, *, is_due: bool = True, default: str | None = "0-31", online: str = "0-15"
) -> Handled:
    topology, known = Topology(cpus(online)), None if default is None else cpus(default)
    frame = make_frame(topology, known, {}, None)
    scope = Scope() if is_due else Scope(guest=guest_id(9))
    return release_device(frame, device, {50: record}, (), scope)


def test_what_goes_back_is_the_original_and_the_record_stays_until_that_is_done() -> None:
    record = make_record(3, original="0-15", written="2-3")
    handled = release(make_device(numbers=[50, 51], smp="2-3"), record)
    assert handled.records == {50: record}
    action = handled.actions[0]
    assert [action.number for action in handled.actions] == [50]
    assert (action.device, action.owner, action.current) == (VF, guest_id(3), cpus("2-3"))
    assert (action.target, action.is_release, action.foregone) == (cpus("0-15"), True, None)


def test_an_unknown_original_goes_back_to_the_default() -> None:
    handled = release(make_device(numbers=[50], smp="2-3"), make_record(original=None))
    assert [action.target for action in handled.actions] == [DEFAULT]


def test_an_unknown_original_waits_while_the_default_is_unknown() -> None:
    record = make_record(original=None)
    assert release(make_device(numbers=[50], smp="2-3"), record, default=None) == Handled({50: record}, [])


@pytest.mark.parametrize("smp", ["2-3", "4-5"])
def test_the_value_before_the_last_is_ours_too(smp: str) -> None:
    record = make_record(original="0-15", written="2-3", previous="4-5")
    handled = release(make_device(numbers=[50], smp=smp), record)
    assert [action.target for action in handled.actions] == [cpus("0-15")]


@pytest.mark.parametrize(
    "device",
    [
        make_device(numbers=[50], smp="2-3", driver="mlx5_core"),
        make_device(numbers=[50], smp="2-3", driver=None),
        make_device(numbers=[51], smp="2-3"),
        make_device(numbers=[50], smp="2"),
        make_device(numbers=[50], smp="2-4"),
        make_device(numbers=[50], smp="0-15"),
        make_device(present=False, driver=None),
    ],
    ids=["other-driver", "no-driver", "unlisted", "narrower", "wider", "original", "gone"],
)
def test_what_is_not_ours_any_more_is_forgotten_and_not_written(device: Device) -> None:
    assert release(device, make_record(original="0-15", written="2-3")) == Handled({}, [])


@pytest.mark.parametrize(
    "device",
    [
        make_device(numbers=[50], smp="2-3"),
        make_device(numbers=[50], smp="7"),
        make_device(numbers=[50], smp="2-3", driver="iavf"),
        make_device(numbers=[51], smp="2-3"),
    ],
    ids=["ours", "moved", "other-driver", "unlisted"],
)
def test_what_was_moved_for_the_host_is_left_to_isolation(device: Device) -> None:
    record = make_record(owner=HOST, action="iavf-0")
    assert release(device, record) == Handled({50: record}, [])


@pytest.mark.parametrize("smp", ["2-3", "7"])
def test_a_record_that_is_not_due_stays(smp: str) -> None:
    record = make_record()
    handled = release(make_device(numbers=[50], smp=smp), record, is_due=False)
    assert handled == Handled({50: record}, [])


def test_under_another_driver_a_record_goes_also_when_it_is_not_due() -> None:
    device = make_device(numbers=[50], smp="2-3", driver="mlx5_core")
    assert release(device, make_record(), is_due=False) == Handled({}, [])


def test_a_record_whose_number_is_no_longer_listed_goes_also_when_it_is_not_due() -> None:
    assert release(make_device(numbers=[51]), make_record(), is_due=False) == Handled({}, [])


@pytest.mark.parametrize(
    ("action", "verdict"),
    [(None, Verdict.MANAGED), ("nvme0q1", Verdict.MANAGED), ("vfio-msix[0](0000:41:00.1)", Verdict.IMMOVABLE)],
)
def test_a_released_interrupt_without_write_permission_cannot_be_moved(action: str | None, verdict: Verdict) -> None:
    device = make_device(numbers=[50], smp="2-3")
    interrupt = device.interrupts[0]._replace(writable=False, action=action)
    handled = release(make_device(interrupts=(interrupt,)), make_record())
    assert [action.foregone for action in handled.actions] == [verdict]


def test_a_release_is_made_under_the_driver_that_the_device_has() -> None:
    handled = release(make_device(numbers=[50], smp="2-3", driver="iavf"), make_record(driver="iavf"))
    assert [action.driver for action in handled.actions] == ["iavf"]


@pytest.mark.parametrize(
    "seen",
    [SeenGuest(make_unreadable(1), (CLAIM,)), SeenGuest(make_guest(1), (CLAIM,), is_unsure=True)],
    ids=["unreadable", "unsure"],
)
def test_nothing_is_given_back_of_a_device_that_a_guest_has_of_which_nobody_knows_enough(seen: SeenGuest) -> None:
    record = make_record(2)
    frame = make_frame(Topology(cpus("0-15")), DEFAULT, {guest_id(1): seen}, None)
    device = make_device(numbers=[50], smp="2-3")
    assert release_device(frame, device, {50: record}, (), Scope()) == Handled({50: record}, [])


def test_an_original_whose_cpus_are_all_offline_waits_for_their_return() -> None:
    device, record = make_device(numbers=[50], smp="2-3"), make_record(original="12-13")
    handled = release(device, record, online="0-11")
    assert handled.records == {50: record}
    assert [action.foregone for action in handled.actions] == [Verdict.OFFLINE]
    assert [action.foregone for action in release(device, record, online="0-12").actions] == [None]


def test_an_interrupt_that_cannot_be_read_waits_with_its_original() -> None:
    handled = release(make_device(numbers=[50], smp=None), make_record())
    assert handled.records == {50: make_record()}
    assert [action.current for action in handled.actions] == [None]


def test_all_records_of_a_device_that_cannot_be_read_wait() -> None:
    handled = release(make_device(trouble="msi_irqs: Permission denied"), make_record())
    assert handled == Handled({50: make_record()}, [])


MOVED = make_device(VF, [50, 51], smp="2-3")
RECORDS = {VF: {50: make_record(1, original="0-15"), 51: make_record(1, original="8")}}
GIVEN_BACK = {50: cpus("0-15"), 51: cpus("8")}


def outcome(
    *guests: Guest,
    device: Device = MOVED,
    unreadable: tuple[UnreadableGuest, ...] = (),
    policy: Policy = DEFAULT_POLICY,
    records: Mapping[Any, Mapping[int, Record]] = RECORDS,
    **host: Any,
) -> tuple[dict[int, Any], set[int]]:
    """Return what is given back by number, and the numbers that have a record still."""
    devices = [device, make_device(VF2, [60]), make_device(PF)]
    plan = make_plan(make_snapshot(guests, devices, unreadable, **host), policy, State(records=records))
    released = {action.number: action.target for action in plan.actions if action.is_release}
    return released, set(plan.state.records.get(VF, {}))


def spec(text: str) -> Policy:
    return Policy(device_specs=parse_device_spec(text))


@pytest.mark.parametrize(
    ("guests", "policy"),
    [
        ([], DEFAULT_POLICY),
        ([make_guest(2, devices=[VF2])], DEFAULT_POLICY),
        ([make_guest(1, devices=[VF2])], DEFAULT_POLICY),
        ([make_guest(1, devices=[])], DEFAULT_POLICY),
        ([make_guest(1, cpu_policy="shared")], DEFAULT_POLICY),
        ([make_guest(1, pins=["0-7", "0-7"])], DEFAULT_POLICY),
        ([make_guest(1)], Policy(without_mask=WithoutMask.SKIP)),
        ([make_guest(1)], spec('{"address": "0000:01:00.0"}')),
        ([make_guest(1, kind=ClaimKind.MACVTAP)], DEFAULT_POLICY),
        ([make_guest(2, cpu_policy="shared")], DEFAULT_POLICY),
        ([make_guest(1, devices=[VF2], mask="1-")], DEFAULT_POLICY),
    ],
    ids=[
        "guest-gone",
        "guest-gone-others-there",
        "device-detached",
        "last-device-detached",
        "policy-shared",
        "no-pins",
        "no-mask",
        "not-in-device-spec",
        "host-driver",
        "new-owner-skipped",
        "detached-from-guest-in-error",
    ],
)
def test_what_is_no_longer_to_be_served_is_given_back(guests: list[Guest], policy: Policy) -> None:
    device = make_device(VF, [50, 51], smp="2-3", parent=PF)
    assert outcome(*guests, device=device, policy=policy) == (GIVEN_BACK, {50, 51})


@pytest.mark.parametrize(
    ("guests", "unreadable", "policy"),
    [
        ([make_guest(1, mask="1-")], (), DEFAULT_POLICY),
        ([make_guest(1, mask="99")], (), DEFAULT_POLICY),
        ([make_guest(1, mask="")], (), DEFAULT_POLICY),
        ([make_guest(1, ["2", "0-7"], mask="1")], (), DEFAULT_POLICY),
        ([make_guest(2, mask="1-")], (), DEFAULT_POLICY),
        ([make_guest(1, ["10", "11"])], (), Policy(numa=Numa.STRICT)),
        ([], (make_unreadable(1),), DEFAULT_POLICY),
        ([make_guest(2, devices=[VF2])], (make_unreadable(1),), DEFAULT_POLICY),
        ([make_guest(1), make_guest(2, ["4", "5"])], (), DEFAULT_POLICY),
        ([make_guest(1, kind=ClaimKind.MACVTAP)], (), Policy(host_driver=HostDrivers.both(HostDriver.VCPU))),
    ],
    ids=[
        "mask-invalid",
        "mask-out-of-range",
        "mask-empty",
        "mask-not-dedicated",
        "new-owner-in-error",
        "node-strict",
        "owner-unreadable",
        "owner-unreadable-others-there",
        "claimed-twice",
        "shared-parent",
    ],
)
def test_what_is_in_error_or_not_known_keeps_what_it_has(
    guests: list[Guest], unreadable: tuple[UnreadableGuest, ...], policy: Policy
) -> None:
    assert outcome(*guests, unreadable=unreadable, policy=policy) == ({}, {50, 51})


def test_a_guest_whose_cpus_are_all_offline_keeps_what_it_has() -> None:
    assert outcome(make_guest(1), online="4-7") == ({}, {50, 51})


@pytest.mark.parametrize("guest", [make_guest(1, ["4", "5"]), make_guest(2, ["4", "5"])], ids=["same", "new-owner"])
def test_what_has_a_target_is_placed_and_not_given_back(guest: Guest) -> None:
    assert outcome(guest) == ({}, {50, 51})


@pytest.mark.parametrize(
    "guest",
    [make_guest(1), make_guest(1, mask="1-"), make_guest(1, cpu_policy="shared")],
    ids=["placed", "error", "skipped"],
)
def test_a_record_goes_when_the_device_no_longer_lists_its_number_whatever_the_guest(guest: Guest) -> None:
    _, kept = outcome(guest, device=make_device(VF, [50], smp="2-3"))
    assert kept == {50}


def test_only_the_interrupts_that_are_still_ours_go_back() -> None:
    first, second = MOVED.interrupts
    device = make_device(VF, interrupts=(first, second._replace(smp=cpus("9"))))
    assert outcome(device=device) == ({50: cpus("0-15")}, {50})


def test_an_unreadable_owner_holds_back_its_own_records_only() -> None:
    records = {VF: {50: make_record(1), 51: make_record(2, original="8")}}
    assert outcome(unreadable=(make_unreadable(1),), records=records) == ({51: cpus("8")}, {50, 51})


def test_an_interrupt_that_is_home_already_waits_for_no_cpu() -> None:
    handled = release(
        make_device(numbers=[50], smp="12-13"), make_record(original="12-13", previous="12-13"), online="0-11"
    )
    assert [action.foregone for action in handled.actions] == [None]
