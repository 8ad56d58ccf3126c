# SPDX-License-Identifier: Apache-2.0
"""Reads the history while others write it: it delays nobody, and changes nothing on disk."""

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from irqaffinity.model.guest import parse_guest_id
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.target import UnknownTarget
from irqaffinity.model.text import clean, printable
from irqaffinity.model.verdict import Cause
from irqaffinity.state.beside import read_beside
from irqaffinity.state.database import transaction
from irqaffinity.state.fields import BadState
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.history import COLUMNS, HISTORY, MIGRATIONS, NEWER, NONE
from irqaffinity.state.schema import check_columns, check_version

_SHORT_ADDRESS = re.compile(r"[0-9a-f]{2}:[01][0-9a-f]\.[0-7]", re.IGNORECASE)
_IRQS = re.compile(rb"([0-9]{1,9})(?:-([0-9]{1,9}))?")
_KEYS = ("time", "guest", "name", "device", "irqs", "from", "to", "cause", "verdict")
"""The keys of the JSON, for the columns in their order."""

_NULLABLE = frozenset({"name", "from", "to"})
_NONE_FOR_NULL = frozenset({"guest", "device"})
_NAMES = "SELECT guest, name, max(id) FROM lines WHERE name IS NOT NULL GROUP BY guest"

Line = Mapping[str, str | None]
"""A line of the history under the keys of the JSON; `time` is in UTC, whole seconds.

`setting` is that of a physical or virtual function where one was changed; `irqs` has it too.
"""


class Wanted(NamedTuple):
    """Which lines: from `since`, before `until`, of a guest (uuid or name), device (address) or interrupt, by cause.

    Those of the host are of no guest.
    """

    since: datetime | None = None
    until: datetime | None = None
    guest: str | None = None
    device: str | None = None
    irq: int | None = None
    cause: str | None = None


class _Condition(NamedTuple):
    """A part of WHERE with its values; `subject` names the thing that at least one line has to have."""

    sql: str
    values: Sequence[object]
    subject: str | None = None


class HistoryMissing(Exception):
    """There is no history, and so no line of it; str() says why."""


def read_history(folder: StateFolder, wanted: Wanted) -> list[Line]:
    """Return the wanted lines in the order in which they were written.

    Raises StateError for a history that cannot be read, HistoryMissing where there is none, and UnknownTarget for a
    guest, device or interrupt that no line has.
    """
    conditions = list(_conditions(wanted))

    def read(connection: sqlite3.Connection) -> list[Line]:
        if not check_version(connection, MIGRATIONS):
            return []  # another process is just making it
        check_columns(connection, {"lines": COLUMNS})
        connection.create_function("has_irq", 2, _has_irq, deterministic=True)
        with transaction(connection, "DEFERRED"):
            return _select(connection, conditions)

    is_there = os.path.lexists(folder.path)
    lines = read_beside(folder, HISTORY, NEWER, read, "move it away, and a new one begins") if is_there else None
    if lines is not None:
        return lines
    for condition in conditions:
        _require(condition, is_known=False)
    what = f"{folder.path} has no {HISTORY}" if is_there else f"there is no folder {folder.path}"
    raise HistoryMissing(clean(f"{what}: nothing has been moved yet, or [history] lines is 0"))


def _require(condition: _Condition, *, is_known: bool) -> None:
    """Raise UnknownTarget where no line has what a person named."""
    if condition.subject is not None and not is_known:
        raise UnknownTarget(f"no line of the history has {condition.subject}; without a filter, all lines are shown")


def _select(connection: sqlite3.Connection, conditions: Sequence[_Condition]) -> list[Line]:
    for condition in conditions:
        sql = f"SELECT EXISTS (SELECT 1 FROM lines WHERE {condition.sql})"
        _require(condition, is_known=bool(connection.execute(sql, condition.values).fetchone()[0]))
    names = {guest: name for guest, name, _ in connection.execute(_NAMES)}
    where = " AND ".join(f"({condition.sql})" for condition in conditions) or "TRUE"
    rows = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM lines WHERE {where} ORDER BY id",
        [value for condition in conditions for value in condition.values],
    )
    texts: dict[str, str] = {}
    return [_line(row, names, texts) for row in rows]


def _conditions(wanted: Wanted) -> Iterator[_Condition]:
    if wanted.since is not None:
        yield _Condition("time >= ?", [wanted.since.timestamp()])
    if wanted.until is not None:
        yield _Condition("time < ?", [wanted.until.timestamp()])
    if wanted.cause is not None:
        yield _Condition("cause = ?", [wanted.cause])
    if wanted.guest is not None:
        try:
            uuid = str(parse_guest_id(wanted.guest))
        except ValueError:
            uuid = ""
        sql = "guest = ? OR guest IN (SELECT guest FROM lines WHERE name = ?)"
        yield _Condition(sql, [uuid, clean(wanted.guest)], f"a guest '{clean(wanted.guest)}'")
    if wanted.device is not None:
        sql = "device LIKE ?" if _SHORT_ADDRESS.fullmatch(wanted.device) else "device = ?"
        yield _Condition(sql, [_address(wanted.device)], f"a device '{clean(wanted.device)}'")
    if wanted.irq is not None:
        yield _Condition("has_irq(CAST(irqs AS BLOB), ?)", [wanted.irq], f"an interrupt {wanted.irq}")


def _address(text: str) -> str:
    """Return the pattern of an address in a line; a short address matches any PCI domain."""
    if _SHORT_ADDRESS.fullmatch(text):
        return f"%:{text.lower()}"
    try:
        return str(PciAddress.parse(text))
    except ValueError:
        return ""


def _has_irq(irqs: bytes | None, number: int) -> bool:
    """Tell whether a list such as `40-43,47` has a number; Python can be given damaged text as bytes alone."""
    found = map(_IRQS.fullmatch, (irqs or b"").split(b","))
    return any(part is not None and int(part[1]) <= number <= int(part[2] or part[1]) for part in found)


def _line(row: Sequence[object], names: Mapping[object, object], texts: dict[str, str]) -> Line:
    """Return the line of a row, with the guest's name from another line where it has none; raise BadState.

    `texts` has each text once, for a long history repeats the same few in every line.
    """
    time, *cells = row
    found = dict(zip(_KEYS[1:], cells, strict=True))
    found["name"] = found["name"] if found["name"] is not None else names.get(found["guest"])
    shown = _show_time(time)
    line: dict[str, str | None] = {"time": texts.setdefault(shown, shown)}
    for key, value in found.items():
        if value == NONE and key in _NONE_FOR_NULL:
            line[key] = None
        elif isinstance(value, str):
            line[key] = texts[value] if value in texts else texts.setdefault(value, printable(value))
        elif value is None and key in _NULLABLE:
            line[key] = None
        else:
            raise BadState(f"a line of {line['time']} has no {key}")
    line["setting"] = line["irqs"] if line["cause"] == Cause.SRIOV.value else None
    return line


def _show_time(time: object) -> str:
    try:
        if isinstance(time, int):
            return f"{datetime.fromtimestamp(time, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        pass
    raise BadState("a line has no time")
