# SPDX-License-Identifier: Apache-2.0
"""The checksum of a row, which finds a damaged value that can still be read.

SQLite checks the structure of its pages, and not the values in them. CRC-32 finds each change of up to 32 bits in a
row.
"""

import sqlite3
import zlib
from collections.abc import Sequence


def start_sum(table: str, cells: Sequence[object]) -> int:
    """Return the checksum of the first cells of a row; `ascii` writes a cell the same way in every Python."""
    return zlib.crc32(ascii((table, *cells)).encode("ascii"))


def end_sum(start: int, last: str) -> int:
    """Return the checksum of a row from that of its first cells, and the last one as `ascii` writes it."""
    return zlib.crc32(last.encode("ascii"), start)


def sum_of(table: str, cells: Sequence[object]) -> int:
    """Return the checksum of the cells of a row, an integer of 32 bits."""
    return end_sum(start_sum(table, cells[:-1]), ascii(cells[-1]))


def offer_sums(connection: sqlite3.Connection) -> None:
    """Let statements call row_sum(table, cell, ...)."""
    connection.create_function("row_sum", -1, lambda table, *cells: sum_of(table, cells), deterministic=True)
