# SPDX-License-Identifier: Apache-2.0
"""Builds snapshots, guests, devices and records in one line each, and applies plans to snapshots."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from operator import attrgetter
from typing import Any

from irqaffinity.grammar.mask import EXTRA_SPEC
from irqaffinity.guests.life import Lives
from irqaffinity.model.action import Action
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import Claim, ClaimKind, Guest, GuestId, LeftOut, UnreadableGuest, parse_guest_id
from irqaffinity.model.host import Device, DeviceClaim, HostFacts, SeenGuest, Topology
from irqaffinity.model.irq import Interrupt, IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Changes, Record, State
from irqaffinity.model.verdict import Verdict
from irqaffinity.passes.draft import Draft
from irqaffinity.passes.finish import rehearse_all
from irqaffinity.plan.frame import Frame, make_frame
from irqaffinity.plan.guests import GuestPlan
from irqaffinity.plan.plan import combine, decide, reset
from irqaffinity.plan.policy import Policy, Scope
from irqaffinity.plan.targets import DevicePlan
from irqaffinity.report.outcome import Outcome

PF = PciAddress.parse("0000:41:00.0")
VF = PciAddress.parse("0000:41:00.1")
VF2 = PciAddress.parse("0000:41:00.2")
VF3 = PciAddress.parse("0000:81:00.1")
NODES = {0: "0-7", 1: "8-15"}


@dataclass(frozen=True)
class Snapshot:
    """A host at one moment. `claims` are the devices of each guest, also those last known of unreadable ones."""

    topology: Topology
    guests: tuple[Guest, ...] = ()
    unreadable: tuple[UnreadableGuest, ...] = ()
    claims: Mapping[GuestId, tuple[DeviceClaim, ...]] = field(default_factory=dict)
    left_out: Mapping[GuestId, tuple[LeftOut, ...]] = field(default_factory=dict)
    unsure: frozenset[GuestId] = frozenset()
    devices: Mapping[PciAddress, Device] = field(default_factory=dict)
    default_affinity: CpuSet | None = None


@dataclass(frozen=True)
class Plan:
    """What a pass over a snapshot decides, and the state as it has to be before the first write."""

    guests: tuple[GuestPlan, ...]
    devices: tuple[DevicePlan, ...]
    actions: tuple[Action, ...]
    state: State


def make_plan(snapshot: Snapshot, policy: Policy, state: State, scope: Scope = Scope()) -> Plan:
    """Decide the place of every interrupt in `scope`, as a pass does."""
    seen, frame = _seen(snapshot), _frame(snapshot, policy)
    decisions = {uuid: decide(frame, seen[uuid], snapshot.devices, state, policy) for uuid in seen}
    covered = tuple(
        uuid
        for uuid, guest in seen.items()
        if scope.guest in (None, uuid)
        and (scope.device is None or any(claim.address == scope.device for claim in guest.claims))
    )
    work = combine(frame, decisions, snapshot.devices, state, scope)
    return _plan(Draft(decisions, snapshot.devices, work, covered), scope, state)


def plan_reset(snapshot: Snapshot, state: State) -> Plan:
    """Give everything back, as a reset does."""
    work = reset(_frame(snapshot, Policy()), snapshot.devices, state)
    return _plan(Draft({}, snapshot.devices, work), Scope(), state)


def changed(state: State, changes: Changes) -> State:
    """Return another state, with the changes made in it."""
    after = State(state.records, state.fixed, state.extra_specs)
    after.apply(changes)
    return after


def _plan(draft: Draft, scope: Scope, state: State) -> Plan:
    parts = rehearse_all(draft, scope, Lives()).values()
    outcome = Outcome.of(parts, "cmp-1", datetime.now(timezone.utc), HostFacts())
    actions = sorted((action for each in draft.work.actions().values() for action in each), key=attrgetter("number"))
    after = changed(state, draft.work.changes)
    return Plan(tuple(outcome.guests), tuple(outcome.devices), tuple(actions), after)


def _seen(snapshot: Snapshot) -> dict[GuestId, SeenGuest]:
    return {
        guest.uuid: SeenGuest(
            guest,
            snapshot.claims.get(guest.uuid, ()),
            snapshot.left_out.get(guest.uuid, ()),
            guest.uuid in snapshot.unsure,
        )
        for guest in (*snapshot.guests, *snapshot.unreadable)
    }


def _frame(snapshot: Snapshot, policy: Policy) -> Frame:
    return make_frame(snapshot.topology, snapshot.default_affinity, _seen(snapshot), policy.dedicated_cpus)


def cpus(text: str) -> CpuSet:
    """Return the CPUs of a list such as `0-3,8`."""
    return CpuSet.parse(text)


def guest_id(number: int) -> GuestId:
    """Return the uuid of guest `number`; they sort as the numbers do."""
    return parse_guest_id(f"{number:08x}-0000-4000-8000-000000000000")


def make_guest(
    number: int = 1,
    pins: Iterable[str] = ("2", "3", "10", "11"),
    devices: Iterable[PciAddress] = (VF,),
    kind: ClaimKind = ClaimKind.HOSTDEV,
    mask: str | None = None,
    cpu_policy: str | None = None,
    **fields: Any,
) -> Guest:
    """Return a guest with one vCPU for each of `pins` (empty: no vcpupin), two on each node unless told otherwise.

    With `mask` or `cpu_policy` it has Nova's extra specs of these, and no image properties.
    """
    lists = list(pins)
    said = {EXTRA_SPEC: mask, "hw:cpu_policy": cpu_policy}
    specs = {name: value for name, value in said.items() if value is not None}
    return Guest(
        **{
            "uuid": guest_id(number),
            "name": f"instance-{number:08x}",
            "vcpus": len(lists),
            "pins": {vcpu: cpus(text) for vcpu, text in enumerate(lists) if text},
            "claims": tuple(Claim(kind, address) for address in devices),
            "extra_specs": specs or None,
            **fields,
        }
    )


def make_unreadable(number: int) -> UnreadableGuest:
    """Return a guest that is there and unknown."""
    return UnreadableGuest(guest_id(number), f"instance-{number:08x}", "libvirt did not answer")


def make_device(
    address: PciAddress = VF, numbers: Iterable[int] = (), smp: str | None = "0-15", **fields: Any
) -> Device:
    """Return a device of vfio on node 0, whose interrupts all have the affinity `smp`."""
    interrupts = tuple(Interrupt(number, None if smp is None else cpus(smp), None) for number in numbers)
    return Device(**{"address": address, "driver": "vfio-pci", "numa_node": 0, "interrupts": interrupts, **fields})


def make_snapshot(
    guests: Iterable[Guest] = (),
    devices: Iterable[Device] = (),
    unreadable: Iterable[UnreadableGuest] = (),
    *,
    online: str = "0-15",
    nodes: Mapping[int, str] | None = None,
    default: str | None = "0-31",
) -> Snapshot:
    """Return a host with two nodes of eight CPUs unless told otherwise; the claims are those of the guests."""
    readable, present = tuple(guests), {device.address: device for device in devices}
    return Snapshot(
        topology=Topology(cpus(online), {n: cpus(text) for n, text in (NODES if nodes is None else nodes).items()}),
        guests=readable,
        unreadable=tuple(unreadable),
        claims={
            guest.uuid: tuple(
                DeviceClaim(
                    claim.address, claim.kind, present[claim.address].driver if claim.address in present else None
                )
                for claim in guest.claims
                if claim.address
            )
            for guest in readable
        },
        devices=present,
        default_affinity=None if default is None else cpus(default),
    )


def make_record(
    number: int = 1, original: str | None = "0-15", written: str = "2-3", previous: str | None = None, **fields: Any
) -> Record:
    """Return the record of an interrupt of guest `number`, moved under vfio."""
    return Record(
        **{
            "owner": guest_id(number),
            "driver": "vfio-pci",
            "original": None if original is None else cpus(original),
            "written": cpus(written),
            "previous": None if previous is None else cpus(previous),
            **fields,
        }
    )


def apply_plan(snapshot: Snapshot, plan: Plan) -> tuple[Snapshot, State]:
    """Return the host and the state after every write of `plan` has worked; what cannot be moved stays."""
    tried = [action for action in plan.actions if action.foregone is None and action.current is not None]
    targets = {(action.device, action.number): action.target for action in tried}
    fixed = [action for action in plan.actions if action.foregone in (Verdict.MANAGED, Verdict.IMMOVABLE)]
    given_back = {(action.device, action.number) for action in (*tried, *fixed) if action.is_release}
    devices = {
        address: replace(
            device,
            interrupts=tuple(
                interrupt._replace(smp=targets.get((address, interrupt.number), interrupt.smp))
                for interrupt in device.interrupts
            ),
        )
        for address, device in snapshot.devices.items()
    }
    gone = {IrqId(device, number): None for device, number in given_back}
    return replace(snapshot, devices=devices), changed(plan.state, Changes(records=gone))
