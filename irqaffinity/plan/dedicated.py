# SPDX-License-Identifier: Apache-2.0
"""Which vCPUs of a guest have a physical CPU to themselves."""

from collections import Counter
from collections.abc import Iterable, Mapping

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import Guest

_DEDICATING = frozenset({"dedicated", "mixed"})
_SHARING = frozenset({"shared"})

Pins = Mapping[int, int]
"""vCPU index to physical CPU, in the order of the vCPUs."""


def count_single_pins(guests: Iterable[Guest]) -> Counter[int]:
    """Return, for each physical CPU, how many vCPUs of all `guests` are pinned to it alone."""
    return Counter(cpu for guest in guests for cpu in _single_pins(guest).values())


def dedicated_pins(guest: Guest, single_pins: Mapping[int, int], allowed: CpuSet | None) -> Pins:
    """Return the dedicated vCPUs of `guest` and their physical CPUs.

    A vCPU is a candidate when its pin is one physical CPU. Where Nova wrote `hw:cpu_policy` into the domain, that
    decides over the candidates; elsewhere a candidate is dedicated when no other vCPU of a readable guest
    (`single_pins`) is pinned to that CPU alone, for a shared set of one CPU looks like a dedicated one
    (nova/virt/libvirt/driver.py, _get_guest_numa_config). `allowed` is `[placement] dedicated_cpus`.
    """
    if guest.cpu_policy in _SHARING:
        return {}
    certain = guest.cpu_policy in _DEDICATING
    return {
        vcpu: cpu
        for vcpu, cpu in _single_pins(guest).items()
        if (certain or single_pins[cpu] == 1) and (allowed is None or cpu in allowed)
    }


def _single_pins(guest: Guest) -> Pins:
    return {vcpu: next(iter(guest.pins[vcpu])) for vcpu in sorted(guest.pins) if len(guest.pins[vcpu]) == 1}
