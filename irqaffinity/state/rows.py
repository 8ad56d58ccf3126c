# SPDX-License-Identifier: Apache-2.0
"""The tables of the state and their rows.

Sets of CPUs are texts as the kernel writes them, devices and guests as everywhere; `next_cpu` is 0 or 1. `specs` has
the times of `RememberedSpecs`, and so has `proofs`, of one row at most. `sum` is the checksum of the other columns in
their order here.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.proof import Proof
from irqaffinity.model.record import Changes, Fixed, Record, RememberedSpecs, State
from irqaffinity.model.verdict import Verdict
from irqaffinity.state.fields import BadState, Row
from irqaffinity.state.sums import end_sum, start_sum, sum_of

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "boot": ("boot_id",),
    "records": ("device", "owner", "driver", "original", "written", "previous", "spread_over", "next_cpu", "irq"),
    "managed": ("device", "irq", "action", "verdict"),
    "specs": ("uuid", "mask", "timestamp", "publisher", "arrived"),
    "proofs": ("what", "since", "seen"),
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
_DROP_IRQ = {table: f"DELETE FROM {table} WHERE device = ? AND irq = ?" for table in ("records", "managed")}
_DROP_SPECS = "DELETE FROM specs WHERE uuid = ?"
_PROOF = "extra specs"
_TIME = "%Y-%m-%d %H:%M:%S"
_FIXED = {verdict.value: verdict for verdict in (Verdict.MANAGED, Verdict.IMMOVABLE)}


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
                since, seen = (datetime.strptime(row.text(name) + "+0000", _TIME + "%z") for name in ("since", "seen"))
            except ValueError:
                return None
            return Proof(since, seen) if since <= seen else None
    return None


def read_state(connection: sqlite3.Connection) -> State:
    """Return all that is stored; raise BadState."""
    fixed = dict(fixed_in(row) for row in _rows(connection, "managed"))
    return State(_read_records(connection), fixed, read_specs(connection), read_proof(connection))


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


def records_in(rows: Iterator[Row]) -> dict[PciAddress, dict[int, Record]]:
    """Return the records of rows with the columns of `records`; raise BadState."""
    records: dict[PciAddress, dict[int, Record]] = defaultdict(dict)
    for row in rows:
        records[row.device("device")][row.irq("irq")] = record_in(row)
    return dict(records)


def record_in(row: Row) -> Record:
    """Return the record in a row of `records`; raise BadState."""
    return Record(
        owner=row.guest("owner"),
        driver=row.text_or_none("driver"),
        original=row.cpus_or_none("original"),
        written=row.cpus("written"),
        previous=row.cpus_or_none("previous"),
        spread_over=row.cpus_or_none("spread_over"),
        next_cpu=row.flag("next_cpu"),
    )


def fixed_in(row: Row) -> tuple[IrqId, Fixed]:
    """Return the interrupt in a row of `managed`, with its action and verdict; raise BadState."""
    verdict = _FIXED.get(row.text("verdict"))
    if verdict is None:
        raise row.wrong("verdict", f"is none of {', '.join(_FIXED)}")
    return IrqId(row.device("device"), row.irq("irq")), Fixed(row.text("action"), verdict)


def specs_in(row: Row) -> RememberedSpecs:
    """Return the extra specs in a row of `specs`; raise BadState."""
    return RememberedSpecs(
        row.text_or_none("mask"), row.text("timestamp"), row.text_or_none("publisher"), row.text_or_none("arrived")
    )


def put(connection: sqlite3.Connection, changes: Changes) -> None:
    """Make the changes, within the transaction of the caller."""
    for irq, record in changes.records.items():
        if record is None:
            _drop_irq(connection, "records", irq)
        else:
            _put(connection, "records", (str(irq.device), *_cells_of(record), irq.number))
    for irq, fixed in changes.fixed.items():
        if fixed is None:
            _drop_irq(connection, "managed", irq)
        else:
            _put(connection, "managed", (str(irq.device), irq.number, fixed.action, fixed.verdict.value))
    for uuid, specs in changes.extra_specs.items():
        if specs is None:
            connection.execute(_DROP_SPECS, (uuid,))
        else:
            _put(connection, "specs", (uuid, specs.mask, specs.timestamp, specs.publisher, specs.arrived))
    if changes.proof is not None:
        _put(connection, "proofs", (_PROOF, f"{changes.proof.since:{_TIME}}", f"{changes.proof.seen:{_TIME}}"))


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
    )


def _put(connection: sqlite3.Connection, table: str, cells: tuple[object, ...]) -> None:
    connection.execute(_PUT[table], (*cells, sum_of(table, cells)))


def _drop_irq(connection: sqlite3.Connection, table: str, irq: IrqId) -> None:
    connection.execute(_DROP_IRQ[table], (str(irq.device), irq.number))


def _cells_of(record: Record) -> tuple[object, ...]:
    return (
        record.owner,
        record.driver,
        _text(record.original),
        str(record.written),
        _text(record.previous),
        _text(record.spread_over),
        int(record.next_cpu),
    )


def _text(cpus: CpuSet | None) -> str | None:
    return None if cpus is None else str(cpus)


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[Row]:
    for *cells, stored in connection.execute(_SELECT[table]):
        row = Row(table, dict(zip(COLUMNS[table], cells, strict=True)))
        if stored != sum_of(table, cells):
            raise _damaged(row)
        yield row


def _damaged(row: Row) -> BadState:
    return BadState(f"{row.where()}: it is damaged: its checksum does not match")
