# SPDX-License-Identifier: Apache-2.0
"""Reads all that the host shows of one CPU. It reads every interrupt, so only a report uses it."""

import contextlib

from irqaffinity.model.cpu import CpuFacts, CpuInterrupt
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.host import Topology
from irqaffinity.model.pci import NO_DEVICE
from irqaffinity.observe.counts import Files, Table, read_ticks
from irqaffinity.observe.owners import Owner, find_owners
from irqaffinity.observe.procfs import list_interrupts, read_interrupts
from irqaffinity.observe.rivals import look_for_rivals
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import action_name


def read_present(root: HostRoot) -> CpuSet:
    """Return the CPUs that the host has, offline ones included; empty where it does not tell."""
    return _read_list(root, "present") or _read_list(root, "online") or CpuSet()


def read_cpu(root: HostRoot, cpu: int, topology: Topology) -> CpuFacts:
    """Return what the host shows of a CPU; raise HostUnreadable."""
    return CpuFacts(
        cpu,
        cpu in topology.online,
        _read_list(root, "isolated"),
        _read_list(root, "nohz_full"),
        next((node for node, cpus in topology.nodes.items() if cpu in cpus), None),
        _read_list(root, f"cpu{cpu}/topology/thread_siblings_list") or CpuSet(),
        tuple(_interrupts(root, cpu)),
        read_ticks(root, cpu),
        tuple((rival.name, rival.found, rival.advice) for rival in look_for_rivals(root)),
    )


def _interrupts(root: HostRoot, cpu: int) -> list[CpuInterrupt]:
    """Return the interrupts that may come to a CPU, or have come there."""
    numbers = sorted(list_interrupts(root))
    counts = _read_counts(root)
    arrived = {} if counts is None else _on_cpu(counts, cpu)
    found = [
        seen
        for seen in read_interrupts(root, numbers)
        if arrived.get(seen.number) or cpu in (seen.smp or ()) or cpu in (seen.effective or ())
    ]
    owners = find_owners(root, {seen.number for seen in found})
    unknown = Owner(NO_DEVICE)
    made = []
    for seen in found:
        name = _name(root, seen.number)
        device = owners.get(seen.number, unknown).device
        made.append(CpuInterrupt(seen._replace(action=name or None), name, device, arrived.get(seen.number)))
    return made


def _read_counts(root: HostRoot) -> Table | Files | None:
    """Return the counts of all interrupts, None where neither source is there."""
    for source in (Table, Files):
        with contextlib.suppress(OSError):
            return source.read(root, None)
    return None


def _on_cpu(counts: Table | Files, cpu: int) -> dict[int, int]:
    """Return how many of each interrupt have come to a CPU, as far as that is known."""
    if cpu not in counts.cpus:
        return {}
    place, found = counts.cpus.index(cpu), {}
    for number in counts.rows:
        cells = counts.split(number)
        if cells is not None:
            found[number] = int(cells[0][place])
    return found


def _name(root: HostRoot, number: int) -> str:
    with contextlib.suppress(OSError):
        return action_name(root, number)
    return ""


def _read_list(root: HostRoot, name: str) -> CpuSet | None:
    """Return a list of CPUs; None where it cannot be read, as where the kernel writes (null)."""
    try:
        return CpuSet.parse(root.read(f"{root.sys}/devices/system/cpu/{name}"))
    except (OSError, ValueError):
        return None
