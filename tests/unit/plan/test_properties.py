# SPDX-License-Identifier: Apache-2.0
"""What holds for every host, every set of guests and every policy."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from irqaffinity.grammar.device_spec import parse_device_spec
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import Claim, ClaimKind, Guest
from irqaffinity.model.host import Device, Topology
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import State
from irqaffinity.plan.kept import find_housekeeping
from irqaffinity.plan.policy import (
    Distribution,
    HostDriver,
    HostDrivers,
    Isolation,
    Numa,
    Policy,
    Profile,
    Scope,
    Serve,
    WithoutMask,
)
from tests.fakes.snapshots import (
    Plan,
    Snapshot,
    apply_plan,
    guest_id,
    make_device,
    make_guest,
    make_plan,
    make_snapshot,
    make_unreadable,
)

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[T]], T]

CPUS = range(24)
PF, *VFS = (PciAddress(0, 0x41, 0, function) for function in range(5))
GUESTS = range(1, 4)
NEVER_A_TARGET = 100
"""A CPU that every original has, so that none is taken for a place of ours."""
DEFAULT = CpuSet([200])
SPECS = [
    parse_device_spec('{"address": "0000:41:00.0"}'),
    parse_device_spec('{"address": {"function": "[2-4]"}, "physical_network": "a", "trusted": "true"}'),
]

examples = settings(deadline=None, max_examples=150)

cpu_sets = st.integers(1, (1 << len(CPUS)) - 1).map(CpuSet.from_mask)
most_cpus = st.sampled_from([CpuSet(CPUS)] * 3 + [CpuSet(range(6, 24))]) | cpu_sets
pins = st.sampled_from([str(cpu) for cpu in CPUS] * 3 + ["", "0-3", "4-11", "5,7"])
masks = st.sampled_from([None] * 6 + ["0"] * 4 + ["0-1", "0,^1", "^0", "", "7", "1-"])
kinds = st.sampled_from([ClaimKind.HOSTDEV] * 6 + list(ClaimKind))
cpu_policies = st.sampled_from([None] * 4 + ["dedicated"] * 4 + ["mixed", "shared"])
profiles = st.builds(
    Profile,
    st.sampled_from([{"physical_network": "a"}, {"physical_network": "b"}]),
    st.none() | st.sampled_from(Distribution),
    st.none() | st.sampled_from(Numa),
    st.none() | st.sampled_from(Serve),
)
policies = st.builds(
    Policy,
    numa=st.sampled_from(Numa),
    distribution=st.sampled_from(Distribution),
    without_mask=st.sampled_from([WithoutMask.ALL, WithoutMask.ALL, WithoutMask.SKIP, WithoutMask.WAIT]),
    host_driver=st.builds(HostDrivers, st.sampled_from(HostDriver), st.sampled_from(HostDriver)),
    serve=st.sampled_from([Serve.VCPUS, *Serve]),
    isolation=st.sampled_from([Isolation(), Isolation(housekeeping_cpus=CpuSet([0, 1, 23]))]),
    dedicated_cpus=st.sampled_from([None] * 6 + [CpuSet(range(12))]),
    device_specs=st.sampled_from([(), (), *SPECS]),
    profiles=st.lists(profiles, max_size=2).map(tuple),
)
numbers = st.dictionaries(st.sampled_from(CPUS), st.integers(0, 5))
topologies = st.builds(
    lambda online, one, other: Topology(online, {0: one - other, 1: other}), most_cpus, cpu_sets, cpu_sets
) | st.builds(Topology, most_cpus, cores=numbers, caches=numbers)


@st.composite
def guest_lists(draw: Draw) -> tuple[Guest, ...]:
    guests = []
    for number in GUESTS:
        if draw(st.sampled_from([True, True, False])):
            addresses = [VFS[number], *draw(st.sampled_from([[], [], [PF], [VFS[0]], [VFS[1]]]))]
            mask = draw(masks)
            guests.append(
                make_guest(
                    number,
                    draw(st.lists(pins, min_size=1, max_size=4)),
                    claims=tuple(Claim(draw(kinds), address) for address in dict.fromkeys(addresses)),
                    cpu_policy=draw(cpu_policies),
                    mask=mask,
                    realtime=draw(st.sampled_from([0, 0, 0, 1, 6, 15]).map(CpuSet.from_mask)),
                    emulator=draw(st.none() | cpu_sets),
                )
            )
    return tuple(guests)


@st.composite
def device_lists(draw: Draw, smps: st.SearchStrategy[CpuSet | None]) -> tuple[Device, ...]:
    devices = []
    for place, address in enumerate([PF, *VFS]):
        mine = range(50 - place, 50 - place + 10 * draw(st.sampled_from([1, 2, 3, 3, 0])), 10)
        named = draw(st.booleans())
        interrupts = tuple(
            Interrupt(
                number,
                draw(smps),
                None,
                writable=draw(st.sampled_from([True, True, True, False])),
                action=f"vfio-msix[{index}]({address})" if named else None,
                hwirq=draw(st.none() | st.integers(0, 4000)),
            )
            for index, number in enumerate(mine)
        )
        devices.append(
            Device(
                address,
                present=bool(interrupts) or draw(st.booleans()),
                driver=draw(st.sampled_from(["vfio-pci", "iavf"])),
                numa_node=draw(st.sampled_from([None, -1, 0, 0, 1, 1, 7])),
                interrupts=interrupts,
                shares_line=draw(st.booleans()),
                parent=None if address == PF else draw(st.sampled_from([PF, PF, PF, None])),
            )
        )
    return tuple(devices)


def host(topology: Topology, guests: Iterable[Guest], devices: Iterable[Device]) -> Snapshot:
    return replace(make_snapshot(guests, devices), topology=topology, default_affinity=DEFAULT)


def specs(guest: Guest) -> Mapping[str, str]:
    return guest.extra_specs or {}


def own_cpus(guest: Guest, guests: Sequence[Guest], policy: Policy) -> CpuSet:
    """Return the dedicated CPUs of `guest` as section 5 of the design words it, one vCPU at a time."""
    single = [min(cpus) for one in guests for cpus in one.pins.values() if len(cpus) == 1]
    own = [min(cpus) for cpus in guest.pins.values() if len(cpus) == 1]
    mine = CpuSet(cpu for cpu in own if own.count(cpu) == 1)
    said = specs(guest).get("hw:cpu_policy")
    if said == "shared":
        return CpuSet()
    if said != "dedicated":
        mine = CpuSet(cpu for cpu in mine if single.count(cpu) == 1)
    return mine if policy.dedicated_cpus is None else mine & policy.dedicated_cpus


def host_driver_of(kind: ClaimKind, policy: Policy) -> HostDriver:
    return policy.host_driver.macvtap if kind is ClaimKind.MACVTAP else policy.host_driver.vdpa


def server_of(address: PciAddress, policy: Policy) -> Serve:
    """Return what serves a device: every device here matches the spec of the network, or none has a network."""
    has_network = any("physical_network" in spec.tags for spec in policy.device_specs)
    is_in = has_network and address in VFS[1:4]
    served = [profile.serve for profile in policy.profiles if is_in and profile.tags == {"physical_network": "a"}]
    return (served[0] if served else None) or policy.serve


def writes(plan: Plan) -> list[int]:
    tried = [action for action in plan.actions if action.foregone is None and action.current is not None]
    return [action.number for action in tried if action.current != action.target]


snapshots = st.builds(host, topologies, guest_lists(), device_lists(cpu_sets | st.none()))


@examples
@given(snapshots, policies)
def test_every_target_is_online_and_within_what_the_owner_has_to_itself(snapshot: Snapshot, policy: Policy) -> None:
    guests = {guest.uuid: guest for guest in snapshot.guests}
    kinds = {(guest.uuid, claim.address): claim.kind for guest in snapshot.guests for claim in guest.claims}
    for action in make_plan(snapshot, policy, State()).actions:
        owner = guests[action.owner]
        allowed = own_cpus(owner, snapshot.guests, policy)
        kind = kinds[owner.uuid, action.device]
        if kind.is_host_driver and host_driver_of(kind, policy) is HostDriver.EMULATOR:
            allowed = owner.emulator or CpuSet()
        elif not kind.is_host_driver and "hw:pci_irq_affinity_mask" not in specs(owner):
            allowed = {
                Serve.VCPUS: allowed,
                Serve.EMULATOR: owner.emulator or CpuSet(),
                Serve.HOUSEKEEPING: find_housekeeping(snapshot.topology, policy),
            }[server_of(action.device, policy)]
        assert action.target
        assert action.target <= allowed
        assert action.target <= snapshot.topology.online
        assert all(spare <= allowed & snapshot.topology.online for spare in action.spares)


@examples
@given(snapshots, policies, guest_lists(), policies)
def test_a_plan_that_was_applied_leaves_nothing_to_do(
    snapshot: Snapshot, policy: Policy, other_guests: tuple[Guest, ...], other_policy: Policy
) -> None:
    plan = make_plan(snapshot, policy, State())
    after, state = apply_plan(snapshot, plan)
    assert state == plan.state
    again = make_plan(after, policy, state)
    assert (writes(again), again.state) == ([], state)

    changed = host(snapshot.topology, other_guests, after.devices.values())
    after, state = apply_plan(changed, make_plan(changed, other_policy, state))
    again = make_plan(after, other_policy, state)
    assert (writes(again), again.state) == ([], state)


@examples
@given(snapshots, policies, st.randoms(use_true_random=False))
def test_the_same_snapshot_gives_the_same_plan_in_whatever_order_it_was_read(
    snapshot: Snapshot, policy: Policy, random: Random
) -> None:
    guests = list(snapshot.guests)
    random.shuffle(guests)
    turned = replace(snapshot, guests=tuple(guests), devices=dict(reversed(snapshot.devices.items())))
    plan = make_plan(snapshot, policy, State())
    assert make_plan(snapshot, policy, State()) == plan
    assert make_plan(turned, policy, State()) == plan
    assert [action.number for action in plan.actions] == sorted(action.number for action in plan.actions)


@examples
@given(snapshots, policies, guest_lists(), policies)
def test_only_interrupts_of_guests_and_records_are_ever_touched(
    snapshot: Snapshot, policy: Policy, other_guests: tuple[Guest, ...], other_policy: Policy
) -> None:
    after, state = apply_plan(snapshot, make_plan(snapshot, policy, State()))
    changed = host(snapshot.topology, other_guests, after.devices.values())
    recorded = {(address, number) for address, records in state.records.items() for number in records}
    claimed = {(claim.address, guest) for guest, claims in changed.claims.items() for claim in claims}
    for action in make_plan(changed, other_policy, state).actions:
        if action.is_release:
            assert (action.device, action.number) in recorded
        else:
            assert (action.device, action.owner) in claimed
        assert action.number in [interrupt.number for interrupt in changed.devices[action.device].interrupts]


@examples
@given(snapshots, policies, guest_lists(), policies, st.sampled_from(GUESTS), st.sampled_from([None, PF, *VFS]))
def test_a_narrowed_plan_is_the_part_of_the_full_one_in_its_scope(
    snapshot: Snapshot,
    policy: Policy,
    other_guests: tuple[Guest, ...],
    other_policy: Policy,
    number: int,
    device: PciAddress | None,
) -> None:
    after, state = apply_plan(snapshot, make_plan(snapshot, policy, State()))
    changed = host(snapshot.topology, other_guests, after.devices.values())
    for scope in (Scope(guest=guest_id(number), device=device), Scope(device=device)):
        full, narrow = make_plan(changed, other_policy, state), make_plan(changed, other_policy, state, scope)
        assert list(narrow.actions) == [a for a in full.actions if scope.covers(a.owner, a.device)]
        assert [row for row in narrow.devices if row.guest] == [
            row for row in full.devices if row.guest and scope.covers(row.guest, row.address)
        ]


foreign = st.sampled_from([CpuSet([NEVER_A_TARGET]), CpuSet([0, 1, NEVER_A_TARGET]), CpuSet(range(256))])
steps = st.lists(st.tuples(topologies, guest_lists(), policies), min_size=1, max_size=4)


@examples
@given(device_lists(foreign), steps)
def test_originals_come_back_exactly_when_all_guests_are_gone(
    devices: tuple[Device, ...], steps: list[tuple[Topology, tuple[Guest, ...], Policy]]
) -> None:
    snapshot, state = make_snapshot(devices=devices), State()
    for topology, guests, policy in steps:
        snapshot = host(topology, guests, snapshot.devices.values())
        snapshot, state = apply_plan(snapshot, make_plan(snapshot, policy, state))
    snapshot = host(Topology(CpuSet(range(256))), (), snapshot.devices.values())
    snapshot, state = apply_plan(snapshot, make_plan(snapshot, Policy(), state))
    assert tuple(snapshot.devices.values()) == devices
    assert state == State()


@examples
@given(st.lists(st.tuples(st.sampled_from(CPUS), st.booleans()), min_size=1, max_size=6))
def test_originals_come_back_exactly_also_after_the_kernel_refused_some_writes(moves: list[tuple[int, bool]]) -> None:
    device, state = make_device(VFS[0], [50], smp="0-63"), State()
    snapshot = make_snapshot(devices=[device])
    for cpu, is_refused in moves:
        snapshot = make_snapshot([make_guest(1, [str(cpu)], VFS[:1])], snapshot.devices.values())
        plan = make_plan(snapshot, Policy(), state)
        snapshot, state = apply_plan(snapshot, replace(plan, actions=()) if is_refused else plan)
    snapshot = make_snapshot(devices=snapshot.devices.values())
    snapshot, state = apply_plan(snapshot, make_plan(snapshot, Policy(), state))
    assert (snapshot.devices[VFS[0]], state) == (device, State())


@examples
@given(snapshots, policies, st.sampled_from(GUESTS))
def test_nothing_of_a_guest_that_became_unreadable_moves(snapshot: Snapshot, policy: Policy, number: int) -> None:
    after, state = apply_plan(snapshot, make_plan(snapshot, policy, State()))
    others = [guest for guest in snapshot.guests if guest.uuid != guest_id(number)]
    unknown = replace(
        make_snapshot(others, after.devices.values(), [make_unreadable(number)]), topology=snapshot.topology
    )
    claimed = {claim.address for guest in others for claim in guest.claims}
    plan = make_plan(unknown, policy, state)
    for address, records in state.records.items():
        for irq, record in records.items():
            if record.owner == guest_id(number) and address not in claimed:
                assert irq not in [action.number for action in plan.actions]
                assert plan.state.records[address][irq] == record
