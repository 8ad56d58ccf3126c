# SPDX-License-Identifier: Apache-2.0
"""Explains one interrupt: where it may arrive, and what became of it."""

from collections.abc import Iterator, Sequence

from irqaffinity.model.action import Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.pci import PciAddress
from irqaffinity.report.explain import Rule


def explain_free_interrupt(number: int, devices: Sequence[PciAddress], names: str) -> Iterator[Rule]:
    """Yield the rule for an interrupt that no device lists; `devices` are those that have it as their INTx line."""
    whose = f"the INTx line of {', '.join(map(str, devices))}" if devices else "of no PCI device"
    yield f"irq {number}", f"{whose} ({names or 'no handler'})"


def explain_idle_interrupt(number: int, seen: Interrupt | None) -> Iterator[Rule]:
    """Yield the rule for an interrupt that has no target; None is one that cannot be read."""
    yield f"irq {number}", _affinity(None if seen is None else seen.smp, None if seen is None else seen.effective)


def _affinity(smp: CpuSet | None, effective: CpuSet | None) -> str:
    if smp is None:
        return "smp_affinity_list cannot be read"
    return f"smp_affinity_list {smp}, effective_affinity_list {'unknown' if effective is None else effective}"


def explain_result(result: Result) -> Iterator[Rule]:
    """Yield what was read of an interrupt, and its verdict."""
    action = result.action
    yield f"irq {action.number}", _affinity(action.current, action.effective)
    reason = f" ({result.reason.value}: {result.reason.sentence})" if result.reason is not None else ""
    yield (
        "verdict",
        f"{result.verdict.value}: {result.message or result.verdict.sentence}, target {result.asked}{reason}",
    )
