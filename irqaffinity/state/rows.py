# SPDX-License-Identifier: Apache-2.0
"""The tables of the state and their rows.

Sets of CPUs are texts as the kernel writes them, devices and guests as everywhere; `next_cpu` is 0 or 1. `specs` has
the times of `RememberedSpecs`, and so has `proofs`, of one row at most. `sum` is the checksum of the other columns in
their order here.

`host_records` and `host_managed` are those of the host: a program from before them can read all the others. There `-`
is the device of an interrupt without one, and -1 the number of the default affinity. `told` has lists of numbers with
commas. An interrupt that changes hands changes its table, in one transaction. In `deferred`, which has interrupts of
both kinds, no guest stands for the host. Holds outlive a boot, like specs and proofs.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime

from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.hold import Hold
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.proof import Proof
from irqaffinity.model.record import Changes, Record, RememberedSpecs, State
from irqaffinity.state.cells import cells_of_deferred, cells_of_hold, cells_of_record, cells_of_told
from irqaffinity.state.fields import TIME, BadState, Row
from irqaffinity.state.sums import end_sum, start_sum, sum_of
from irqaffinity.state.values import (
    deferred_in,
    fixed_in,
    hold_in,
    host_fixed_in,
    host_record_in,
    record_in,
    specs_in,
    told_in,
)

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "boot": ("boot_id",),
    "records": ("device", "owner", "driver", "original", "written", "previous", "spread_over", "next_cpu", "irq"),
    "managed": ("device", "irq", "action", "verdict"),
    "specs": ("uuid", "mask", "timestamp", "publisher", "arrived"),
    "proofs": ("what", "since", "seen"),
    "host_records": (
        "device",
        "irq",
        "driver",
        "action",
        "original",
        "written",
        "previous",
        "spread_over",
        "next_cpu",
    ),
    "host_managed": ("device", "irq", "action", "verdict"),
    "told": ("socket", "cpus_before", "irqs_before", "cpus", "irqs"),
    "holds": ("id", "since", "until", "reason", "boot_id", "ends_at", "guest", "device", "everything"),
    "deferred": ("device", "irq", "guest", "origin", "target", "since", "times", "cause", "hold"),
}
"""The columns that this program reads and writes, beside `sum`; a table may have more."""

_SELECT = {table: f"SELECT {', '.join(columns)}, sum FROM {table}" for table, columns in COLUMNS.items()}
_ALIKE = ", ".join(COLUMNS["records"][:-1])
_SELECT_ALIKE = (
    f"SELECT {_ALIKE}, group_concat(coalesce(irq, 'NULL')), group_concat(coalesce(sum, 'NULL')) FROM records"
    f" GROUP BY {_ALIKE}"
)
_PUT = {
    table: f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}, sum) VALUES ({'?, ' * len(columns)}?)"
    for table, columns in COLUMNS.items()
}
_RECORDS, _FIXED_TABLES = ("records", "host_records"), ("managed", "host_managed")
"""The table of guests' interrupts, and that of the host's."""

_DROP_IRQ = {
    table: f"DELETE FROM {table} WHERE device = ? AND irq = ?" for table in (*_RECORDS, *_FIXED_TABLES, "deferred")
}
_DROP_SPECS = "DELETE FROM specs WHERE uuid = ?"
_DROP_TOLD = "DELETE FROM told WHERE socket = ?"
_DROP_HOLD = "DELETE FROM holds WHERE id = ?"
_PROOF = "extra specs"


def read_boot(connection: sqlite3.Connection) -> str | None:
    """Return the id of the boot that the records belong to, None where nothing was stored yet; raise BadState."""
    return next((row.text("boot_id") for row in _rows(connection, "boot")), None)


def read_specs(connection: sqlite3.Connection) -> dict[GuestId, RememberedSpecs]:
    """Return the extra specs; raise BadState."""
    return {row.guest("uuid"): specs_in(row) for row in _rows(connection, "specs")}


def read_proof(connection: sqlite3.Connection) -> Proof | None:
    """Return the proof, None where there is none or where its times make no sense; raise BadState."""
    for row in _rows(connection, "proofs"):
        if row.text("what") == _PROOF:
            try:
                since, seen = (datetime.strptime(row.text(name) + "+0000", TIME + "%z") for name in ("since", "seen"))
            except ValueError:
                return None
            return Proof(since, seen) if since <= seen else None
    return None


def read_holds(connection: sqlite3.Connection) -> dict[int, Hold]:
    """Return the holds by id, also those that are over; raise BadState."""
    return dict(map(hold_in, _rows(connection, "holds")))


def read_state(connection: sqlite3.Connection) -> State:
    """Return all that is stored; raise BadState."""
    fixed = dict(map(host_fixed_in, _rows(connection, "host_managed")))
    fixed.update(fixed_in(row) for row in _rows(connection, "managed"))
    records = _read_records(connection)
    for irq, record in map(host_record_in, _rows(connection, "host_records")):
        records.setdefault(irq.device, {}).setdefault(irq.number, record)
    told = dict(map(told_in, _rows(connection, "told")))
    deferred = dict(map(deferred_in, _rows(connection, "deferred")))
    specs, proof = read_specs(connection), read_proof(connection)
    return State(records, fixed, specs, proof, told, read_holds(connection), deferred)


def _read_records(connection: sqlite3.Connection) -> dict[PciAddress, dict[int, Record]]:
    """Return the records; those of a device that differ in the number alone are read as one row, and are one object."""
    records: dict[PciAddress, dict[int, Record]] = defaultdict(dict)
    for *cells, sums in connection.execute(_SELECT_ALIKE):
        row = Row("records", dict(zip(COLUMNS["records"], cells, strict=True)))
        numbers, record = row.irqs("irq"), record_in(row)
        start = start_sum("records", cells[:-1])
        if sums != ",".join([str(end_sum(start, str(number))) for number in numbers]):
            raise _damaged(row)
        records[row.device("device")].update(dict.fromkeys(numbers, record))
    return dict(records)


def put(connection: sqlite3.Connection, changes: Changes) -> None:
    """Make the changes, within the transaction of the caller."""
    for irq, record in changes.records.items():
        if record is None:
            _drop_irq(connection, _RECORDS, irq)
        elif record.owner == HOST:
            row = str(irq.device), irq.number, record.driver, record.action, *cells_of_record(record)
            _put_irq(connection, _RECORDS[::-1], irq, row)
        else:
            row = str(irq.device), record.owner, record.driver, *cells_of_record(record), irq.number
            _put_irq(connection, _RECORDS, irq, row)
    for irq, fixed in changes.fixed.items():
        if fixed is None:
            _drop_irq(connection, _FIXED_TABLES, irq)
        else:
            tables = _FIXED_TABLES[::-1] if fixed.is_hosts else _FIXED_TABLES
            _put_irq(connection, tables, irq, (str(irq.device), irq.number, fixed.action, fixed.verdict.value))
    for uuid, specs in changes.extra_specs.items():
        if specs is None:
            connection.execute(_DROP_SPECS, (uuid,))
        else:
            _put(connection, "specs", (uuid, specs.mask, specs.timestamp, specs.publisher, specs.arrived))
    if changes.proof is not None:
        _put(connection, "proofs", (_PROOF, f"{changes.proof.since:{TIME}}", f"{changes.proof.seen:{TIME}}"))
    for socket, told in changes.told.items():
        if told is None:
            connection.execute(_DROP_TOLD, (socket,))
        else:
            _put(connection, "told", cells_of_told(socket, told))
    _put_holds(connection, changes)


def _put_holds(connection: sqlite3.Connection, changes: Changes) -> None:
    for number, hold in changes.holds.items():
        if hold is None:
            connection.execute(_DROP_HOLD, (number,))
        else:
            _put(connection, "holds", cells_of_hold(hold))
    for irq, deferred in changes.deferred.items():
        if deferred is None:
            _drop_irq(connection, ("deferred",), irq)
        else:
            _put(connection, "deferred", cells_of_deferred(irq, deferred))


def clear(connection: sqlite3.Connection, boot_id: str) -> None:
    """Forget all rows and begin a boot, within the transaction of the caller."""
    for table in COLUMNS:
        connection.execute(f"DELETE FROM {table}")
    _put(connection, "boot", (boot_id,))


def whole(state: State) -> Changes:
    """Return all rows of a state as changes to an empty state."""
    return Changes(
        {IrqId(device, number): record for device, rows in state.records.items() for number, record in rows.items()},
        state.fixed,
        state.extra_specs,
        state.proof,
        state.told,
        state.holds,
        state.deferred,
    )


def _put(connection: sqlite3.Connection, table: str, cells: tuple[object, ...]) -> None:
    connection.execute(_PUT[table], (*cells, sum_of(table, cells)))


def _put_irq(connection: sqlite3.Connection, tables: tuple[str, ...], irq: IrqId, cells: tuple[object, ...]) -> None:
    """Put a row into the first table, and delete one of this interrupt from the others."""
    _drop_irq(connection, tables[1:], irq)
    _put(connection, tables[0], cells)


def _drop_irq(connection: sqlite3.Connection, tables: tuple[str, ...], irq: IrqId) -> None:
    for table in tables:
        connection.execute(_DROP_IRQ[table], (str(irq.device), irq.number))


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[Row]:
    for *cells, stored in connection.execute(_SELECT[table]):
        row = Row(table, dict(zip(COLUMNS[table], cells, strict=True)))
        if stored != sum_of(table, cells):
            raise _damaged(row)
        yield row


def _damaged(row: Row) -> BadState:
    return BadState(f"{row.where()}: it is damaged: its checksum does not match")
