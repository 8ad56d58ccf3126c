# SPDX-License-Identifier: Apache-2.0
"""Finds the PCI devices of many interrupts at once: it looks at every device of the host."""

from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import driver_of, line_number, msi_numbers, pci_addresses


class Owner(NamedTuple):
    """The device of an interrupt, NO_DEVICE where none has it; `lists` tells whether it stands in its msi_irqs."""

    device: PciAddress
    lists: bool = False


_NOBODY = Owner(NO_DEVICE)


def find_owners(root: HostRoot, numbers: AbstractSet[int]) -> dict[int, Owner]:
    """Return the device of each of these interrupts, NO_DEVICE where none has it, or several share its INTx line.

    Where a device cannot be read, those that no device before it lists are left out: they may be its own. Raises
    HostUnreadable where no device can be seen at all.
    """
    root.require(f"{root.sys}/bus/pci/devices", "--sys or [host] sys at the sysfs of the host")
    owners: dict[int, Owner] = {}
    silent = []
    try:
        for address in pci_addresses(root):
            listed = msi_numbers(root, address)
            owners.update((number, Owner(address, lists=True)) for number in listed if number in numbers)
            if not listed:
                silent.append(address)
        others = numbers - owners.keys()
        return {**dict.fromkeys(others, _NOBODY), **_find_on_lines(root, others, silent), **owners}
    except OSError:
        return owners


def _find_on_lines(root: HostRoot, numbers: AbstractSet[int], silent: Iterable[PciAddress]) -> dict[int, Owner]:
    """Return the device of each INTx line that one driven device alone has; raise OSError.

    `silent` are the devices without message-signalled interrupts: with these, a device does not use its line.
    """
    found: dict[int, list[PciAddress]] = defaultdict(list)
    for address in silent if numbers else ():
        line = None if driver_of(root, address) is None else line_number(root, address)
        if line is not None and line in numbers:
            found[line].append(address)
    return {line: Owner(addresses[0]) for line, addresses in found.items() if len(addresses) == 1}
