# SPDX-License-Identifier: Apache-2.0
"""The virtual functions of a host, for people: a line for each physical function, and its virtual ones below it."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from irqaffinity.model.sriov import LinkState, UseKind
from irqaffinity.model.text import counted
from irqaffinity.report.fit import Cell, Column, Line, lay_out
from irqaffinity.report.screen import ANY_SCREEN, Screen, Tone
from irqaffinity.report.width import hang

Row = Mapping[str, Any]

_INDENT = "  "
_NOTHING = "-"
_FREE = "free"
_MOST_REASONS = 10

_COLUMNS = (
    Column("VF", is_number=True),
    Column("DEVICE"),
    Column("DRIVER", least=6, rank=4),
    Column("NETDEV", least=6, rank=6, keeps_end=True),
    Column("MAC", rank=1),
    Column("VLAN", rank=2),
    Column("MBIT/S", rank=5),
    Column("SETTINGS", least=6, rank=7),
    Column("IRQS", least=4, rank=8),
    Column("CPUS", least=4, rank=3),
    Column("USED BY", least=8, keeps_end=True),
)


def render_inventory(document: Mapping[str, Any], screen: Screen = ANY_SCREEN, missing: str | None = None) -> str:
    """Return the table with its sums and notes; `missing` is the sentence where it shows no virtual function."""
    notes = document["notes"]
    below = [[missing] if missing else [], [_sum_up(document["pfs"])] if document["pfs"] else []]
    below.append([*_show_unknown(document["pfs"], notes), *(f"note: {note}" for note in notes)])
    broken = [[part for text in texts for part in hang(text, screen.width, 0, len(_INDENT))] for texts in below]
    blocks = [list(_show_devices(document["pfs"], screen)), *broken]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _show_devices(pfs: Sequence[Row], screen: Screen) -> Iterator[str]:
    rows = [_cells(function) for physical in pfs for function in physical["vfs"]]
    width = None if screen.width is None else screen.width - len(_INDENT)
    head, *lines = lay_out(_COLUMNS, rows, width)
    if rows:
        yield screen.paint(_join(head), Tone.HEAD)
    shown = iter(lines)
    for physical in pfs:
        for line in hang(_title(physical), screen.width, 0, len(_INDENT)):
            yield screen.paint(line, Tone.HEAD)
        for _ in physical["vfs"]:
            yield _join(next(shown), screen)


def _show_unknown(pfs: Sequence[Row], notes: Sequence[str]) -> Iterator[str]:
    """Give each reason why it is not known who uses a function once, where no note tells it."""
    reasons: dict[str, list[str]] = {}
    for row in _functions(pfs):
        if row["used"] is None and row["used_by"]["message"] not in notes:
            reasons.setdefault(row["used_by"]["message"] or "nobody tells why", []).append(row["address"])
    for reason, addresses in itertools.islice(reasons.items(), _MOST_REASONS):
        whose = addresses[0] if len(addresses) == 1 else f"{addresses[0]} and {len(addresses) - 1} more"
        yield f"unknown ({whose}): {reason}"
    if len(reasons) > _MOST_REASONS:
        yield f"{counted(len(reasons) - _MOST_REASONS, 'more reason')}: see the list that -f json prints"


def _functions(pfs: Sequence[Row]) -> Iterator[Row]:
    for physical in pfs:
        yield physical
        yield from physical["vfs"]


def _join(line: Line, screen: Screen = ANY_SCREEN) -> str:
    return _INDENT + "".join(screen.paint(cell.text, Tone.PENDING if cell.is_wrong else None) for cell in line)


def _title(physical: Row) -> str:
    """Return what is known of a physical function, on one line."""
    name = physical["netdev"]
    start = physical["address"] if name is None else f"{name} ({physical['address']})"
    node, link, tags = physical["numa_node"], physical["link"], _networks(physical)
    is_read, total = physical["reason"] is None, counted(physical["total_vfs"], "virtual function")
    known = [
        physical["driver"] or ("no driver" if is_read else None),
        None if node is None else f"node {node}",
        f"{physical['num_vfs']} of {total}" if is_read else None,
        None if link is None else f"link {link}",
        None if physical["speed"] is None else f"{physical['speed']:,} Mbit/s",
        f"physical_network {', '.join(tags)}" if tags else None,
        None if physical["autoprobe"] is not False else "autoprobe off",
        None if not physical["used"] else f"use: {_show_user(physical)}",
        physical["reason"],
    ]
    return f"{start}: {', '.join(part for part in known if part is not None)}"


def _networks(physical: Row) -> list[str]:
    found = (str(row["tags"].get("physical_network") or "") for row in (physical, *physical["vfs"]))
    return [name for name in dict.fromkeys(found) if name]


def _cells(function: Row) -> list[Cell]:
    return [
        Cell(str(function["index"])),
        Cell(function["address"]),
        Cell(function["driver"] or _NOTHING),
        Cell(function["netdev"] or _NOTHING),
        Cell(function["mac"] or _NOTHING),
        Cell(_show_vlan(function)),
        Cell(_show_rates(function)),
        Cell(", ".join(_differences(function)) or _NOTHING),
        Cell(function["irqs"] or _NOTHING),
        Cell(function["cpus"] or _NOTHING),
        Cell(function["reason"] or _show_user(function), function["used"] is None or function["reason"] is not None),
    ]


def _show_vlan(function: Row) -> str:
    vlan, qos = function["vlan"], function["qos"]
    return _NOTHING if not vlan else f"{vlan} qos {qos}" if qos else str(vlan)


def _show_rates(function: Row) -> str:
    """Return the least and the largest rate; without any limit, nothing."""
    least, most = function["min_tx_rate"], function["max_tx_rate"]
    return f"{least or 0}-{most or ''}" if least or most else _NOTHING


def _differences(function: Row) -> Iterator[str]:
    """Give the settings that are not as those of a new virtual function."""
    if function["trust"]:
        yield "trust"
    if function["spoofchk"] is False:
        yield "no spoofchk"
    if function["link_state"] not in (None, LinkState.AUTO.value):
        yield f"link {function['link_state']}"


def _show_user(function: Row) -> str:
    """Return by whom a function is used, and how."""
    user = function["used_by"]
    if user is None:
        return _FREE
    if function["used"] is None:
        return str(user["kind"])
    who = user["name"] or user["guest"]
    if user["pid"] is not None:
        who = f"{user['process'] or who or 'process'} (pid {user['pid']})"
    shown = " ".join(part for part in (user["kind"], who) if part)
    return f"{shown}: {user['message']}" if user["message"] else shown


def _sum_up(pfs: Sequence[Row]) -> str:
    functions = [function for physical in pfs for function in physical["vfs"]]
    uses = Counter(
        _FREE if row["used"] is False else UseKind.UNKNOWN.value if row["used"] is None else "used" for row in functions
    )
    parts = ", ".join(f"{uses[word]} {word}" for word in ("used", _FREE, UseKind.UNKNOWN.value) if uses[word])
    shown = counted(len(functions), "virtual function")
    return f"{counted(len(pfs), 'device')}, {shown}{f': {parts}' if parts else ''}"
