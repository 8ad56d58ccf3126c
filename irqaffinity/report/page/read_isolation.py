# SPDX-License-Identifier: Apache-2.0
"""Reads what a document tells of isolation."""

from collections.abc import Mapping
from typing import Any

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.text import clean
from irqaffinity.model.verdict import FAILED
from irqaffinity.report.isolation import OFF
from irqaffinity.report.isolation_text import describe_headroom, is_short
from irqaffinity.report.page.facts import IntruderFacts, IsolationFacts
from irqaffinity.report.page.values import cpus_of, set_of, text_of

_FAILED = frozenset(verdict.value for verdict in FAILED)


def read_isolation(document: Mapping[str, Any]) -> IsolationFacts | None:
    """Return it, None where nobody looked at the host's own interrupts; raise ValueError."""
    work = document.get("isolation")
    if work is None or work["mode"] in (None, OFF):
        return None
    moved = [*([{"irq": -1, **work["default"]}] if work["default"] is not None else []), *work["irqs"]]
    return IsolationFacts(
        clean(work["mode"]),
        cpus_of(work["kept"]) or CpuSet(),
        cpus_of(work["housekeeping"]) or CpuSet(),
        text_of(work["message"]),
        tuple(map(_intruder, document.get("intruders", ()))),
        tuple((row["irq"], row["verdict"], clean(row["message"] or "")) for row in moved if row["verdict"] in _FAILED),
        tuple((row["cpu"], describe_headroom(row), is_short(row)) for row in document.get("headroom", ())),
    )


def _intruder(row: Mapping[str, Any]) -> IntruderFacts:
    return IntruderFacts(
        row["irq"],
        clean(row["name"]),
        text_of(row["device"]),
        set_of(row["cpus"]),
        tuple(map(clean, row["guests"])),
        text_of(row["owner"]),
        row["movable"],
        row["arrived"],
        cpus_of(row["target"]),
        text_of(row["verdict"]),
    )
