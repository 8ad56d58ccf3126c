# SPDX-License-Identifier: Apache-2.0
"""From a snapshot to a sorted list of actions: whole hosts, scopes, managed interrupts and the reset."""

from dataclasses import replace

import pytest

from irqaffinity.model.action import Action
from irqaffinity.model.guest import HOST, Claim, ClaimKind
from irqaffinity.model.host import Device
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import NO_DEVICE
from irqaffinity.model.record import Changes, Fixed, RememberedSpecs, State
from irqaffinity.model.verdict import DeviceReason, Status, Verdict
from irqaffinity.plan.place import Handled
from irqaffinity.plan.plan import Work
from irqaffinity.plan.policy import Distribution, Numa, Policy, Scope
from tests.fakes.snapshots import (
    PF,
    VF,
    VF2,
    VF3,
    Plan,
    Snapshot,
    apply_plan,
    cpus,
    guest_id,
    make_device,
    make_guest,
    make_plan,
    make_record,
    make_snapshot,
    make_unreadable,
    plan_reset,
)

SPREAD = Policy(distribution=Distribution.SPREAD)


def targets(plan: Plan) -> dict[int, str]:
    return {action.number: str(action.target) for action in plan.actions}


def two_guests() -> Snapshot:
    """Return guest 2 on node 0 with VF, guest 1 on both nodes with VF3 (node 1) and VF2 (node 0)."""
    return make_snapshot(
        [make_guest(2, ["4", "5"], [VF]), make_guest(1, ["2", "3", "10", "11"], [VF3, VF2])],
        [
            make_device(VF, [70, 45]),
            make_device(VF2, [60]),
            make_device(VF3, [50, 80], numa_node=1),
        ],
    )


def test_guests_devices_and_actions_come_sorted_and_placed_by_node() -> None:
    plan = make_plan(two_guests(), Policy(), State())
    assert [guest.uuid for guest in plan.guests] == [guest_id(1), guest_id(2)]
    assert [(device.address, str(device.target)) for device in plan.devices] == [
        (VF, "4-5"),
        (VF2, "2-3"),
        (VF3, "10-11"),
    ]
    assert [(action.number, action.device, action.owner, str(action.target)) for action in plan.actions] == [
        (45, VF, guest_id(2), "4-5"),
        (50, VF3, guest_id(1), "10-11"),
        (60, VF2, guest_id(1), "2-3"),
        (70, VF, guest_id(2), "4-5"),
        (80, VF3, guest_id(1), "10-11"),
    ]
    assert {address: set(records) for address, records in plan.state.records.items()} == {
        VF: {45, 70},
        VF2: {60},
        VF3: {50, 80},
    }


def test_the_order_of_guests_and_devices_does_not_change_the_plan() -> None:
    snapshot = two_guests()
    turned = replace(
        snapshot,
        guests=tuple(reversed(snapshot.guests)),
        claims={guest: tuple(reversed(claims)) for guest, claims in snapshot.claims.items()},
        devices=dict(reversed(snapshot.devices.items())),
    )
    for policy in (Policy(), SPREAD):
        assert make_plan(turned, policy, State()) == make_plan(snapshot, policy, State())


def test_one_refused_mask_does_not_stop_another_guest() -> None:
    snapshot = make_snapshot(
        [make_guest(1, ["2"], [VF], mask="x"), make_guest(2, ["3"], [VF2])],
        [make_device(VF, [50]), make_device(VF2, [60])],
    )
    plan = make_plan(snapshot, Policy(), State())
    assert [guest.status for guest in plan.guests] == [Status.MASK_INVALID, Status.PLACED]
    assert targets(plan) == {60: "3"}


def test_an_unreadable_guest_is_listed_and_changes_nothing_for_others() -> None:
    snapshot = two_guests()
    with_unknown = replace(snapshot, unreadable=(make_unreadable(0),))
    plan, plan_with = make_plan(snapshot, Policy(), State()), make_plan(with_unknown, Policy(), State())
    assert [(guest.uuid, guest.status) for guest in plan_with.guests[:1]] == [(guest_id(0), Status.XML_INVALID)]
    assert (plan_with.guests[1:], plan_with.devices) == (plan.guests, plan.devices)
    assert (plan_with.actions, plan_with.state) == (plan.actions, plan.state)


def test_a_device_that_two_guests_claim_is_listed_for_each_and_written_for_neither() -> None:
    snapshot = make_snapshot([make_guest(2, ["4"]), make_guest(1, ["2"])], [make_device(VF, [50])])
    plan = make_plan(snapshot, Policy(), State())
    assert [(device.guest, device.reason) for device in plan.devices] == [
        (guest_id(1), DeviceReason.CLAIMED_TWICE),
        (guest_id(2), DeviceReason.CLAIMED_TWICE),
    ]
    assert plan.actions == ()
    assert plan.state == State()


def test_a_guest_whose_netdev_is_on_no_pci_device_has_no_devices() -> None:
    guest = make_guest(1, devices=(), claims=(Claim(ClaimKind.MACVTAP, source="bond0"),))
    plan = make_plan(make_snapshot([guest]), Policy(), State())
    assert [guest.status for guest in plan.guests] == [Status.NO_DEVICES]


def test_the_mask_of_a_notification_is_used() -> None:
    state = State(extra_specs={guest_id(1): RememberedSpecs("1", "2026-11-20 12:00:00")})
    plan = make_plan(make_snapshot([make_guest(1)], [make_device(VF, [50])]), Policy(), state)
    assert targets(plan) == {50: "3"}
    assert plan.state.extra_specs == state.extra_specs


def test_spread_ranks_the_devices_of_a_guest_with_the_same_target() -> None:
    guests = [make_guest(1, ["2", "3", "10", "11"], [VF3, VF2, VF]), make_guest(2, ["4", "5"], [PF])]
    devices = [
        make_device(PF, [40, 41]),
        make_device(VF, [50, 51]),
        make_device(VF2, [60, 61]),
        make_device(VF3, [70, 71], numa_node=1),
    ]
    plan = make_plan(make_snapshot(guests, devices), SPREAD, State())
    assert [
        (action.number, str(action.target), [str(spare) for spare in action.spares]) for action in plan.actions
    ] == [
        (40, "4", ["5"]),
        (41, "5", ["4"]),
        (50, "2", ["3"]),
        (51, "3", ["2"]),
        (60, "3", ["2"]),
        (61, "2", ["3"]),
        (70, "10", ["11"]),
        (71, "11", ["10"]),
    ]
    assert {str(record.spread_over) for record in plan.state.records[PF].values()} == {"4-5"}


def test_a_device_without_a_target_takes_no_rank() -> None:
    guest = make_guest(1, ["2", "3"], [VF, VF2])
    plan = make_plan(make_snapshot([guest], [make_device(VF), make_device(VF2, [60, 61])]), SPREAD, State())
    assert targets(plan) == {60: "2", 61: "3"}


def test_the_rank_is_that_of_the_whole_host_also_in_a_narrowed_pass() -> None:
    guest = make_guest(1, ["2", "3"], [VF, VF2])
    snapshot = make_snapshot([guest], [make_device(VF, [50]), make_device(VF2, [60])])
    assert targets(make_plan(snapshot, SPREAD, State(), Scope(device=VF2))) == {60: "3"}


def test_a_taken_cpu_is_kept_until_the_target_changes() -> None:
    def after(pins: list[str], state: State) -> tuple[dict[int, str], State]:
        snapshot = make_snapshot([make_guest(1, pins)], [make_device(VF, [50], smp="3")])
        plan = make_plan(snapshot, SPREAD, state)
        return targets(plan), plan.state

    state = State(records={VF: {50: make_record(1, written="3", spread_over=cpus("2-3"), next_cpu=True)}})
    placed, state = after(["2", "3"], state)
    assert placed == {50: "3"}
    placed, state = after(["3", "4"], state)
    assert placed == {50: "3"}
    placed, state = after(["2", "3"], state)
    assert placed == {50: "2"}


RELEASED = State(
    records={
        VF: {50: make_record(1, original="0-15"), 51: make_record(1, original=None)},
        VF2: {60: make_record(2, original="8")},
    }
)
MOVED = [make_device(VF, [51, 50], smp="2-3"), make_device(VF2, [60], smp="2-3", numa_node=1, driver="vfio-pci")]


def test_a_released_device_is_listed_without_guest_and_target() -> None:
    plan = make_plan(make_snapshot(devices=MOVED), Policy(), RELEASED)
    assert [(row.address, row.guest, row.target, row.numa_node, row.driver, row.reason) for row in plan.devices] == [
        (VF, None, None, 0, "vfio-pci", None),
        (VF2, None, None, 1, "vfio-pci", None),
    ]
    assert targets(plan) == {50: "0-15", 51: "0-31", 60: "8"}
    assert plan.state == RELEASED


def test_a_device_whose_records_are_only_forgotten_is_not_listed() -> None:
    devices = [make_device(VF, [50, 51], smp="9"), make_device(VF2, present=False)]
    plan = make_plan(make_snapshot(devices=devices), Policy(), RELEASED)
    assert (plan.devices, plan.actions, plan.state) == ((), (), State())


def test_a_device_of_a_skipped_guest_is_listed_once_with_its_guest() -> None:
    plan = make_plan(make_snapshot([make_guest(1, cpu_policy="shared")], MOVED), Policy(), RELEASED)
    assert [(row.address, row.guest, row.target) for row in plan.devices] == [
        (VF, guest_id(1), None),
        (VF2, None, None),
    ]
    assert {action.number: action.is_release for action in plan.actions} == {50: True, 51: True, 60: True}


def test_placed_and_released_actions_come_sorted_together() -> None:
    devices = [make_device(VF, [55, 50], smp="2-3"), make_device(VF2, [52, 60], smp="2-3")]
    state = State(records={VF2: {52: make_record(2), 60: make_record(2)}})
    plan = make_plan(make_snapshot([make_guest(1)], devices), Policy(), state)
    assert [(action.number, action.is_release) for action in plan.actions] == [
        (50, False),
        (52, True),
        (55, False),
        (60, True),
    ]


def guests_of(plan: Plan) -> list[str]:
    return [guest.uuid for guest in plan.guests]


@pytest.mark.parametrize(
    ("scope", "guests", "devices", "numbers"),
    [
        (Scope(), [1, 2], [VF, VF2, VF3], [45, 50, 60, 70, 80]),
        (Scope(guest=guest_id(1)), [1], [VF2, VF3], [50, 60, 80]),
        (Scope(device=VF3), [1], [VF3], [50, 80]),
        (Scope(guest=guest_id(1), device=VF3), [1], [VF3], [50, 80]),
        (Scope(guest=guest_id(2), device=VF3), [], [], []),
        (Scope(guest=guest_id(9)), [], [], []),
    ],
)
def test_a_scope_narrows_what_is_reported_and_written(
    scope: Scope, guests: list[int], devices: list[object], numbers: list[int]
) -> None:
    plan = make_plan(two_guests(), Policy(), State(), scope)
    assert guests_of(plan) == [guest_id(number) for number in guests]
    assert [device.address for device in plan.devices] == devices
    assert [action.number for action in plan.actions] == numbers
    assert {number for records in plan.state.records.values() for number in records} == set(numbers)


def test_a_scope_does_not_narrow_what_is_decided_from() -> None:
    guests = [make_guest(1, ["2", "3"], [VF]), make_guest(2, ["2"], [VF])]
    snapshot = make_snapshot(guests, [make_device(VF, [50])])
    plan = make_plan(snapshot, Policy(), State(), Scope(guest=guest_id(1)))
    assert [str(guest.irq_pcpus) for guest in plan.guests] == ["3"]
    assert [(device.guest, device.reason) for device in plan.devices] == [(guest_id(1), DeviceReason.CLAIMED_TWICE)]


@pytest.mark.parametrize(
    ("scope", "numbers"),
    [
        (Scope(guest=guest_id(1)), [50, 51]),
        (Scope(guest=guest_id(2)), [60]),
        (Scope(guest=guest_id(3)), []),
        (Scope(device=VF2), [60]),
        (Scope(guest=guest_id(1), device=VF2), []),
    ],
)
def test_a_scope_gives_nothing_back_outside_and_keeps_the_records(scope: Scope, numbers: list[int]) -> None:
    plan = make_plan(make_snapshot(devices=MOVED), Policy(), RELEASED, scope)
    assert [action.number for action in plan.actions] == numbers
    assert plan.state == RELEASED


def test_a_placed_guest_outside_the_scope_keeps_its_records_as_they_are() -> None:
    state = State(records={VF: {45: make_record(2, written="9", original="1")}})
    plan = make_plan(two_guests(), Policy(), state, Scope(guest=guest_id(1)))
    assert plan.state.records[VF] == state.records[VF]
    assert VF not in {action.device for action in plan.actions}


def test_a_device_that_went_to_a_placed_guest_is_not_given_back_in_a_pass_for_the_old_one() -> None:
    state = State(records={VF: {50: make_record(9)}})
    snapshot = make_snapshot([make_guest(1)], [make_device(VF, [50], smp="2-3")])
    plan = make_plan(snapshot, Policy(), state, Scope(guest=guest_id(9)))
    assert (plan.actions, plan.state) == ((), state)


def test_an_unreadable_guest_is_reported_in_its_own_scope_only() -> None:
    snapshot = make_snapshot(unreadable=[make_unreadable(1)])
    assert guests_of(make_plan(snapshot, Policy(), State(), Scope(guest=guest_id(1)))) == [guest_id(1)]
    assert guests_of(make_plan(snapshot, Policy(), State(), Scope(guest=guest_id(2)))) == []


MANAGED = IrqId(VF, 50)
NVME = Fixed("nvme0q1", Verdict.MANAGED)


@pytest.mark.parametrize(
    ("action", "remembered"), [("nvme0q1", True), ("nvme0q2", False), (None, False)], ids=["same", "other", "unread"]
)
def test_a_managed_interrupt_is_remembered_while_number_and_name_hold(action: str | None, remembered: bool) -> None:
    device = make_device(VF, [50, 51])
    interrupts = (device.interrupts[0]._replace(action=action), device.interrupts[1])
    snapshot = make_snapshot([make_guest(1)], [replace(device, interrupts=interrupts)])
    plan = make_plan(snapshot, Policy(), State(fixed={MANAGED: NVME}))
    assert [entry.foregone for entry in plan.actions] == [Verdict.MANAGED if remembered else None, None]
    assert plan.state.fixed == ({MANAGED: NVME} if remembered else {})
    assert set(plan.state.records[VF]) == ({51} if remembered else {50, 51})


@pytest.mark.parametrize("device", [make_device(VF, [51]), make_device(VF, present=False)])
def test_a_managed_interrupt_that_went_away_is_forgotten(device: Device) -> None:
    plan = make_plan(make_snapshot(devices=[device]), Policy(), State(fixed={MANAGED: NVME}))
    assert plan.state == State()


@pytest.mark.parametrize("is_claimed", [True, False])
def test_what_is_known_to_be_immovable_of_the_host_goes_with_the_device_alone(is_claimed: bool) -> None:
    hosts = NVME._replace(is_hosts=True)
    known = {MANAGED: hosts, IrqId(NO_DEVICE, 9): hosts}
    snapshot = make_snapshot([make_guest(1)] if is_claimed else [], [make_device(VF, [51])])
    plan = make_plan(snapshot, Policy(), State({VF: {51: make_record(1)}}, known))
    assert plan.state.fixed == ({IrqId(NO_DEVICE, 9): hosts} if is_claimed else known)


def test_what_was_moved_of_the_host_is_no_orphan_and_no_part_of_a_reset() -> None:
    hosts = {
        VF2: {60: make_record(owner=HOST, action="iavf-0")},
        NO_DEVICE: {9: make_record(owner=HOST, driver=None, action="acpi")},
    }
    snapshot = make_snapshot(devices=[make_device(VF, [50], smp="2-3"), make_device(VF2, [60], smp="2-3")])
    state = State({VF: {50: make_record(1)}, **hosts})
    for plan in (make_plan(snapshot, Policy(), state), plan_reset(snapshot, state)):
        assert {action.number: action.owner for action in plan.actions} == {50: guest_id(1)}
        assert plan.state == state


def test_what_is_known_of_a_device_that_was_not_looked_at_stays() -> None:
    state = State(records={VF: {50: make_record(1)}}, fixed={MANAGED: NVME})
    guests = [make_guest(1, pins=["4", "5"]), make_guest(2, devices=[VF2])]
    whole = make_snapshot(guests, [make_device(VF, [50]), make_device(VF2, [60])])
    snapshot = replace(whole, devices={VF2: whole.devices[VF2]})
    plan = make_plan(snapshot, Policy(), state, Scope(guest=guest_id(2)))
    assert plan.state.records[VF] == state.records[VF]
    assert plan.state.fixed == state.fixed
    assert targets(plan) == {60: "2-3"}


@pytest.mark.parametrize("pins", [["4", "5"], ["4-5"]], ids=["dedicated", "shared"])
def test_what_was_moved_for_an_unreadable_guest_stays_when_another_guest_claims_the_device(pins: list[str]) -> None:
    state = State(records={VF: {50: make_record(1)}})
    snapshot = make_snapshot([make_guest(2, pins)], [make_device(VF, [50], smp="2-3")], [make_unreadable(1)])
    plan = make_plan(snapshot, Policy(), state)
    assert (plan.actions, plan.state) == ((), state)
    assert [device.reason for device in plan.devices] == [DeviceReason.CLAIMED_TWICE]


def test_nothing_is_given_back_while_one_of_two_claimants_is_not_skipped() -> None:
    state = State(records={VF: {50: make_record(1)}})
    guests = [make_guest(1), make_guest(2, ["4-5"])]
    plan = make_plan(make_snapshot(guests, [make_device(VF, [50], smp="2-3")]), Policy(), state)
    assert (plan.actions, plan.state) == ((), state)


def test_an_unreadable_guest_makes_nobody_dedicated_whose_pins_are_known() -> None:
    known = make_guest(1, ["4"], [])
    unreadable = replace(make_unreadable(1), known=known)
    snapshot = make_snapshot([make_guest(2, ["4"])], [make_device(VF, [50])], [unreadable])
    assert [plan.status for plan in make_plan(snapshot, Policy(), State()).guests] == [
        Status.XML_INVALID,
        Status.SHARED_CPUS,
    ]


def test_reset_gives_back_what_every_guest_still_has() -> None:
    snapshot = make_snapshot([make_guest(1), make_guest(2, devices=[VF2])], MOVED)
    plan = plan_reset(snapshot, RELEASED)
    assert targets(plan) == {50: "0-15", 51: "0-31", 60: "8"}
    assert all(action.is_release for action in plan.actions)
    assert plan.guests == ()
    assert [(row.address, row.guest, row.target) for row in plan.devices] == [(VF, None, None), (VF2, None, None)]


def test_reset_writes_nothing_that_is_not_ours_any_more() -> None:
    devices = [make_device(VF, [50, 51], smp="9"), make_device(VF2, [60], smp="2-3", driver="iavf")]
    plan = plan_reset(make_snapshot(devices=devices), RELEASED)
    assert (plan.actions, plan.state.records) == ((), {})


def test_reset_keeps_the_extra_specs_that_were_learned() -> None:
    state = State(RELEASED.records, extra_specs={guest_id(1): RememberedSpecs("1", "2026-11-20 12:00:00")})
    assert plan_reset(make_snapshot(devices=MOVED), state).state == state


def test_a_device_goes_from_guest_to_guest_and_back_to_its_first_original() -> None:
    device, state = make_device(VF, [50, 51], smp="0-63"), State()
    snapshot = make_snapshot(devices=[device])
    for guest in (make_guest(1, ["2"]), make_guest(2, ["4", "10"]), make_guest(3, ["11"])):
        snapshot = make_snapshot([guest], snapshot.devices.values())
        snapshot, state = apply_plan(snapshot, make_plan(snapshot, Policy(), state))
        assert {record.owner for record in state.records[VF].values()} == {guest.uuid}
    snapshot = make_snapshot(devices=snapshot.devices.values())
    snapshot, state = apply_plan(snapshot, make_plan(snapshot, Policy(), state))
    assert (snapshot.devices[VF], state) == (device, State())


def test_strict_leaves_the_far_device_and_places_the_near_one() -> None:
    snapshot = make_snapshot(
        [make_guest(1, ["2", "3"], [VF, VF3])],
        [make_device(VF, [50]), make_device(VF3, [60], numa_node=1)],
    )
    plan = make_plan(snapshot, Policy(numa=Numa.STRICT), State())
    assert targets(plan) == {50: "2-3"}
    assert [(row.address, row.reason) for row in plan.devices] == [(VF, None), (VF3, DeviceReason.NODE_STRICT)]


def test_what_is_known_of_a_device_that_no_guest_has_is_forgotten() -> None:
    plan = make_plan(make_snapshot([make_guest(1, devices=[])]), Policy(), State(fixed={MANAGED: NVME}))
    assert plan.state.fixed == {}


def test_the_actions_of_each_guest_come_by_number_whatever_their_devices() -> None:
    def act(number: int, owner: int) -> Action:
        return Action(number, VF, guest_id(owner), None, None, cpus("2"))

    work = Work({VF: Handled({}, [act(42, 1), act(40, 2)]), VF2: Handled({}, [act(41, 2), act(39, 1)])}, Changes())
    numbers = {owner: [action.number for action in actions] for owner, actions in work.actions().items()}
    assert numbers == {guest_id(1): [39, 42], guest_id(2): [40, 41]}


def test_what_was_moved_for_a_guest_that_is_gone_is_no_claim_while_another_one_cannot_be_read() -> None:
    state = State(records={VF: {50: make_record(3)}})
    snapshot = make_snapshot([make_guest(1)], [make_device(VF, [50])], [make_unreadable(2)])
    plan = make_plan(snapshot, Policy(), state)
    assert ([device.reason for device in plan.devices], targets(plan)) == ([None], {50: "2-3"})


def test_devices_with_the_same_target_begin_with_one_cpu_after_the_other() -> None:
    guest = make_guest(1, ["2", "3", "4"], [VF, VF2, PF])
    devices = [make_device(address, [number]) for address, number in ((PF, 40), (VF, 50), (VF2, 60))]
    assert targets(make_plan(make_snapshot([guest], devices), SPREAD, State())) == {40: "2", 50: "3", 60: "4"}


def test_what_could_not_be_moved_is_remembered_while_its_device_cannot_be_read() -> None:
    state = State(fixed={MANAGED: NVME})
    plan = make_plan(make_snapshot([make_guest()], [make_device(VF, trouble="EACCES")]), Policy(), state)
    assert plan.state == state


def test_a_reset_leaves_devices_that_have_no_record() -> None:
    plan = plan_reset(make_snapshot([make_guest()], [make_device(VF, [50])]), State())
    assert plan.actions == ()
