# SPDX-License-Identifier: Apache-2.0
"""The first half of a pass: reads guests' devices and decides; nothing is written yet."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import is_

from irqaffinity.guests.life import Life, Lives
from irqaffinity.model.action import Action
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.hold import Hold
from irqaffinity.model.host import Device, SeenGuest
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import State
from irqaffinity.observe.guests import Seen
from irqaffinity.observe.reading import Reading, read_again, read_anew
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import Details
from irqaffinity.plan.frame import Frame
from irqaffinity.plan.hold import hold_work
from irqaffinity.plan.plan import Decision, Work, combine, decide, reset
from irqaffinity.plan.policy import Policy, Scope
from irqaffinity.plan.targets import DevicePlan

_ORIGIN = 4
"""So many first items of a basis are what the decision was made from; the rest are holds, readings, and marks of
records."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What was read and decided, and what follows from it.

    `covered` are the guests of the pass; `decisions` has others too that share a device with them. Guests in
    `unchanged`, with all that they have, are as at their last pass; `origins` and `bases` are what the others'
    decisions were made from (guests/life.py). `devices` are those that had changed when they were read, or that no
    guest has.
    """

    decisions: Mapping[GuestId, Decision]
    devices: Mapping[PciAddress, Device]
    work: Work
    covered: tuple[GuestId, ...] = ()
    unchanged: frozenset[GuestId] = frozenset()
    bases: Mapping[GuestId, tuple[object, ...]] = field(default_factory=dict)
    origins: Mapping[GuestId, tuple[object, ...]] = field(default_factory=dict)

    def given_back(self, actions: Iterable[Action]) -> list[DevicePlan]:
        """Return a plan for each device without a guest that gives an interrupt back in these actions."""
        addresses = {action.device for action in actions if action.is_release} - self.work.planned
        devices = (self.devices[address] for address in addresses)
        return [DevicePlan(device.address, None, device.numa_node, device.driver) for device in devices]


class Drafter:
    """Drafts passes over one host."""

    def __init__(self, root: HostRoot, lives: Lives) -> None:
        self._root = root
        self._lives = lives

    def draft(
        self, frame: Frame, guests: Seen, state: State, policy: Policy, scope: Scope, holds: Sequence[Hold] = ()
    ) -> Draft:
        """Read and decide what `scope` covers, under the holds in force; raise HostUnreadable."""
        return _Drafting(_Reader(self._root, state, policy), self._lives, frame, guests, scope, holds).make()

    def draft_reset(self, frame: Frame, state: State, policy: Policy) -> Draft:
        """Read the devices of which interrupts were moved for guests, and plan to give all these back."""
        reader = _Reader(self._root, state, policy)
        devices = {address: reader.read(address).device for address in state.records if _has_guests(state, address)}
        return Draft({}, devices, reset(frame, devices, state))


class _Reader:
    """Reads devices as far as the policy and the state make it necessary."""

    def __init__(self, root: HostRoot, state: State, policy: Policy) -> None:
        self.state = state
        self.policy = policy
        self._root = root
        self._details = Details(identity=bool(policy.device_specs), vectors=policy.may_spread)
        self._named: dict[PciAddress, set[int]] = defaultdict(set)
        for irq in state.fixed:
            self._named[irq.device].add(irq.number)  # by its name it is known whether it still cannot be moved

    def read(self, address: PciAddress, before: Reading | None = None) -> Reading:
        """Return a device as it is now, or `before` itself where nothing changed; raise HostUnreadable."""
        is_named = address in self._named
        again = None if before is None or is_named else read_again(self._root, before, self._details)
        if again is not None:
            return again
        named, moved = self._named[address] if is_named else (), self.state.records.get(address, ())
        return read_anew(self._root, address, self._details, named, moved)


class _Drafting:
    """One draft while it is made."""

    def __init__(
        self, reader: _Reader, lives: Lives, frame: Frame, guests: Seen, scope: Scope, holds: Sequence[Hold]
    ) -> None:
        self._reader = reader
        self._state, self._policy = reader.state, reader.policy
        self._lives = lives
        self._frame = frame
        self._guests = guests
        self._scope = scope
        self._holds = holds
        self._decisions: dict[GuestId, Decision] = {}
        self._devices: dict[PciAddress, Device] = {}
        self._unchanged: set[GuestId] = set()
        self._bases: dict[GuestId, tuple[object, ...]] = {}
        self._origins: dict[GuestId, tuple[object, ...]] = {}

    def make(self) -> Draft:
        """Read and decide the guests of the pass, then devices that none of them has, then the other guests that do."""
        for uuid in _covered(self._guests, self._scope):
            self._draft_guest(self._lives.of(uuid), self._guests[uuid])
        covered = tuple(self._decisions)
        for address in self._moved(covered):
            self._devices[address] = self._reader.read(address).device
        for uuid in self._other_claimants():
            self._decide(uuid)
        work = combine(self._frame, self._decisions, self._devices, self._state, self._scope, self._unchanged)
        work, unchanged = hold_work(work, self._holds, self._devices, self._state), frozenset(self._unchanged)
        return Draft(self._decisions, self._devices, work, covered, unchanged, self._bases, self._origins)

    def _draft_guest(self, life: Life, seen: SeenGuest) -> None:
        addresses = [claim.address for claim in seen.claims]
        self._read_devices(life, addresses)
        life.seen, readings = seen, list(life.readings.values())
        specs = self._state.extra_specs.get(life.uuid)
        basis = (self._frame, seen, self._policy, specs, self._holds, *readings, *self._state.marks(addresses))
        if life.decision is not None and _is_same(basis, life.basis) and self._scope.device is None:
            self._decisions[life.uuid] = life.decision
            self._unchanged.add(life.uuid)
            return
        self._devices.update((reading.device.address, reading.device) for reading in readings)
        self._decide(life.uuid)
        self._origins[life.uuid] = basis[:_ORIGIN]
        if self._scope.device is None and all(self._is_its_own(life.uuid, address) for address in addresses):
            self._bases[life.uuid] = basis

    def _read_devices(self, life: Life, addresses: Iterable[PciAddress]) -> None:
        before, life.readings = life.readings, {}
        for address in addresses:
            known = before.get(address)
            life.readings[address] = reading = self._reader.read(address, known)
            if reading is not known:
                self._lives.note_numbers(reading.device)

    def _decide(self, uuid: GuestId) -> None:
        self._decisions[uuid] = decide(self._frame, self._guests[uuid], self._devices, self._state, self._policy)

    def _moved(self, covered: Iterable[GuestId]) -> Iterator[PciAddress]:
        """Yield the devices of the pass that have records of guests and that none of the guests that were read has."""
        guest, state = self._scope.guest, self._state
        read = {claim.address for uuid in covered for claim in self._guests[uuid].claims}
        held = self._frame.claimants if guest is None else read
        for address in state.records if guest is None else state.devices_of(guest):
            if self._scope.device in (None, address) and address not in held and _has_guests(state, address):
                yield address

    def _other_claimants(self) -> list[GuestId]:
        claimants = {uuid for address in self._devices for uuid in self._frame.claimants.get(address, ())}
        return sorted(claimants - self._decisions.keys())

    def _is_its_own(self, uuid: GuestId, address: PciAddress) -> bool:
        """Tell whether a device, with all its records of guests, concerns this guest alone."""
        owners = {record.owner for record in self._state.records.get(address, {}).values()}
        return self._frame.claimants.get(address, frozenset()) <= {uuid} and owners <= {uuid, HOST}


def _has_guests(state: State, address: PciAddress) -> bool:
    """Tell whether an interrupt of a device was moved for a guest."""
    return any(record.owner != HOST for record in state.records[address].values())


def _covered(guests: Seen, scope: Scope) -> Iterator[GuestId]:
    """Give the guests of a pass: those in `scope`, and where it names a device those that have it."""
    for uuid in guests if scope.guest is None else [scope.guest] if scope.guest in guests else []:
        if scope.device is None or any(claim.address == scope.device for claim in guests[uuid].claims):
            yield uuid


def _is_same(basis: tuple[object, ...], before: tuple[object, ...]) -> bool:
    return len(basis) == len(before) and all(map(is_, basis, before))
