# SPDX-License-Identifier: Apache-2.0
"""Where interrupts arrive, beside where they belong: by device, by guest and by CPU. Schema 1 of `top`."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from irqaffinity.model.arrivals import Arrived, Interval
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.text import merge_numbers
from irqaffinity.model.verdict import FAILED, Verdict
from irqaffinity.plan.guests import GuestPlan
from irqaffinity.report.document import SCHEMA, describe_facts
from irqaffinity.report.outcome import Outcome
from irqaffinity.report.places import GRAVEST, Cpu, Place, Places

MUCH_OUTSIDE = 0.1
"""The share of a device's arrivals outside its target from which something is wrong; the alert begins there too."""


def describe_arrivals(places: Places, interval: Interval, time: datetime) -> dict[str, Any]:
    """Return what arrived in an interval that ended at `time`, as plain values; rates are those of a second."""
    devices = [_device(place, interval) for place in places.devices]
    on_cpu: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for number, arrived in interval.arrived.items():
        for cpu, count in arrived.items():
            on_cpu[cpu].append((count, number))
    judged = [row for row in devices if row["outside"] is not None]
    outside = sum(_outside(row["arrived"], row["target"]) for row in judged)
    intruders = sorted(_intruders(places, interval), key=lambda row: (-row["rate"], row["irq"]))
    return {
        "schema": SCHEMA,
        "host": places.outcome.host,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "seconds": round(interval.seconds, 3),
        "host_facts": describe_facts(places.outcome.facts),
        "summary": {
            **count_wrong(places.outcome),
            "irqs": sum(len(place.numbers) for place in places.devices),
            "rate": round(sum(row["rate"] or 0.0 for row in devices), 3),
            "outside": _share(outside, sum(sum(row["arrived"].values()) for row in judged)),
            "foreign": round(sum(row["rate"] for row in intruders), 3),
        },
        "devices": devices,
        "guests": [_guest(guest, devices, interval) for guest in places.outcome.guests],
        "cpus": [_cpu(cpu, on_cpu[cpu.number], places, interval) for cpu in places.cpus],
        "intruders": intruders,
        "kernel": sorted(_kernel(places, interval), key=lambda row: (-row["rate"], row["row"])),
    }


def count_wrong(outcome: Outcome) -> dict[str, int]:
    """Return the numbers of guests and devices, and how many guests and interrupts are not as they have to be."""
    verdicts = [result.verdict for result in outcome.results]
    return {
        "guests": len(outcome.guests),
        "devices": len(outcome.devices),
        "guests_in_error": sum(guest.status.is_error for guest in outcome.guests),
        "failed": sum(verdict in FAILED for verdict in verdicts),
        "would_set": verdicts.count(Verdict.WOULD_SET),
    }


def _device(place: Place, interval: Interval) -> dict[str, Any]:
    known = [interval.arrived[number] for number in place.numbers if number in interval.arrived]
    total = _total(known)
    plan, target = place.plan, None if place.plan.target is None else str(place.plan.target)
    count = sum(total.values())
    return {
        "address": str(plan.address),
        "guest": plan.guest,
        "name": place.name,
        "irqs": merge_numbers(place.numbers),
        "target": target,
        "rate": _rate(count, interval) if known else None,
        "arrived": total,
        "outside": None if target is None else _share(_outside(total, target), count),
        "verdict": None if place.verdict is None else place.verdict.value,
        "reason": None if plan.reason is None else plan.reason.value,
    }


def _guest(guest: GuestPlan, devices: Iterable[Mapping[str, Any]], interval: Interval) -> dict[str, Any]:
    own = [row for row in devices if row["guest"] == guest.uuid]
    judged = [row for row in own if row["outside"] is not None]
    total = _total({int(cpu): count for cpu, count in row["arrived"].items()} for row in own)
    outside = sum(_outside(row["arrived"], row["target"]) for row in judged)
    verdicts = {row["verdict"] for row in own}
    return {
        "guest": guest.uuid,
        "name": guest.name,
        "status": guest.status.value,
        "devices": len(own),
        "cpus": str(guest.irq_pcpus) if guest.irq_pcpus is not None else None,
        "rate": _rate(sum(total.values()), interval) if any(row["rate"] is not None for row in own) else None,
        "arrived": total,
        "outside": _share(outside, sum(sum(row["arrived"].values()) for row in judged)),
        "verdict": next((verdict.value for verdict in GRAVEST if verdict.value in verdicts), None),
    }


def _cpu(cpu: Cpu, arrived: Sequence[tuple[int, int]], places: Places, interval: Interval) -> dict[str, Any]:
    """Return the row of a CPU. Foreign interrupts are the host's and other guests', not those of the CPU's guest."""
    owners = places.owners
    foreign = [] if cpu.guest is None else [pair for pair in arrived if owners.get(pair[1]) != cpu.guest]
    return {
        "cpu": cpu.number,
        "guest": cpu.guest,
        "name": cpu.name,
        "vcpu": cpu.vcpu,
        "rate": _rate(sum(count for count, _ in arrived), interval),
        "foreign": None if cpu.guest is None else _rate(sum(count for count, _ in foreign), interval),
        "foreign_irqs": [
            {
                "irq": number,
                "name": interval.names.get(number, ""),
                "guest": owners.get(number),
                "guest_name": places.names.get(owners[number]) if number in owners else None,
                "rate": _rate(count, interval),
            }
            for count, number in sorted(foreign, key=lambda pair: (-pair[0], pair[1]))
        ],
    }


def _intruders(places: Places, interval: Interval) -> Iterator[dict[str, Any]]:
    """Give a row for each interrupt that arrived on CPUs of guests that do not own it."""
    owners, kept, names = places.owners, places.kept.owners, places.names
    for number, arrived in interval.arrived.items():
        owner = owners.get(number)
        there = {cpu: count for cpu, count in arrived.items() if cpu in kept and owner not in kept[cpu]}
        if there:
            arrived_there, found = _by_most(there), places.found.get(number)
            guests = sorted({guest for cpu in there for guest in kept[cpu]})
            yield {
                "irq": number,
                "name": interval.names.get(number, ""),
                "device": None if found is None else found.device,
                "owner": owner,
                "cpus": ",".join(arrived_there) if len(there) == 1 else merge_numbers(there),
                "guests": guests,
                "guest_names": [names.get(guest) for guest in guests],
                "rate": _rate(sum(there.values()), interval),
                "arrived": arrived_there,
                "movable": None if found is None else found.is_movable,
            }


def _kernel(places: Places, interval: Interval) -> Iterator[dict[str, Any]]:
    """Give a row for each kind of interrupt without a number that arrived on CPUs of guests."""
    for word, own in interval.kernel.items():
        there = {cpu: count for cpu, count in own.arrived.items() if cpu in places.kept.owners}
        if there:
            rate = _rate(sum(there.values()), interval)
            yield {"row": word, "name": own.name, "rate": rate, "arrived": _by_most(there)}


def _total(each: Iterable[Arrived]) -> dict[str, int]:
    """Return the sum by CPU, with keys as in JSON, the largest first."""
    total: dict[int, int] = defaultdict(int)
    for arrived in each:
        for cpu, count in arrived.items():
            total[cpu] += count
    return _by_most(total)


def _by_most(arrived: Arrived) -> dict[str, int]:
    if len(arrived) == 1:  # mostly
        return {str(cpu): count for cpu, count in arrived.items()}
    return {str(cpu): count for cpu, count in sorted(arrived.items(), key=lambda pair: (-pair[1], pair[0]))}


def _outside(arrived: Mapping[str, int], target: str) -> int:
    inside = CpuSet.parse(target)
    return sum(count for cpu, count in arrived.items() if int(cpu) not in inside)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _rate(count: int, interval: Interval) -> float:
    return round(count / interval.seconds, 3) if interval.seconds else 0.0
