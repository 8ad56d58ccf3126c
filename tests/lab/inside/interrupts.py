# SPDX-License-Identifier: Apache-2.0
"""The interrupts of the machine, as the kernel shows them; read without any code of the program."""

import os
from collections.abc import Mapping, Sequence

from tests.lab.inside.processes import LIMIT, read, wait_for

Row = tuple[str, str, str]
"""smp_affinity_list, effective_affinity_list and the actions of an interrupt."""


def all_interrupts() -> dict[str, Row]:
    """Return every interrupt of the machine by its number."""
    rows = {number: row(number) for number in os.listdir("/proc/irq") if number.isdecimal()}
    return {number: found for number, found in rows.items() if found is not None}


def of_device(device: str) -> dict[str, Row]:
    """Return the message-signalled interrupts of a device that are in use, by number."""
    rows = {number: row(number) for number in numbers_of(device)}
    return {number: found for number, found in rows.items() if found is not None}


def numbers_of(device: str) -> list[str]:
    """Return the numbers of a device's message-signalled interrupts."""
    try:
        return sorted(os.listdir(f"/sys/bus/pci/devices/{device}/msi_irqs"), key=int)
    except FileNotFoundError:
        return []


def row(number: str) -> Row | None:
    """Return one interrupt, None when it is gone or not in use."""
    try:
        lists = [read(f"/proc/irq/{number}/{name}_affinity_list") for name in ("smp", "effective")]
        return lists[0], lists[1], read(f"/sys/kernel/irq/{number}/actions")
    except OSError:
        return None


def number_named(action: str) -> str:
    """Return the number of the interrupt whose handler has this name."""
    return next(number for number, (_, _, actions) in all_interrupts().items() if actions == action)


def line_of(device: str) -> str:
    """Return the number of a device's INTx line."""
    return read(f"/sys/bus/pci/devices/{device}/irq")


def move(number: str, cpus: str) -> None:
    """Write an affinity, as any program could."""
    with open(f"/proc/irq/{number}/smp_affinity_list", "w") as file:
        file.write(cpus)


def wait_for_vectors(counts: Mapping[str, int], limit: float = LIMIT) -> dict[str, dict[str, Row]]:
    """Wait until each device has so many interrupts in use, and return them by device."""

    def found() -> dict[str, dict[str, Row]] | None:
        rows = {device: of_device(device) for device in counts}
        return rows if {device: len(of) for device, of in rows.items()} == dict(counts) else None

    return wait_for(f"vectors {dict(counts)}", found, limit)


def wait_gone(devices: Sequence[str], limit: float = LIMIT) -> None:
    """Wait until devices have no interrupt any more."""
    wait_for(f"no interrupt of {devices}", lambda: not any(numbers_of(device) for device in devices), limit)


def wait_placed(targets: Mapping[str, str], counts: Mapping[str, int], limit: float = LIMIT) -> None:
    """Wait until each device has so many interrupts, and all of them are on its target, in the hardware too."""
    last: dict[str, dict[str, Row]] = {}

    def is_so() -> bool:
        last.update({device: of_device(device) for device in targets})
        return all(
            len(last[device]) == counts[device] and all(is_on(row, target) for row in last[device].values())
            for device, target in targets.items()
        )

    try:
        wait_for(f"{dict(targets)}", is_so, limit)
    except AssertionError as error:
        raise AssertionError(f"{error}; the interrupts are {last}") from None


def wait_allowed(targets: Mapping[str, str], limit: float = LIMIT) -> None:
    """Wait until every interrupt of each device is allowed on its target alone, wherever the hardware sends it."""

    def is_so() -> bool:
        return all(
            rows and {smp for smp, *_ in rows.values()} == {target}
            for rows, target in ((of_device(device), target) for device, target in targets.items())
        )

    wait_for(f"{dict(targets)}", is_so, limit)


def counts_of(device: str) -> dict[str, list[int]]:
    """Return how often each interrupt of a device has come on each CPU, from /proc/interrupts."""
    numbers = set(numbers_of(device))
    rows = (line.split() for line in read("/proc/interrupts").splitlines()[1:])
    cpus = os.cpu_count() or 0
    return {row[0][:-1]: [int(count) for count in row[1 : 1 + cpus]] for row in rows if row[0][:-1] in numbers}


def wait_for_more(device: str, before: Mapping[str, Sequence[int]], limit: float = LIMIT) -> dict[str, list[int]]:
    """Wait until a device has interrupted ten times more than `before`, and return the counts."""

    def more() -> dict[str, list[int]] | None:
        now = counts_of(device)
        total = sum(map(sum, now.values())) - sum(map(sum, before.values()))
        return now if total >= 10 else None

    return wait_for(f"interrupts of {device}", more, limit)


def is_on(row: Row, cpus: str) -> bool:
    """Tell whether an interrupt is allowed on exactly these CPUs, and routed to one of them."""
    smp, effective, _ = row
    return smp == cpus and parse(effective) <= parse(cpus)


def parse(cpus: str) -> set[int]:
    """Return the CPUs of a list such as 0-2,5."""
    found: set[int] = set()
    for part in filter(None, cpus.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found
