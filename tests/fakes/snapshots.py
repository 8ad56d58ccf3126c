# SPDX-License-Identifier: Apache-2.0
"""Builds snapshots, guests, devices and records in one line each, and applies plans to snapshots."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from irqaffinity.grammar.mask import EXTRA_SPEC
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import Claim, ClaimKind, Guest, GuestId, UnreadableGuest, parse_guest_id
from irqaffinity.model.host import Device, DeviceClaim, HostSnapshot, Topology
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Record, State
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.plan import Plan

PF = PciAddress.parse("0000:41:00.0")
VF = PciAddress.parse("0000:41:00.1")
VF2 = PciAddress.parse("0000:41:00.2")
VF3 = PciAddress.parse("0000:81:00.1")
NODES = {0: "0-7", 1: "8-15"}


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
) -> HostSnapshot:
    """Return a host with two nodes of eight CPUs unless told otherwise; the claims are those of the guests."""
    readable, present = tuple(guests), {device.address: device for device in devices}
    return HostSnapshot(
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


def apply_plan(snapshot: HostSnapshot, plan: Plan) -> tuple[HostSnapshot, State]:
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
    records = {
        address: {number: record for number, record in of_device.items() if (address, number) not in given_back}
        for address, of_device in plan.state.records.items()
    }
    kept = {address: of_device for address, of_device in records.items() if of_device}
    return replace(snapshot, devices=devices), replace(plan.state, records=kept)
