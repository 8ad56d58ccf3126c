# SPDX-License-Identifier: Apache-2.0
"""Carries out steps: what happens to a host and its guests, what goes wrong, and what the program does about it.

A step is a tuple of a name and plain values, so that a list of them can be printed and played again. One that makes no
sense any more, because an earlier one was left out, does nothing.
"""

import errno
from collections.abc import Callable
from typing import Any

from irqaffinity.model.guest import GuestId
from tests.unit.lives.hearing import Hearing
from tests.unit.lives.host import ALL, HOST_DRIVER, VFIO
from tests.unit.lives.ledger import Violation
from tests.unit.lives.life import Faults, Life
from tests.unit.lives.model import FREE, Cpus, GuestFacts, Rules, parse_list
from tests.unit.lives.stage import ADDRESSES, make_policy

Step = tuple[Any, ...]
GUESTS = {letter: f"{letter * 8}-1111-4111-8111-111111111111" for letter in "abcd"}
_LONG = 7200.0
"""Seconds after which every back-off has ended."""


class Machine(Hearing):
    """A stage on which steps happen."""

    def apply(self, step: Step) -> None:
        """Make a step, and let the program hear its events as far as it can; raise Violation."""
        name, *values = step
        getattr(self, f"do_{name}")(*values)
        self.hear()
        if self.trace.reads_a_loss():
            self.do_audit()
            self.hear()

    # What happens to guests.

    def do_start(self, letter: str, pins: str, devices: str, specs: Any, image: Any) -> None:
        if GUESTS[letter] not in self.libvirt.guests:
            addresses = tuple(ADDRESSES[int(index)] for index in devices.split())
            for address in addresses:
                if self.host.devices[address].driver != VFIO:
                    self.host.rebind(address, VFIO)
            self.libvirt.guests[GUESTS[letter]] = GuestFacts(parse_pins(pins), addresses, specs, image)

    def do_stop(self, letter: str, how: str) -> None:
        guest = self.libvirt.guests.pop(GUESTS[letter], None)
        self.libvirt.unreadable.discard(GUESTS[letter])
        for address in guest.devices if guest else ():
            self._leave(address, how)

    def do_repin(self, letter: str, pins: str) -> None:
        self._change(letter, lambda guest: GuestFacts(parse_pins(pins), guest.devices, guest.specs, guest.image))

    def do_specs(self, letter: str, specs: Any, image: Any) -> None:
        self._change(letter, lambda guest: GuestFacts(guest.pins, guest.devices, specs, image))

    def do_attach(self, letter: str, index: int, vectors: Any) -> None:
        address = ADDRESSES[index]
        guest = self.libvirt.guests.get(GUESTS[letter])
        if guest is None or address in guest.devices:
            return
        if self.host.devices[address].driver != VFIO:
            self.host.rebind(address, VFIO)
        if vectors:
            self.host.bear(address, _parse_vectors(vectors))
        devices = (*guest.devices, address)
        self._change(letter, lambda guest: GuestFacts(guest.pins, devices, guest.specs, guest.image))

    def do_detach(self, letter: str, index: int, how: str) -> None:
        address = ADDRESSES[index]
        guest = self.libvirt.guests.get(GUESTS[letter])
        if guest is not None and address in guest.devices:
            self._drop(address)
            self._leave(address, how)

    # What happens to the host.

    def do_bind(self, index: int, driver: str, vectors: Any) -> None:
        self.host.rebind(ADDRESSES[index], driver)
        self.host.bear(ADDRESSES[index], _parse_vectors(vectors))

    def do_bear(self, index: int, vectors: Any, mode: str) -> None:
        self.host.bear(ADDRESSES[index], _parse_vectors(vectors), mode)

    def do_rebirth(self, number: int, cpus: str) -> None:
        life = self.host.lives.get(number)
        if life is not None:
            self._rebear(life.device, cpus)

    def do_die(self, number: int) -> None:
        self.host.kill(number)

    def do_drift(self, number: int, cpus: str) -> None:
        self.host.touch(number, parse_list(cpus))

    def do_cpus(self, online: str) -> None:
        self.host.plug(parse_list(online))
        self.midwife.note_cpus()

    # What goes wrong.

    def do_away(self) -> None:
        self.libvirt.away = True

    def do_back(self) -> None:
        self.libvirt.away = False

    def do_unreadable(self, letter: str) -> None:
        if GUESTS[letter] in self.libvirt.guests:
            self.libvirt.unreadable.add(GUESTS[letter])

    def do_readable(self, letter: str) -> None:
        self.libvirt.unreadable.discard(GUESTS[letter])

    def do_unread(self, number: int, code: str) -> None:
        self.host.faults.unread[number] = getattr(errno, code)

    def do_refuse(self, number: int, *codes: str) -> None:
        self.host.faults.refused_writes[number] = [getattr(errno, code) for code in codes]

    def do_refuse_open(self, number: int, code: str) -> None:
        self.host.faults.refused_open[number] = getattr(errno, code)

    def do_folder(self, index: int, call: str, code: str) -> None:
        self.host.faults.folders[ADDRESSES[index]] = call, getattr(errno, code)

    def do_kill(self, call: int) -> None:
        self.host.faults.kill_at = call

    def do_kill_at_save(self, sync: int) -> None:
        self.host.faults.kill_at_save = sync

    def do_save_fails(self, sync: int) -> None:
        self.host.faults.save_fails_at = sync

    def do_race(self, when: str, what: str, cpus: str) -> None:
        def happen(number: int) -> None:
            life = self.host.lives.get(number)
            if life is None:
                return
            if what == "rebirth":
                self._rebear(life.device, cpus)
            elif what == "leave":
                self._drop(life.device)
                self._leave(life.device, "host")
            elif what == "steal":
                self._steal(life, parse_list(cpus))
            else:
                self.host.kill(number)

        self.host.faults.races = [(when, happen)]

    # What the operator and the program do.

    def do_rules(self, numa: str, distribution: str, without_mask: str, allowed: str | None, cpus: str | None) -> None:
        addresses = None if allowed is None else frozenset(ADDRESSES[int(index)] for index in allowed.split())
        dedicated = None if cpus is None else parse_list(cpus)
        self.use(Rules(numa, distribution, without_mask, addresses, dedicated))

    def do_restart(self) -> None:
        self.start()

    def do_audit(self) -> None:
        self.make_pass(self.auditor.audit, "audit")

    def do_audit_guest(self, letter: str) -> None:
        if self.has_heard:
            self.make_pass(lambda: self.auditor.audit_guest(GuestId(GUESTS[letter])), "audit_guest", GUESTS[letter])

    def do_look(self, letter: str) -> None:
        if GUESTS[letter] in self.libvirt.answers:
            self.make_pass(lambda: self.auditor.look(GuestId(GUESTS[letter])), "look", GUESTS[letter])

    def do_reset(self) -> None:
        self.make_pass(self.auditor.reset, "reset")

    def do_quiet(self) -> None:
        """Let all be well, make a pass, and see that nothing is left to do, and nothing kept that is not needed."""
        self.libvirt.away, self.host.faults = False, Faults()
        self.trace.is_behind = False
        self.hear()
        self.now += _LONG
        self.backoff.clear()
        first = self.make_pass(self.auditor.audit, "audit")
        self.judge.check_records(self.records(), first)
        second = self.make_pass(self.auditor.audit, "audit")
        self.judge.check_records(self.records(), second)
        again = [write for write in self.ledger.written if first[write.life.device].kind != FREE]
        if again:
            raise Violation("again", f"a second pass wrote {again}")

    def use(self, rules: Rules) -> None:
        """Give the program another policy."""
        self.judge.rules = rules
        self.auditor.policy = make_policy(rules)

    def _change(self, letter: str, make: Callable[[GuestFacts], GuestFacts]) -> None:
        guest = self.libvirt.guests.get(GUESTS[letter])
        if guest is not None:
            self.libvirt.guests[GUESTS[letter]] = make(guest)

    def _is_claimed(self, address: str) -> bool:
        return any(address in guest.devices for guest in self.libvirt.guests.values())

    def _drop(self, address: str) -> None:
        for uuid, guest in self.libvirt.guests.items():
            devices = tuple(other for other in guest.devices if other != address)
            self.libvirt.guests[uuid] = GuestFacts(guest.pins, devices, guest.specs, guest.image)

    def _steal(self, life: Life, cpus: Cpus) -> None:
        """Have the number of an interrupt pass to a device that no guest has."""
        free = [address for address in ADDRESSES if address != life.device and not self._is_claimed(address)]
        if free:
            self.host.rebind(free[0], HOST_DRIVER)
            self.host.bear(free[0], [(life.number, cpus)])

    def _leave(self, address: str, how: str) -> None:
        """Have a device that no guest has any more keep its interrupts, lose them, or go to a driver of the host.

        That one may set them as they were before (`host_same`).
        """
        if self._is_claimed(address) or how == "keep":
            return
        old = list(self.host.devices[address].lives.values())
        for life in old:
            self.host.kill(life.number)
        if how != "free":
            self.host.rebind(address, HOST_DRIVER)
            self.host.bear(address, [(life.number, life.smp if how == "host_same" else ALL) for life in old])

    def _rebear(self, address: str, cpus: str) -> None:
        self.host.bear(address, [(number, parse_list(cpus)) for number in self.host.devices[address].lives])


def parse_pins(text: str) -> tuple[Cpus, ...]:
    """Return the pin of each vCPU; `-` is none of its own."""
    return tuple(frozenset() if pin == "-" else parse_list(pin) for pin in text.split())


def _parse_vectors(text: str) -> list[tuple[int, Cpus]]:
    """Return interrupts written as `30:0-7 31:2`."""
    return [(int(number), parse_list(cpus)) for number, _, cpus in (part.partition(":") for part in text.split())]
