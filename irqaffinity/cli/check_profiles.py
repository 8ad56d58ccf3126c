# SPDX-License-Identifier: Apache-2.0
"""Checks for `irqaffinity check` whether each profile of placement can apply, and each choice of CPUs has some."""

from collections.abc import Iterator

from irqaffinity.model.finding import Finding
from irqaffinity.plan.policy import Policy, Serve


def check_profiles(policy: Policy) -> Iterator[Finding]:
    """Give a finding for each profile that no device_spec has the tags of, or that an earlier one always hides."""
    applied = {id(policy.manner_for(spec.tags).profile) for spec in policy.device_specs}
    for place, profile in enumerate(policy.profiles, 1):
        if id(profile) in applied:
            continue
        if not policy.device_specs:
            told = "no [pci] device_spec is configured, so no device has tags"
        elif any(profile.matches(spec.tags) for spec in policy.device_specs):
            told = "an earlier profile applies to all devices that it is for"
        else:
            told = "no [pci] device_spec has its tags"
        text = f"[placement] profile, number {place} of {len(policy.profiles)}, applies to nothing: {told}"
        yield Finding("configuration", False, f"{text}: mend or remove it")


def check_serve(policy: Policy) -> Iterator[Finding]:
    """Give a finding where housekeeping CPUs are to serve devices, and no option names any."""
    wants_some = any(manner.serve is Serve.HOUSEKEEPING for manner in policy.manners())
    if wants_some and policy.isolation.housekeeping_cpus is None and policy.dedicated_cpus is None:
        text = "[placement] serve is housekeeping, and no CPU is named for that, so interrupts stay where they are"
        yield Finding("configuration", False, f"{text}: name some in [isolation] housekeeping_cpus")
