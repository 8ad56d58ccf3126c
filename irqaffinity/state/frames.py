# SPDX-License-Identifier: Apache-2.0
"""Finds a damaged frame of the write-ahead log, which SQLite takes for the end of the log.

After a crash SQLite reads the log up to the first frame whose checksum is wrong, and so an older state. That is right
for frames that were never committed; where a commit follows, SQLite's state is not the latest.
(https://www.sqlite.org/fileformat2.html, 4.1 and 4.2)
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_MAGIC = 0x377F0682
"""With the lowest bit, words are big-endian where the checksum is made."""

_VERSION = 3_007_000
_PAGES = frozenset(1 << exponent for exponent in range(9, 17))
_MASK = 0xFFFF_FFFF


@dataclass(frozen=True)
class _Log:
    """What the header of a log says of its frames; the checksum of the first frame continues from `start`."""

    salts: tuple[int, int]
    page: int
    order: str
    start: tuple[int, int]


def find_damage(file: BinaryIO) -> str | None:
    """Return what is wrong with a log, None where SQLite reads all that was committed.

    Behind the last commit there may be what a killed process leaves: frames without a commit, half a frame, and frames
    from before the log began anew, in which both salts differ.
    """
    header = file.read(_HEADER.size)
    if not header:
        return None
    log = _read_header(header)
    if log is None:
        return "the header of its log is damaged"
    sums, broken = log.start, 0
    for number, (head, data) in enumerate(_frames(file, log.page), 1):
        _page, pages, *salts, first, second = _FRAME.unpack(head)
        is_of_log = [mine == found for mine, found in zip(log.salts, salts, strict=True)]
        if not broken and all(is_of_log):
            sums = _add(_add(sums, head[:8], log.order), data, log.order)
            if sums == (first, second):
                continue
        broken = broken or number
        if any(is_of_log) and (pages or not all(is_of_log)):
            return f"frame {broken} of its log is damaged"
    return None


def _read_header(header: bytes) -> _Log | None:
    """Return the contents of a header, None where it is damaged."""
    if len(header) < _HEADER.size:
        return None
    magic, version, page, _checkpoint, salt, other, *sums = _HEADER.unpack(header)
    order = ">" if magic & 1 else "<"
    if magic & ~1 != _MAGIC or version != _VERSION or page not in _PAGES:
        return None
    start = _add((0, 0), header[:24], order)
    return _Log((salt, other), page, order, start) if start == tuple(sums) else None


def _frames(file: BinaryIO, page: int) -> Iterator[tuple[bytes, bytes]]:
    """Give the header and the page of each frame that is whole."""
    while len(frame := file.read(_FRAME.size + page)) == _FRAME.size + page:
        yield frame[: _FRAME.size], frame[_FRAME.size :]


def _add(sums: tuple[int, int], data: bytes, order: str) -> tuple[int, int]:
    """Return a checksum that goes on over some more data."""
    first, second = sums
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for one, two in zip(words, words, strict=True):
        first = (first + one + second) & _MASK
        second = (second + two + first) & _MASK
    return first, second
