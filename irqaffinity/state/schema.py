# SPDX-License-Identifier: Apache-2.0
"""The tables of state.db, and the migrations that bring an older one to the current version.

`PRAGMA user_version` is the number of migrations that were made. A migration only adds, so that the data of the version
before survives it. Each table is WITHOUT ROWID: it is one tree, and reading all rows reads all of it.
"""

import re
import sqlite3
from collections.abc import Mapping, Sequence

from irqaffinity.model.text import clean
from irqaffinity.state.fields import BadState
from irqaffinity.state.format import NewerState
from irqaffinity.state.rows import COLUMNS
from irqaffinity.state.sums import offer_sums

Migration = Sequence[str]

MIGRATIONS: Sequence[Migration] = (
    (
        "CREATE TABLE boot (boot_id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
        """CREATE TABLE records (
            device TEXT NOT NULL, irq INTEGER NOT NULL, owner TEXT NOT NULL, driver TEXT, original TEXT,
            written TEXT NOT NULL, previous TEXT, spread_over TEXT, next_cpu INTEGER NOT NULL,
            PRIMARY KEY (device, irq)
        ) WITHOUT ROWID""",
        """CREATE TABLE managed (
            device TEXT NOT NULL, irq INTEGER NOT NULL, action TEXT NOT NULL, verdict TEXT NOT NULL,
            PRIMARY KEY (device, irq)
        ) WITHOUT ROWID""",
        """CREATE TABLE specs (
            uuid TEXT NOT NULL PRIMARY KEY, mask TEXT, timestamp TEXT NOT NULL, publisher TEXT, arrived TEXT
        ) WITHOUT ROWID""",
    ),
    (
        "ALTER TABLE boot ADD COLUMN sum INTEGER",
        "ALTER TABLE records ADD COLUMN sum INTEGER",
        "ALTER TABLE managed ADD COLUMN sum INTEGER",
        "ALTER TABLE specs ADD COLUMN sum INTEGER",
        "UPDATE boot SET sum = row_sum('boot', boot_id)",
        """UPDATE records SET sum = row_sum(
            'records', device, owner, driver, original, written, previous, spread_over, next_cpu, irq
        )""",
        "UPDATE managed SET sum = row_sum('managed', device, irq, action, verdict)",
        "UPDATE specs SET sum = row_sum('specs', uuid, mask, timestamp, publisher, arrived)",
    ),
    (
        """CREATE TABLE proofs (
            what TEXT NOT NULL PRIMARY KEY, since TEXT NOT NULL, seen TEXT NOT NULL, sum INTEGER
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE host_records (
            device TEXT NOT NULL, irq INTEGER NOT NULL, driver TEXT, action TEXT, original TEXT, written TEXT NOT NULL,
            previous TEXT, spread_over TEXT, next_cpu INTEGER NOT NULL, sum INTEGER, PRIMARY KEY (device, irq)
        ) WITHOUT ROWID""",
        """CREATE TABLE host_managed (
            device TEXT NOT NULL, irq INTEGER NOT NULL, action TEXT NOT NULL, verdict TEXT NOT NULL, sum INTEGER,
            PRIMARY KEY (device, irq)
        ) WITHOUT ROWID""",
        """CREATE TABLE told (
            socket TEXT NOT NULL PRIMARY KEY, cpus_before TEXT, irqs_before TEXT NOT NULL, cpus TEXT NOT NULL,
            irqs TEXT NOT NULL, sum INTEGER
        ) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE holds (
            id INTEGER NOT NULL PRIMARY KEY, since TEXT NOT NULL, until TEXT NOT NULL, reason TEXT NOT NULL,
            boot_id TEXT NOT NULL, ends_at REAL NOT NULL, guest TEXT, device TEXT, everything INTEGER NOT NULL,
            sum INTEGER
        ) WITHOUT ROWID""",
        """CREATE TABLE deferred (
            device TEXT NOT NULL, irq INTEGER NOT NULL, guest TEXT, origin TEXT, target TEXT NOT NULL,
            since TEXT NOT NULL, times INTEGER NOT NULL, cause TEXT NOT NULL, hold INTEGER NOT NULL, sum INTEGER,
            PRIMARY KEY (device, irq)
        ) WITHOUT ROWID""",
    ),
)
"""In their order; a migration that was released is never changed again. They may call `row_sum` (sums.py)."""

_SQLITE_ERROR = 1
"""A statement that makes no sense; `sqlite3` names its number from Python 3.11 on."""

_MISTAKE = re.compile(r"no such |near |duplicate column |.* has no column |(table|index) .* already exists")
"""What SQLite says of such a statement."""


def check_version(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """Return how many of the migrations were made; raise NewerState when it is more than there are."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise NewerState(f"its schema is {version}, and this program knows {len(migrations)}")
    if version < 0:
        raise BadState(f"its schema is {version}")
    return int(version)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Make the migrations that are due, all or none of them; raise NewerState and BadState.

    Every new database makes all of them, so where one fails here, the tables are not those of their version.
    """
    if check_version(connection, migrations) == len(migrations):
        return
    offer_sums(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        for migration in migrations[check_version(connection, migrations) :]:
            for statement in migration:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error) and is_mistake(error):
            raise BadState(clean(f"its tables are not those of its version: {error}")) from error
        raise


def is_mistake(error: sqlite3.Error) -> bool:
    """Tell whether a statement does not suit the tables, or makes no sense at all."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code == _SQLITE_ERROR if code is not None else bool(_MISTAKE.match(str(error)))


def check_whole(connection: sqlite3.Connection) -> None:
    """Raise BadState where a page is damaged, or a table or column is missing that this program reads.

    A file that was cut short reads as zeros behind its end, and so as tables without rows.
    """
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise BadState(clean(f"it is damaged: {found}"))
    check_columns(connection, {table: (*columns, "sum") for table, columns in COLUMNS.items()})


def check_columns(connection: sqlite3.Connection, tables: Mapping[str, Sequence[str]]) -> None:
    """Raise BadState where a table or column is missing that this program reads or writes."""
    for table, columns in tables.items():
        found = {row[0] for row in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}
        missing = [column for column in columns if column not in found]
        if missing:
            raise BadState(f"table {table} has no {', '.join(missing)}" if found else f"table {table} is missing")
