# SPDX-License-Identifier: Apache-2.0
"""What irqbalance was told, for status and people."""

from collections.abc import Mapping
from typing import Any

from irqaffinity.model.balance import Balancing
from irqaffinity.model.text import counted


def describe_balancing(balancing: Balancing | None) -> dict[str, Any] | None:
    """Return it as plain values, None where irqbalance is told nothing."""
    if balancing is None:
        return None
    told = balancing._asdict()
    return told | {"cpus": str(balancing.cpus)}


def tell_balancing(told: Mapping[str, Any]) -> str:
    """Return it as a sentence, from plain values."""
    if told["trouble"] is not None:
        return str(told["trouble"])
    if told["pid"] is None:
        return "none runs with a socket"
    cpus = told["cpus"]
    named = f"{'CPU' if cpus.isdecimal() else 'CPUs'} {cpus}" if cpus else "no CPU"
    what = f"{named} and {counted(told['irqs'], 'interrupt')} of guests"
    return f"{told['pid']} leaves alone: {what}" if told["told"] else f"{told['pid']} has not yet done what it was told"
