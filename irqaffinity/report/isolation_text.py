# SPDX-License-Identifier: Apache-2.0
"""Isolation for people: the intruders of each guest, what was moved for its sake, and CPUs that run out of vectors."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.text import counted, merge_numbers, printable
from irqaffinity.model.verdict import FAILED, IrqReason, Verdict
from irqaffinity.report.fit import Cell, Column, lay_out
from irqaffinity.report.layout import Line
from irqaffinity.report.names import common_name, first_numbers, without_numbers
from irqaffinity.report.screen import Screen, Tone, tone_of

Row = Mapping[str, Any]

MOST_GUESTS = 20
MOST_ALIKE = 8
MOST_MOVED = 20
"""The most guests, lines for a guest, and lines of moved interrupts: a host may have thousands of queues."""

_FEW = 10
"""A CPU is short of vectors when less than this part of them is free."""

_INDENT = 4
_NOTHING = "-"
_VERDICTS = {verdict.value: verdict for verdict in Verdict}
_SENTENCES = {term.value: term.sentence for term in (*Verdict, *IrqReason)}
_QUIET = frozenset({Verdict.OK.value, Verdict.SET.value, Verdict.WOULD_SET.value})
_FAILED = frozenset(verdict.value for verdict in FAILED)

_INTRUDERS = (
    Column("IRQS", 8),
    Column("NAME", 12, keeps_end=True),
    Column("DEVICE", None, 3),
    Column("CPUS", 6, 1),
    Column("MOVABLE", 12),
    Column("ARRIVED", None, 2, is_number=True),
)
_MOVED = (
    Column("IRQS", 8),
    Column("NAME", 12, keeps_end=True),
    Column("DEVICE", None, 2),
    Column("CPUS", 12),
    Column("VERDICT", None, 1),
)


class _Group(NamedTuple):
    """Rows that differ only in numbers, and the cells of their common line."""

    rows: Sequence[Row]
    cells: Sequence[str]
    tone: Tone | None


def isolation_lines(
    described: Mapping[str, Any], names: Mapping[str, str], screen: Screen, *, each_irq: bool = False
) -> Iterator[Line]:
    """Give the lines on isolation, none where there is nothing to tell.

    `described` has the keys of `describe_isolation`, as far as they are known; `names` are those of guests by uuid.
    Interrupts whose names differ in numbers alone share a line, and of many lines the first ones are shown; with
    `each_irq` each interrupt has its own.
    """
    work = described.get("isolation") or {}
    yield from _intruder_lines(described.get("intruders") or (), work.get("mode"), names, screen, each_irq)
    if work:
        yield from _work_lines(work, screen, each_irq)
    yield from map(_headroom_line, filter(is_short, described.get("headroom") or ()))


def is_short(headroom: Row) -> bool:
    """Tell whether a CPU has few free interrupt vectors."""
    return bool(headroom["free"] * _FEW < headroom["capacity"])


def describe_headroom(headroom: Row) -> str:
    """Return how many vectors are free on the CPU of a node that has the fewest."""
    where = "" if headroom["node"] is None else f" of node {headroom['node']}"
    at_most = "" if headroom["exact"] else "at most "
    free = f"{at_most}{headroom['free']}" if headroom["free"] > 0 else "none"
    return f"CPU {headroom['cpu']}{where} has {free} of {headroom['capacity']} interrupt vectors free"


def _headroom_line(headroom: Row) -> Line:
    return Line(describe_headroom(headroom), tone=Tone.PENDING if headroom["free"] > 0 else Tone.ERROR)


def _intruder_lines(
    intruders: Sequence[Row], mode: str | None, names: Mapping[str, str], screen: Screen, each_irq: bool
) -> Iterator[Line]:
    if not intruders:
        return
    movable = sum(row["movable"] is True for row in intruders)
    note = "" if mode == "enforce" else f"; [isolation] mode is {mode}, so none is moved"
    count = counted(len(intruders), "interrupt")
    text = f"Intruders: {count} on the CPUs of guests that do not own them, {movable} of them movable{note}"
    yield Line(printable(text), tone=Tone.HEAD, painted=len("Intruders:"))
    guests = _by_guest(intruders)
    shown = guests if each_irq else guests[:MOST_GUESTS]
    grouped = [
        _alike(rows, lambda row: _intruder_key(row, mode, names), _intruder_cells, each_irq) for _, rows in shown
    ]
    kept = [groups if each_irq else groups[:MOST_ALIKE] for groups in grouped]
    head, *laid = _lay_out(_INTRUDERS, list(chain.from_iterable(kept)), screen)
    yield head
    rest = iter(laid)
    for (uuid, _), groups, all_groups in zip(shown, kept, grouped, strict=True):
        name = names.get(uuid)
        yield Line(printable(f"{name} {uuid}" if name else uuid), 2, Tone.HEAD, len(printable(name or uuid)))
        yield from (next(rest) for _ in groups)
        yield from _cut_line(all_groups[len(groups) :])
    left = len(guests) - len(shown)
    if left:
        yield Line(f"... and {counted(left, 'more guest')} with intruders; -f json lists them", 2)


def _by_guest(intruders: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    """Return the intruders of each guest, first the guest to whose CPUs most came."""
    found: dict[str, list[Row]] = {}
    for row in intruders:
        for uuid in row["guests"]:
            found.setdefault(uuid, []).append(row)
    return sorted(found.items(), key=lambda item: (-sum(row["arrived"] or 0 for row in item[1]), item[0]))


def _intruder_key(row: Row, mode: str | None, names: Mapping[str, str]) -> str:
    """Return whether an intruder can be moved, and what was or would be done with it."""
    if row.get("owner") is not None:
        return f"of guest {names.get(row['owner'], row['owner'])}"
    if row["movable"] is not True:
        return f"no: {row['verdict'] or Verdict.MANAGED.value}"
    if row["verdict"] is None:
        return "yes: not moved" if mode == "enforce" else "yes"
    return f"yes: {row['verdict']}" + (f" to {row['target']}" if row["target"] is not None else "")


def _intruder_cells(rows: Sequence[Row], movable: str) -> list[str]:
    known = [row["arrived"] for row in rows if row["arrived"] is not None]
    cpus = _unite(row["cpus"] for row in rows)
    return [*_who(rows), cpus, movable, str(sum(known)) if known else _NOTHING]


def _work_lines(work: Mapping[str, Any], screen: Screen, each_irq: bool) -> Iterator[Line]:
    if work["message"] is not None:
        yield Line(printable(f"Isolation moves nothing: {work['message']}"), tone=Tone.ERROR)
    elif work["mode"] == "enforce" and (work["kept"] or work["housekeeping"]):
        away = f"; {counted(work['moved'], 'interrupt')} of the host kept away" if work.get("moved") else ""
        text = f"Isolation: {_describe_cpus(work['kept'] or '', work['housekeeping'] or '')}{away}"
        yield Line(printable(text), tone=Tone.HEAD, painted=len("Isolation:"))
    elif work["irqs"] or work["default"] is not None:
        why = "" if work["mode"] == "enforce" else f"[isolation] mode is {work['mode']}, so "
        text = f"Isolation: {why}what was moved before goes back"
        yield Line(printable(text), tone=Tone.HEAD, painted=len("Isolation:"))
    groups = _alike(work["irqs"], _moved_key, _moved_cells, each_irq)
    groups.sort(key=lambda group: group.rows[0]["verdict"] not in _FAILED)
    shown = groups if each_irq else groups[:MOST_MOVED]
    default = work["default"]
    if default is not None:
        cells = [_NOTHING, "default affinity", _NOTHING, _from_to([default]), default["verdict"]]
        shown = [_Group([{"irq": None, "reason": None, **default}], cells, _tone(default["verdict"])), *shown]
    if shown:
        yield from _lay_out(_MOVED, shown, screen)
    yield from _notes(shown)
    yield from _cut_line(groups[len(shown) - (default is not None) :])


def _describe_cpus(kept: str, house: str) -> str:
    """Return which CPUs are kept and which do the host's work; there are some of one of the two."""
    first = f"kept for guests {'is CPU' if kept.isdecimal() else 'are CPUs'} {kept}"
    first = first if kept else "no CPU is kept for a guest"
    if not house:
        return first
    return f"{first}; housekeeping {'CPU is' if house.isdecimal() else 'CPUs are'} {house}"


def _moved_key(row: Row) -> str:
    return "\0".join(str(row[key]) for key in ("verdict", "reason", "message"))


def _moved_cells(rows: Sequence[Row], _key: str) -> list[str]:
    return [*_who(rows), _from_to(rows), rows[0]["verdict"]]


def _from_to(rows: Sequence[Row]) -> str:
    before, after = (_unite(row[key] or "" for row in rows) for key in ("current", "target"))
    return f"{before} -> {after}"


def _notes(groups: Iterable[_Group]) -> Iterator[Line]:
    """Yield why interrupts did not simply move to their place, a line for each reason."""
    found: dict[tuple[str, bool, Tone | None], list[Row]] = {}
    for group in groups:
        row = group.rows[0]
        if row["reason"] is not None or (row["message"] is not None and row["verdict"] not in _QUIET):
            word = row["reason"] or row["verdict"]
            why = f"{word}: {row['message'] or _SENTENCES.get(word, '')}".rstrip(" :")
            found.setdefault((why, row["irq"] is None, group.tone), []).extend(group.rows)
    for (why, is_default, tone), rows in found.items():
        who = "default affinity" if is_default else merge_numbers(row["irq"] for row in rows)
        yield Line(printable(f"{who}: {why}"), _INDENT, tone)


def _alike(
    rows: Sequence[Row], key: Callable[[Row], str], cells: Callable[[Sequence[Row], str], list[str]], each_irq: bool
) -> list[_Group]:
    """Return the rows in groups whose names differ in numbers alone and whose `key` is the same, in their order."""
    found: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        pattern = row["irq"] if each_irq else without_numbers(row["name"] or "")
        found.setdefault((pattern, row["device"] is None, key(row)), []).append(row)
    return [_Group(alike, cells(alike, str(named[-1])), _tone(alike[0]["verdict"])) for named, alike in found.items()]


def _who(rows: Sequence[Row]) -> tuple[str, str, str]:
    """Return the numbers, the common name and the device of some interrupts."""
    devices = {row["device"] for row in rows}
    device = f"{len(devices)} devices" if len(devices) > 1 else next(iter(devices)) or _NOTHING
    return first_numbers(row["irq"] for row in rows), common_name([row["name"] or _NOTHING for row in rows]), device


def _unite(lists: Iterable[str]) -> str:
    """Return the CPUs of several lists; somebody else may have written them, so they may be none."""
    texts = list(dict.fromkeys(lists))
    try:
        sets = [CpuSet.parse(text) for text in texts]
    except ValueError:
        return " ".join(texts)
    return str(CpuSet(chain.from_iterable(sets))) or _NOTHING


def _lay_out(columns: Sequence[Column], groups: Sequence[_Group], screen: Screen) -> list[Line]:
    rows = [[Cell(printable(str(text))) for text in group.cells] for group in groups]
    width = None if screen.width is None else max(screen.width - _INDENT, 1)
    laid = ["".join(cell.text for cell in cells) for cells in lay_out(columns, rows, width)]
    tones = [Tone.HEAD, *(group.tone for group in groups)]
    return [Line(text, _INDENT, tone) for text, tone in zip(laid, tones, strict=True)]


def _cut_line(groups: Sequence[_Group]) -> Iterator[Line]:
    count = sum(len(group.rows) for group in groups)
    if count:
        yield Line(f"... and {counted(count, 'more interrupt')}; -f json lists them", _INDENT)


def _tone(verdict: str | None) -> Tone | None:
    return tone_of([_VERDICTS[verdict]]) if verdict in _VERDICTS else None
