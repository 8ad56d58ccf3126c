# SPDX-License-Identifier: Apache-2.0
"""Reads what Nova says of a guest's vCPUs: its CPU policy, and the dedicated vCPUs of a mixed guest."""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

from irqaffinity.grammar.mask import MaskError, parse_nova_mask
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import Guest

_RESOURCE = re.compile(r"resources(?:[1-9][0-9]*)?:PCPU")
_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})
"""The words that oslo.utils takes for true (strutils.bool_from_string)."""


class CpuPolicy(enum.Enum):
    """The values of hw:cpu_policy."""

    SHARED = "shared"
    DEDICATED = "dedicated"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Said:
    """What Nova says of a guest's CPU policy, None where it says nothing. `source` says where that is written.

    `vcpus` are those that the policy dedicates CPUs to, None where it does not name them. `mask` is the name and value
    of the mask that names those of a mixed guest; `trouble` says why that mask cannot be read.
    """

    policy: CpuPolicy | None
    source: str
    vcpus: CpuSet | None = None
    mask: tuple[str, str] | None = None
    trouble: str | None = None

    def __str__(self) -> str:
        if self.policy is None:
            return f"unknown ({self.source})"
        return f"{self.policy.value} ({' '.join(self.mask) if self.mask is not None else self.source})"


def read_policy(guest: Guest) -> Said:
    """Return what Nova's metadata say (nova/virt/hardware.py, get_cpu_policy_constraint and numa_get_constraints)."""
    policy, source = _find_policy(guest.extra_specs, guest.image_properties)
    match policy:
        case CpuPolicy.SHARED:
            return Said(policy, source, CpuSet())
        case CpuPolicy.DEDICATED:
            return Said(policy, source, CpuSet.from_mask((1 << guest.vcpus) - 1))
        case CpuPolicy.MIXED:
            return _read_mixed(guest, source)
        case _:
            return Said(None, source)


def _find_policy(specs: Mapping[str, str] | None, image: Mapping[str, str] | None) -> tuple[CpuPolicy | None, str]:
    for values, name in ((specs, "hw:cpu_policy"), (image, "hw_cpu_policy")):
        word = (values or {}).get(name)
        if word:
            known = {policy.value: policy for policy in CpuPolicy}
            return known.get(word), f"{name}{'' if word in known else f' is {word}, which is no policy'}"
    if specs is None or image is None:
        missing = "extra specs" if specs is None else "image properties"
        return None, f"the domain has no {missing} of Nova's"
    if sum(_count(value) for name, value in specs.items() if _RESOURCE.match(name)) > 0:
        return CpuPolicy.DEDICATED, "resources:PCPU"
    return CpuPolicy.SHARED, "Nova's metadata name no policy"


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _read_mixed(guest: Guest, source: str) -> Said:
    """Return the dedicated vCPUs of a mixed guest: those of its dedicated mask, else of its realtime mask."""
    specs, image = guest.extra_specs or {}, guest.image_properties or {}
    masks = [("hw:cpu_dedicated_mask", specs)]
    if specs.get("hw:cpu_realtime", "").strip().lower() in _TRUE:
        masks += [("hw_cpu_realtime_mask", image), ("hw:cpu_realtime_mask", specs)]
    for name, values in masks:
        text = values.get(name)
        if text:
            try:
                return Said(CpuPolicy.MIXED, source, parse_nova_mask(text, guest.vcpus), (name, text))
            except MaskError as error:
                return Said(CpuPolicy.MIXED, source, None, (name, text), f"{name} {text}: {error}")
    return Said(CpuPolicy.MIXED, source)
