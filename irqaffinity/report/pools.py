# SPDX-License-Identifier: Apache-2.0
"""The pools of PCI devices, as a document and for people."""

import itertools
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from irqaffinity.model.sriov import Pool
from irqaffinity.model.text import clean, counted
from irqaffinity.report.document import SCHEMA
from irqaffinity.report.fit import Cell, Column, lay_out
from irqaffinity.report.screen import ANY_SCREEN, Screen, Tone
from irqaffinity.report.times import show_time
from irqaffinity.report.width import hang

_NOTHING = "-"
_MOST_NOTES = 10
_COLUMNS = (
    Column("PHYSICAL NETWORK", least=8, keeps_end=True),
    Column("TYPE"),
    Column("DEVICE", rank=1),
    Column("NODE", rank=2),
    Column("TAGS", least=4, rank=3),
    Column("TOTAL", is_number=True),
    Column("USED", is_number=True),
    Column("FREE", is_number=True),
)


def describe_pools(pools: Sequence[Pool], notes: Sequence[str], host: str, time: datetime) -> dict[str, Any]:
    """Return the document of all pools; `notes` say what could not be told."""
    rows = [{**pool._asdict(), "tags": dict(pool.tags), "free": pool.free} for pool in pools]
    return {"schema": SCHEMA, "host": host, "time": show_time(time), "pools": rows, "notes": list(notes)}


def render_pools(document: Mapping[str, Any], missing: str, screen: Screen = ANY_SCREEN) -> str:
    """Return the table with its sum and notes; `missing` is the sentence where there is no pool."""
    pools = document["pools"]
    head, *lines = lay_out(_COLUMNS, [_cells(pool) for pool in pools], screen.width)
    shown = [screen.paint("".join(cell.text for cell in head), Tone.HEAD)] if pools else [missing]
    shown += ["".join(cell.text for cell in line) for line in lines]
    if pools:
        total, used, free = (sum(pool[count] for pool in pools) for count in ("total", "used", "free"))
        shown += ["", f"{counted(len(pools), 'pool')}, {counted(total, 'device')}: {used} used, {free} free"]
    notes = [f"note: {note}" for note in itertools.islice(document["notes"], _MOST_NOTES)]
    if len(document["notes"]) > _MOST_NOTES:
        more = counted(len(document["notes"]) - _MOST_NOTES, "more note")
        notes.append(f"{more}: see the list that -f json prints")
    below = [part for note in notes for part in hang(note, screen.width, 0, 2)]
    return "\n".join([*shown, *([""] if below else []), *below])


def _cells(pool: Mapping[str, Any]) -> list[Cell]:
    tags = [f"{name} {value if isinstance(value, str) else json.dumps(value)}" for name, value in pool["tags"].items()]
    return [
        Cell(clean(pool["physical_network"] or _NOTHING)),
        Cell(pool["dev_type"]),
        Cell(f"{pool['vendor']}:{pool['product']}"),
        Cell(_NOTHING if pool["numa_node"] is None else str(pool["numa_node"])),
        Cell(clean(", ".join(tags)) or _NOTHING),
        *(Cell(str(pool[count])) for count in ("total", "used", "free")),
    ]
