# SPDX-License-Identifier: Apache-2.0
"""Explains a guest's CPUs: which interrupts come there and are not the guest's own."""

from collections.abc import Iterator, Mapping

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.isolation import Intruder, Isolated
from irqaffinity.model.text import name_cpus
from irqaffinity.model.verdict import Verdict
from irqaffinity.report.explain import Rule
from irqaffinity.report.names import common_names, first_names, first_numbers


def explain_intruders(guest: GuestId, isolated: Isolated, names: Mapping[GuestId, str]) -> Iterator[Rule]:
    """Give the intruders of a guest, in one rule those with the same owner that can be moved alike.

    `names` are those of all guests.
    """
    own = CpuSet(cpu for cpu, guests in isolated.kept.owners.items() if guest in guests)
    alike: dict[tuple[str, str], list[Intruder]] = {}
    for intruder in isolated.intruders:
        if guest in intruder.guests:
            alike.setdefault((_owner(intruder, names), _judge(intruder)), []).append(intruder)
    for (owner, judgement), found in alike.items():
        cpus = CpuSet(cpu for intruder in found for cpu in intruder.cpus & own)
        handlers = first_names(common_names(intruder.name or "no handler" for intruder in found))
        numbers = first_numbers(intruder.number for intruder in found)
        yield "intruders", f"{numbers} ({handlers}) of {owner}, on {name_cpus('CPU', cpus)}: {judgement}"


def _owner(intruder: Intruder, names: Mapping[GuestId, str]) -> str:
    if intruder.owner is None:
        return "the host"
    return f"guest {names.get(intruder.owner, intruder.owner)}"


def _judge(intruder: Intruder) -> str:
    """Return whether an intruder can be moved, and the verdict on it if there is one."""
    verdict = intruder.verdict or (None if intruder.is_movable else Verdict.MANAGED)
    word = "" if verdict is None else f" ({verdict.value})"
    return f"{'can' if intruder.is_movable else 'cannot'} be moved{word}"
