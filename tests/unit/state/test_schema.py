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
from irqaffinity.state.schema import MIGRATIONS, check_version, check_whole, migrate
from tests.unit.state.sample import BOOT, OTHER_BOOT, STATES

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


def test_a_migration_that_fails_undoes_all_of_them(connection):
    migrate(connection, STEPS[:1])
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, (*STEPS, ["no statement"]))
    assert rows(connection) == [(1,)]
    assert (check_version(connection, STEPS), connection.in_transaction) == (1, False)


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
