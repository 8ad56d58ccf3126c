# SPDX-License-Identifier: Apache-2.0
"""Reads the host's own interrupts again and again: it compares bytes, and makes nothing anew where all is as it was."""

import os
import stat
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from irqaffinity.model.irq import Interrupt, IrqId
from irqaffinity.model.isolation import HostInterrupt
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.observe.owners import Owner, find_owners
from irqaffinity.observe.procfs import OpenedInterrupts, list_interrupts, parse_affinity, require_interrupts
from irqaffinity.observe.root import VANISHED, HostRoot, HostUnreadable, read_rest
from irqaffinity.observe.sysfs import action_name, device_folder, driver_of, numa_node_of

_READ = os.O_RDONLY | os.O_CLOEXEC
_SHORT = 448
"""Bytes that hold the CPU list of all but a few interrupts; a short buffer is much cheaper."""

_Place = tuple[bytes, bytes | None, int]
"""The bytes of both affinity files, None for the second where it is not there, and the permission to write."""

_Function = tuple[str | None, int | None]
"""The driver and the NUMA node of a device."""


@dataclass(slots=True, eq=False)
class _Known:
    """What is known of an interrupt of the host.

    `entry` is the file in its device's msi_irqs, None where no device lists it, and `inode` that file's number: sysfs
    gives each file that it makes another one (fs/kernfs/dir.c, __kernfs_new_node), so the same number tells the same
    allocation. The other fields are what was read last; `found` is what they make, None where they make nothing yet.
    """

    number: int
    device: PciAddress
    entry: str | None
    inode: int
    action: str
    function: _Function
    place: _Place | None = None
    found: HostInterrupt | None = None


class HostInterrupts:
    """The interrupts of one host that are no guest's. For one thread.

    The device of an interrupt is looked for once, and checked each time by the file in the device's msi_irqs. Where no
    device lists it (INTx lines, and what is no PCI device's), the name of its action and the driver of the device
    tell that it is the same one.
    """

    def __init__(self, root: HostRoot) -> None:
        self.total: int | None = None
        self.reborn: frozenset[IrqId] = frozenset()
        self._root = root
        self._known: dict[int, _Known] = {}
        self._listing: _Listing | None = None

    def forget(self, numbers: Iterable[int]) -> None:
        """Forget what is known of interrupts of these numbers: they have ended, or were just born."""
        self._listing = None
        for number in numbers:
            self._known.pop(number, None)

    def read(self, guests: Container[int], claimed: Container[PciAddress]) -> list[HostInterrupt]:
        """Return them by number, without the numbers in `guests` and without those of the devices in `claimed`.

        `guests` is the same object as at the last call only where it has the same numbers, all of them still there.
        `smp` is None where something of an interrupt cannot be read; where that is its device, `device` is the last
        known one, or NO_DEVICE. Afterwards `total` is how many interrupts the host has, with the guests' own; `reborn`
        are those that surely were freed and made anew since the last call, for the same device. Raises HostUnreadable.
        """
        require_interrupts(self._root)
        self.reborn = frozenset()
        try:
            links = self._root.calls.stat(f"{self._root.proc}/irq").st_nlink
            with OpenedInterrupts(self._root) as folder:
                before = self._listing
                if before is not None and before.links == links and before.guests is guests:
                    found = self._look(folder, before.numbers, claimed)
                    if self._listing is before:
                        return found
                self._listing = self._list(links, guests)
                return self._look(folder, self._listing.numbers, claimed)
        except OSError as error:
            raise HostUnreadable(f"{self._root.proc}/irq cannot be read ({error.strerror})") from error

    def _list(self, links: int, guests: Container[int]) -> "_Listing":
        listed = list_interrupts(self._root)
        self.total = len(listed)
        numbers = sorted(number for number in listed if number not in guests)
        return _Listing(links if links == len(listed) + 2 else 0, guests, numbers)

    def _look(self, folder: int, numbers: Sequence[int], claimed: Container[PciAddress]) -> list[HostInterrupt]:
        """Read these interrupts; forget the listing where one of them may not be there any more."""
        look = _Look(self._root, folder, self._known)
        look.recognise(numbers)
        self._known, self.reborn = {**look.known, **look.unsure}, self.reborn.union(look.reborn)
        seen = [look.read(number) for number in numbers if look.device_of(number) not in claimed]
        found = [interrupt for interrupt in seen if interrupt is not None]
        if len(found) < len(seen) or len(look.known) < len(numbers):
            self._listing = None
        return found


class _Listing(NamedTuple):
    """The interrupts in /proc/irq that were not in `guests`.

    `links` is how many links the folder had, two more than it has folders (Linux, fs/proc/generic.c, proc_register and
    proc_getattr); 0 where that was not so, as in a tree on another file system. Where it has as many later, and none of
    the interrupts has ended, none was born: the folder, which may have tens of thousands, need not be listed again.
    """

    links: int
    guests: Container[int]
    numbers: Sequence[int]


class _Look:
    """One reading of the host's interrupts.

    `known` are those whose device is known, `unsure` those for which it cannot be checked now.
    """

    def __init__(self, root: HostRoot, folder: int, before: dict[int, _Known]) -> None:
        self.known: dict[int, _Known] = {}
        self.unsure: dict[int, _Known] = {}
        self.reborn: list[IrqId] = []
        self._root = root
        self._folder = folder
        self._before = before
        self._functions: dict[PciAddress, _Function] = {NO_DEVICE: (None, None)}
        self._doubtful: dict[int, PciAddress] = {}

    def recognise(self, numbers: Sequence[int]) -> None:
        """Find out the device of each interrupt: the known one if it is the same interrupt, else anew."""
        unknown = set()
        for number in numbers:
            known = self._before.get(number)
            try:
                if known is not None and self._is_same(known):
                    self.known[number] = known
                else:
                    unknown.add(number)
            except OSError as error:
                if error.errno in VANISHED or known is None:
                    unknown.add(number)
                else:
                    self.unsure[number], self._doubtful[number] = known, known.device
        if unknown:
            for number, owner in find_owners(self._root, unknown).items():
                self._meet(number, owner)

    def device_of(self, number: int) -> PciAddress:
        known = self.known.get(number)
        return self._doubtful.get(number, NO_DEVICE) if known is None else known.device

    def read(self, number: int) -> HostInterrupt | None:
        """Return an interrupt, the same object as before where it is as it was, None where it is not there."""
        known = self.known.get(number)
        if known is None:
            return HostInterrupt(Interrupt(number, None, None), self._doubtful.get(number, NO_DEVICE))
        try:
            place, function, action = self._read_place(number), self._function(known.device), known.action
            is_same = place == known.place and function == known.function
            if known.entry is not None and not (is_same and action):
                action = action_name(self._root, number)
        except OSError as error:
            is_gone = error.errno in VANISHED
            return None if is_gone else HostInterrupt(Interrupt(number, None, None), known.device, *known.function)
        if known.found is None or not is_same or action != known.action:
            known.place, known.function, known.action = place, function, action
            known.found = _make(known, place)
        return known.found

    def _is_same(self, known: _Known) -> bool:
        """Tell whether an interrupt is still of the device that it was of; raise OSError."""
        if known.entry is None:
            action = action_name(self._root, known.number)
            return action == known.action and self._function(known.device)[0] == known.function[0]
        inode = self._root.calls.stat(known.entry).st_ino
        if inode != known.inode:
            known.inode, known.place = inode, None
            self.reborn.append(IrqId(known.device, known.number))
        return True

    def _meet(self, number: int, owner: Owner) -> None:
        """Take an interrupt whose device was just found; it is in doubt where something of it cannot be read."""
        entry = f"{device_folder(self._root, owner.device)}/msi_irqs/{number}" if owner.lists else None
        try:
            inode = 0 if entry is None else self._root.calls.stat(entry).st_ino
            action, function = action_name(self._root, number), self._function(owner.device)
        except OSError:
            self._doubtful[number] = owner.device
            return
        self.known[number] = _Known(number, owner.device, entry, inode, action, function)

    def _function(self, device: PciAddress) -> _Function:
        """Return the driver and the node of a device, read once in this look; raise OSError."""
        found = self._functions.get(device)
        if found is None:
            found = self._functions[device] = driver_of(self._root, device), numa_node_of(self._root, device)
        return found

    def _read_place(self, number: int) -> _Place:
        """Read the affinity files of an interrupt; raise OSError where the first one cannot be read."""
        calls, folder = self._root.calls, self._folder
        read, close = calls.read, calls.close
        fd = calls.open(f"{number}/smp_affinity_list", _READ, dir_fd=folder)
        try:
            permission = calls.fstat(fd).st_mode & stat.S_IWUSR
            smp = read(fd, _SHORT)
            smp = smp if smp[-1:] == b"\n" else read_rest(calls, fd, smp)
        finally:
            close(fd)
        try:
            fd = calls.open(f"{number}/effective_affinity_list", _READ, dir_fd=folder)
            try:
                effective = read(fd, _SHORT)
                effective = effective if effective[-1:] == b"\n" else read_rest(calls, fd, effective)
            finally:
                close(fd)
        except OSError:
            return smp, None, permission
        return smp, effective, permission


def _make(known: _Known, place: _Place) -> HostInterrupt:
    smp, effective, permission = place
    interrupt = Interrupt(
        known.number,
        parse_affinity(smp),
        None if effective is None else parse_affinity(effective),
        permission != 0,
        known.action,
    )
    return HostInterrupt(interrupt, known.device, *known.function)
