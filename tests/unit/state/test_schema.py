# SPDX-License-Identifier: Apache-2.0
"""The tables of state.db: made in steps, all that are due or none."""

import contextlib
import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from irqaffinity.state.fields import BadState
from irqaffinity.state.format import NewerState
from irqaffinity.state.rows import COLUMNS, clear, put, read_boot, read_state, whole
from irqaffinity.state.schema import MIGRATIONS, check_version, check_whole, is_mistake, migrate
from irqaffinity.state.sums import offer_sums, sum_of
from tests.unit.state.sample import (
    BOOT,
    DISK,
    GUEST,
    NIC,
    OTHER_BOOT,
    SPECS,
    STATES,
    SUMS,
    changes,
    make_old_state,
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
    assert read_state(connection) == make_old_state(3)


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
