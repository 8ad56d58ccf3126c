# SPDX-License-Identifier: Apache-2.0
"""What was heard since the last pass, on its way into the state."""

import time
from collections.abc import Callable, Collection, Iterable

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.irq import Interrupt, IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.proof import Proof
from irqaffinity.model.record import Changes, Record, RememberedSpecs, State
from irqaffinity.passes.strangers import Strangers
from irqaffinity.plan.remember import MOST, remember


class News:
    """Extra specs from notifications, and births and ends of interrupts from the kernel."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._strangers = Strangers(clock)
        self._specs: dict[GuestId, RememberedSpecs] = {}
        self._newest: dict[GuestId, RememberedSpecs] = {}
        self._state: State | None = None
        self._proof: Proof | None = None
        self._born: set[int] = set()
        self._ended: set[int] = set()

    def remember(self, uuid: GuestId, specs: RememberedSpecs, known: Collection[GuestId]) -> bool:
        """Take the extra specs of a guest, and tell whether they have another mask; `known` are libvirt's guests.

        Specs of a guest that libvirt has never named wait a while until it does: any message can name any guest.
        """
        if uuid not in known and uuid not in self._newest:
            self._strangers.put(uuid, specs)
            return False
        return self._learn(uuid, specs)

    def _learn(self, uuid: GuestId, specs: RememberedSpecs) -> bool:
        before = self._newest.get(uuid)
        if before is not None and not specs.is_newer_than(before):
            return False
        self._newest[uuid] = specs
        if before is not None and before.mask == specs.mask:
            return False
        self._specs[uuid] = specs
        return True

    def keep_proof(self, proof: Proof) -> None:
        """Take the proof of how long no guest has needed Nova's notifications."""
        self._proof = proof

    def note_births(self, numbers: Iterable[int]) -> None:
        """Forget that interrupts of these numbers could not be moved."""
        self._born.update(numbers)

    def note_ends(self, numbers: Iterable[int]) -> None:
        """Forget all that is recorded of interrupts of these numbers: the next ones with them are others."""
        self._ended.update(numbers)

    def take(self, state: State, known: Collection[GuestId], smp_of: Callable[[int], CpuSet | None]) -> Changes:
        """Return what all this news changes in `state`; call `taken` once it is stored.

        `smp_of` reads the affinity of an interrupt, None where that is not known. A record holds for an interrupt that
        has what was written last: it was born, and moved, perhaps by another process, before the end was heard. (QEMU
        frees all vectors of a device to enable one more, and the kernel gives it the same numbers.) No guest's is born
        with that. One of the host may be: plan/newborn.py decides when the host's interrupts are looked at.
        """
        if state is not self._state:
            self._newest, self._state = {**state.extra_specs, **self._newest}, state
        if len(self._newest) > 2 * MOST:
            self._newest = {**state.extra_specs, **self._specs}
        for uuid, specs in self._strangers.meet(lambda uuid: uuid in known or uuid in self._newest):
            self._learn(uuid, specs)
        new_lives = self._born | self._ended
        records = {
            IrqId(device, number): None
            for device, of_device in (state.records.items() if self._ended else ())
            for number in self._ended & of_device.keys()
            if smp_of(number) != of_device[number].written
        }
        fixed = {irq: None for irq in (state.fixed if new_lives else ()) if irq.number in new_lives}
        deferred = {irq: None for irq in (state.deferred if self._ended else ()) if irq.number in self._ended}
        told = self._specs_changed(state, known) if self._specs else {}
        return Changes(records, fixed, told, self._proof, deferred=deferred)

    def take_of(self, device: PciAddress, interrupts: Iterable[Interrupt], state: State) -> Changes:
        """Do what `take` does for interrupts of a guest's device; call `taken_of` once it is stored."""
        stored = state.records.get(device, {})
        smp = {IrqId(device, interrupt.number): interrupt.smp for interrupt in interrupts}
        irqs = [*smp]
        ended = [irq for irq in irqs if irq.number in self._ended and irq.number in stored]
        return Changes(
            {irq: None for irq in ended if not _holds(stored[irq.number], smp[irq])},
            {irq: None for irq in irqs if irq in state.fixed and irq.number in self._born | self._ended},
            deferred={irq: None for irq in irqs if irq in state.deferred and irq.number in self._ended},
        )

    def taken_of(self, numbers: Iterable[int]) -> None:
        """Forget the news of some interrupts, which was stored."""
        for number in numbers:
            self._born.discard(number)
            self._ended.discard(number)

    def has_specs_of(self, uuid: GuestId) -> bool:
        """Tell whether a notification brought another mask of a guest since the last pass."""
        return uuid in self._specs

    def taken(self) -> None:
        """Forget all news, which was stored."""
        self._specs.clear()
        self._proof = None
        self._born.clear()
        self._ended.clear()

    def _specs_changed(self, state: State, known: Collection[GuestId]) -> dict[GuestId, RememberedSpecs | None]:
        before, now = state.extra_specs, remember(state.extra_specs, self._specs, known)
        gone: dict[GuestId, RememberedSpecs | None] = dict.fromkeys(before.keys() - now.keys())
        return gone | {uuid: specs for uuid, specs in now.items() if before.get(uuid) is not specs}


def _holds(record: Record, smp: CpuSet | None) -> bool:
    """Tell whether a record holds for a guest's interrupt that has ended since; one of the host's cannot."""
    return record.owner != HOST and smp == record.written
