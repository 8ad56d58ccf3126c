# SPDX-License-Identifier: Apache-2.0
"""What became of declared settings: the rows of the document, and the table for people."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from irqaffinity.model.declared import Made, Step, Value
from irqaffinity.model.sriov import LinkState
from irqaffinity.model.text import merge_numbers
from irqaffinity.report.rows import render_plain
from irqaffinity.report.screen import ANY_SCREEN, Screen

_COLUMNS = ("pf", "vf", "setting", "from", "to", "verdict", "message")
_SPARE = ("from", "message")
"""The columns that the table leaves out on a narrow screen, in this order."""

_TOLD = 4
"""How many rows stand in the line of the status; its JSON has more."""


def describe_step(step: Step) -> dict[str, Any]:
    """Return a step as plain values, under the names of the document."""
    return {
        "pf": None if step.pf is None else str(step.pf),
        "netdev": step.netdev,
        "vf": step.vf,
        "setting": step.setting.value,
        "from": _plain(step.origin),
        "to": _plain(step.target),
        "verdict": step.made.value,
        "message": step.message,
    }


def render_steps(steps: Sequence[Step], missing: str, screen: Screen = ANY_SCREEN) -> str:
    """Return a table of all that is not as declared already, with equal virtual functions in one row, and a sum.

    `missing` is the sentence where there is no step at all.
    """
    if not steps:
        return missing
    rows = [{**row, "pf": row["netdev"] or row["pf"], "vf": row["vfs"]} for row in unite_steps(steps)]
    summary = summarize(steps)
    return f"{render_plain(rows, _COLUMNS, screen, _SPARE)}\n\n{summary}" if rows else summary


def tell_standing(standing: Mapping[str, Any]) -> str:
    """Return a line on how far an agent has made it so, from its status."""
    rows = [f"{_name(row)} {row['setting']} ({row['verdict']})" for row in standing["drifts"]]
    more = f" and {len(rows) - _TOLD} more" if len(rows) > _TOLD else ""
    left = f"not as declared: {', '.join(rows[:_TOLD])}{more}" if rows else "all is as declared"
    return f"{standing['apply']}; {standing['message'] or left}"


def summarize(steps: Iterable[Step]) -> str:
    """Return how many settings have which verdict."""
    counts = Counter(step.made for step in steps)
    found = ", ".join(f"{counts[made]} {made.value}" for made in Made if counts[made])
    return f"{sum(counts.values())} declared: {found}"


def unite_steps(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Return rows of all that is not as declared already, equal virtual functions in one.

    A row has the keys of a step but `vf`; `vfs` is a list such as `0-3,7`, None for the physical function itself.
    """
    indexes: dict[tuple[object, ...], list[int]] = {}
    rows: dict[tuple[object, ...], dict[str, Any]] = {}
    for step in steps:
        if step.made is not Made.OK:
            row = describe_step(step)
            index = row.pop("vf")
            key = (index is None, *map(str, row.values()))
            rows.setdefault(key, row)
            indexes.setdefault(key, []).extend([] if index is None else [index])
    return [{**row, "vfs": merge_numbers(indexes[key]) or None} for key, row in rows.items()]


def _name(row: Mapping[str, Any]) -> str:
    name = str(row["netdev"] or row["pf"])
    return name if row["vfs"] is None else f"{name} VF {row['vfs']}"


def _plain(value: Value) -> bool | int | str | None:
    return value.value if isinstance(value, LinkState) else value
