# SPDX-License-Identifier: Apache-2.0
"""What waits for the end of a hold: as plain values, and for people."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST
from irqaffinity.model.hold import Deferred
from irqaffinity.model.irq import DEFAULT, DEFAULT_NAME, IrqId
from irqaffinity.model.pci import NO_DEVICE
from irqaffinity.model.text import counted, merge_numbers
from irqaffinity.model.verdict import Verdict
from irqaffinity.report.holds import Row, tell_hold
from irqaffinity.report.rows import render_plain
from irqaffinity.report.screen import ANY_SCREEN, Screen
from irqaffinity.report.times import show_time

COLUMNS = ("irqs", "device", "name", "from", "to", "since", "times", "cause", "hold")
"""The columns of the table, with a guest's uuid only where its name is not known: a line has to fit the screen.

Interrupts that differ in their number alone share a line.
"""

_MOVED_COLUMNS = ("irqs", "device", "name", "from", "to", "cause", "hold", "verdict")
_MOVED = frozenset({Verdict.SET.value, Verdict.PENDING.value})
_SPARE = ("times", "since", "name", "from")


def describe_deferred(
    deferred: Mapping[IrqId, Deferred], names: Mapping[str, str] = MappingProxyType({})
) -> list[dict[str, Any]]:
    """Return what waits as plain values, by device and number; `irq` is null for default_smp_affinity.

    `names` are those of guests, as far as they are known.
    """
    return [
        {
            "irq": None if irq == DEFAULT else irq.number,
            "device": None if irq.device == NO_DEVICE else str(irq.device),
            "guest": None if row.guest == HOST else row.guest,
            "name": names.get(row.guest),
            "from": None if row.origin is None else str(row.origin),
            "to": str(row.target),
            "since": show_time(row.since),
            "times": row.times,
            "cause": row.cause.value,
            "hold": row.hold,
        }
        for irq, row in sorted(deferred.items())
    ]


def describe_moved(
    irq: IrqId, row: Deferred, smp: CpuSet | None, verdict: str, names: Mapping[str, str]
) -> dict[str, Any]:
    """Return as plain values what became of an interrupt that waited and has `smp` now."""
    waited = describe_deferred({irq: row}, names)[0]
    where = str(smp) if smp is not None and verdict != Verdict.HELD.value else waited["to"]
    return {**{key: waited[key] for key in ("irq", "device", "guest", "name", "from")}, "to": where} | {
        "cause": waited["cause"],
        "hold": waited["hold"],
        "verdict": verdict,
    }


def render_deferred(
    holds: Sequence[Row], deferred: Sequence[Row], left: Mapping[int, float], screen: Screen = ANY_SCREEN
) -> str:
    """Return the described holds, each with the seconds that are `left` of it, and a table of what waits."""
    if not deferred:
        heads = [tell_hold(hold, left=left[hold["id"]]) for hold in holds]
        return "\n".join([*heads, "nothing waits"]) if heads else "no hold is in force, and nothing waits"
    heads = [tell_hold(hold, left=left[hold["id"]]) for hold in holds] or ["no hold is in force"]
    over = sorted({row["hold"] for row in deferred} - {hold["id"] for hold in holds})
    if over:
        which = f"hold {over[0]} is" if len(over) == 1 else f"holds {', '.join(map(str, over))} are"
        heads.append(f"{which} over: what waited for that is moved at the next pass")
    table = render_plain(_named(merge_rows(deferred)), COLUMNS, screen, _SPARE)
    verb = "waits" if len(deferred) == 1 else "wait"
    return "\n".join([*heads, "", table, "", f"{counted(len(deferred), 'interrupt')} {verb}"])


def render_moved(lifted: Sequence[Row], moved: Sequence[Row], by: str | None, screen: Screen = ANY_SCREEN) -> str:
    """Return the described holds that were lifted, and a table of what became of what had waited."""
    heads = [f"lifted {tell_hold(hold)}" for hold in lifted]
    if not moved or by is None:
        waited = f"{counted(len(moved), 'interrupt')} had waited" if moved else "nothing had waited"
        return "\n".join([*heads, waited])
    count = sum(row["verdict"] in _MOVED for row in moved)
    verb = "was" if count == 1 else "were"
    who = "by the agent" if by == "agent" else "by this command, for no agent did it"
    table = render_plain(_named(merge_rows(moved)), _MOVED_COLUMNS, screen, _SPARE)
    return "\n".join([*heads, "", table, "", f"{counted(count, 'interrupt')} {verb} moved {who}"])


def _named(rows: Iterable[Row]) -> list[Row]:
    return [{**row, "name": row["name"] or row["guest"]} for row in rows]


def merge_rows(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return one row for all interrupts that differ in their number alone, with `irqs` in place of `irq`."""
    alike: dict[tuple[object, ...], tuple[Row, list[int]]] = {}
    for row in rows:
        key = (row["irq"] is None, *(value for name, value in row.items() if name != "irq"))
        alike.setdefault(key, (row, []))[1].extend([] if row["irq"] is None else [row["irq"]])
    return [{**row, "irqs": merge_numbers(numbers) or DEFAULT_NAME} for row, numbers in alike.values()]
