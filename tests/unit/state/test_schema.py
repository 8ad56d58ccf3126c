# SPDX-License-Identifier: Apache-2.0
"""The tables of state.db: made in steps, all that are due or none."""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings

from irqaffinity.model.irq import IrqId
from irqaffinity.model.record import Changes, Fixed
from irqaffinity.model.verdict import Verdict
from irqaffinity.state.fields import BadState
from irqaffinity.state.format import NewerState
from irqaffinity.state.rows import COLUMNS, clear, put, read_boot, read_state, whole
from irqaffinity.state.schema import MIGRATIONS, check_version, check_whole, is_mistake, migrate
from irqaffinity.state.sums import offer_sums, sum_of
from tests.unit.state.sample import (
    BOOT,
    DISK,
    GUEST,
    HOST_RECORD,
    NIC,
    OTHER_BOOT,
    RECORD,
    SOCKET,
    SPECS,
    STATES,
    SUMS,
    changes,
    make_old_state,
    state_of,
)

STEPS = (
    ["CREATE TABLE holds (id INTEGER PRIMARY KEY)", "INSERT INTO holds VALUES (1)"],
    ["ALTER TABLE holds ADD COLUMN reason TEXT", "UPDATE holds SET reason = 'why'"],
    ["INSERT INTO holds VALUES (2, 'new')"],
)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        yield made


def rows(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    return connection.execute("SELECT * FROM holds").fetchall()


@pytest.mark.parametrize("first", range(4))
def test_only_the_migrations_that_are_due_are_made_in_their_order(connection, first):
    migrate(connection, STEPS[:first])
    assert check_version(connection, STEPS) == first
    for _ in range(2):
        migrate(connection, STEPS)
        assert rows(connection) == [(1, "why"), (2, "new")]
        assert check_version(connection, STEPS) == 3


@pytest.mark.parametrize(
    ("statement", "error"),
    [("ALTER TABLE absent ADD COLUMN it", BadState), ("INSERT INTO holds VALUES (1, 'again')", sqlite3.IntegrityError)],
)
def test_a_migration_that_fails_undoes_all_of_them(connection, statement, error):
    migrate(connection, STEPS[:1])
    with pytest.raises(error):
        migrate(connection, (*STEPS, [statement]))
    assert rows(connection) == [(1,)]
    assert (check_version(connection, STEPS), connection.in_transaction) == (1, False)


@pytest.mark.parametrize("version", range(len(MIGRATIONS)))
def test_a_version_that_the_tables_are_not_of_is_damage(connection, version):
    migrate(connection)
    connection.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(BadState, match="its tables are not those of its version"):
        migrate(connection)


def test_the_rows_of_a_database_without_checksums_get_them(connection):
    migrate(connection, MIGRATIONS[:1])
    state = make_old_state(3)
    rows_of = {
        "boot": [(BOOT,)],
        "records": [(str(NIC), GUEST, "vfio-pci", "0-31", "21,23", None, None, 0, irq) for irq in range(100, 103)],
        "managed": [(str(DISK), 36, "nvme0q1", "managed")],
        "specs": [(GUEST, SPECS.mask, SPECS.timestamp, SPECS.publisher, SPECS.arrived)],
    }
    for table, rows_before in rows_of.items():
        columns = COLUMNS[table]
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows_before)
    migrate(connection)
    assert read_boot(connection) == BOOT
    assert read_state(connection) == state


@pytest.mark.parametrize(
    ("since", "seen"),
    [("", "2026-11-20 12:00:00"), ("2026-11-20 12:00:00", "soon"), ("2026-11-21 12:00:00", "2026-11-20 12:00:00")],
)
def test_a_proof_that_makes_no_sense_costs_itself_alone(connection, since, seen):
    migrate(connection)
    clear(connection, BOOT)
    put(connection, changes(3))
    offer_sums(connection)
    connection.execute("UPDATE proofs SET since = ?, seen = ?", (since, seen))
    connection.execute(SUMS[-1])
    assert read_state(connection) == state_of(replace(changes(3), proof=None))


@pytest.mark.parametrize("table", COLUMNS)
@pytest.mark.parametrize("value", ["NULL", "sum + 1", "0", "'x'"])
def test_a_row_whose_checksum_is_another_is_named(connection, table, value):
    migrate(connection)
    clear(connection, BOOT)
    put(connection, changes())
    connection.execute(f"UPDATE {table} SET sum = {value}")
    with pytest.raises(BadState, match=f"^{table}.*: it is damaged: its checksum does not match$"):
        (read_boot if table == "boot" else read_state)(connection)


def test_a_checksum_tells_cells_apart_that_look_alike():
    cells = [("a", "b"), ("ab", ""), ("a", None), ("a", "None"), (1, "b"), ("1", "b"), ("a", "b", "")]
    assert len({sum_of("specs", found) for found in cells}) == len(cells)
    assert sum_of("specs", cells[0]) != sum_of("managed", cells[0])
    assert sum_of("specs", ("é\udcff", 7)) == 0x3CB55D02


def test_a_newer_schema_is_not_touched(connection):
    migrate(connection, STEPS)
    with pytest.raises(NewerState, match="its schema is 3, and this program knows 2"):
        migrate(connection, STEPS[:2])
    assert rows(connection) == [(1, "why"), (2, "new")]


def test_the_migrations_make_what_is_read(connection):
    migrate(connection)
    check_whole(connection)
    assert check_version(connection) == len(MIGRATIONS)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert tables == set(COLUMNS)


def test_a_column_more_does_no_harm_and_one_less_is_named(connection):
    migrate(connection)
    connection.execute("ALTER TABLE records ADD COLUMN later TEXT")
    check_whole(connection)
    connection.execute("ALTER TABLE records DROP COLUMN driver")
    with pytest.raises(BadState, match="table records has no driver"):
        check_whole(connection)


OLD_RECORDS = "SELECT device, owner, driver, original, written, previous, spread_over, next_cpu, irq, sum FROM records"
"""What a program from before isolation reads of records."""


def test_a_program_from_before_isolation_finds_what_it_can_read(connection):
    migrate(connection)
    clear(connection, BOOT)
    put(connection, changes(2))
    found = connection.execute(OLD_RECORDS).fetchall()
    cells = [(str(NIC), GUEST, "vfio-pci", "0-31", "21,23", None, None, 0, irq) for irq in (100, 101)]
    assert found == [(*row, sum_of("records", row)) for row in cells]
    (fixed,) = connection.execute("SELECT device, irq, action, verdict FROM managed").fetchall()
    assert fixed == (str(DISK), 36, "nvme0q1", "managed")


ONE_IRQ = IrqId(NIC, 100)
OWNED = [RECORD, HOST_RECORD, None]
KNOWN = [Fixed("nvme0q1", Verdict.MANAGED), Fixed("nvme0q1", Verdict.MANAGED, is_hosts=True), None]


@pytest.mark.parametrize("first", range(3))
@pytest.mark.parametrize("then", range(3))
def test_an_interrupt_that_changes_hands_has_one_row(connection, first, then):
    migrate(connection)
    for step in (first, then):
        put(connection, Changes({ONE_IRQ: OWNED[step]}, {ONE_IRQ: KNOWN[step]}))
    for tables in (("records", "host_records"), ("managed", "host_managed")):
        counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
        assert counts == [then == 0, then == 1]
    assert read_state(connection) == state_of(Changes({ONE_IRQ: OWNED[then]}, {ONE_IRQ: KNOWN[then]}))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE host_records SET device = 'nvme'", "host_records of nvme [-0-9]+: device nvme is not a PCI address"),
        ("UPDATE host_records SET irq = -1 WHERE irq = 35", "irq -1 is not an interrupt number"),
        ("UPDATE host_records SET irq = -2 WHERE irq = -1", "host_records of - -2: irq -2 is not an interrupt number"),
        ("UPDATE host_managed SET verdict = 'ok'", "verdict ok is none of managed, immovable"),
        ("UPDATE told SET irqs = '36,,100'", f"told of {SOCKET}: irqs '' is not an interrupt number"),
        ("UPDATE told SET cpus = 'all'", "cpus all is not a list of CPUs"),
        ("UPDATE holds SET id = 0 WHERE id = 3", "holds of 0: id 0 is not a number from 1 on"),
        ("UPDATE holds SET until = 'noon'", "until noon is not a time such as 2026-11-20 12:00:00"),
        ("UPDATE holds SET ends_at = 9e999", "ends_at inf is not a number of seconds"),
        ("UPDATE holds SET guest = 'web-1'", "guest web-1 is not a uuid"),
        ("UPDATE holds SET device = 'ens1f0'", "device ens1f0 is not a PCI address"),
        ("UPDATE holds SET everything = 2", "everything 2 is neither true nor false"),
        ("UPDATE deferred SET times = 0", "deferred of .*: times 0 is not a number from 1 on"),
        ("UPDATE deferred SET cause = 'mood'", "cause mood is none of start, "),
        ("UPDATE deferred SET target = 'all'", "target all is not a list of CPUs"),
    ],
)
def test_a_row_that_makes_no_sense_is_named(connection, statement, said):
    migrate(connection)
    put(connection, changes())
    connection.execute(statement)
    offer_sums(connection)
    for again in SUMS:
        connection.execute(again)
    with pytest.raises(BadState, match=said):
        read_state(connection)


@given(STATES, STATES)
@settings(deadline=None, max_examples=50)
def test_any_state_comes_back_from_its_rows(before, state):
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        assert read_boot(connection) is None
        for boot, stored in ((OTHER_BOOT, before), (BOOT, state)):
            clear(connection, boot)
            put(connection, whole(stored))
            assert read_state(connection) == stored
            assert read_boot(connection) == boot


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELEKT", True),
        ("SELECT * FROM nothing", True),
        ("SELECT nothing FROM boot", True),
        ("INSERT INTO boot (nothing) VALUES (1)", True),
        ("CREATE TABLE boot (x)", True),
        ("ALTER TABLE boot ADD COLUMN boot_id", True),
        ("UPDATE boot SET boot_id = 1", False),
    ],
)
@pytest.mark.parametrize("is_numbered", [True, False])
def test_a_statement_that_does_not_suit_the_tables_is_told_from_what_the_world_does(
    connection: sqlite3.Connection, statement: str, expected: bool, is_numbered: bool
) -> None:
    """SQLite's numbers are in the exceptions of Python 3.11; before it, the words have to tell."""
    connection.execute("CREATE TABLE boot (boot_id)")
    connection.execute("PRAGMA query_only = on" if not expected else "PRAGMA query_only = off")
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute(statement)
    error = caught.value if is_numbered else sqlite3.OperationalError(str(caught.value))
    assert is_mistake(error) is expected
