# SPDX-License-Identifier: Apache-2.0
"""The log of a killed process is whole; one whose commits SQLite would not read is damaged."""

import io
import logging
import os
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from irqaffinity.model.irq import IrqId
from irqaffinity.model.record import Changes, State
from irqaffinity.state.frames import find_damage
from tests.unit.state.sample import (
    BOOT,
    GUEST,
    NIC,
    ONE,
    OTHER_BOOT,
    PROOF,
    RECORD,
    SPECS,
    changes,
    leave_log,
    make_state,
    put,
    save_and_end,
    store_in,
)

HEADER, FRAME = 32, 24 + 4096


def look(data: bytes) -> str | None:
    """Return what is wrong with a log."""
    return find_damage(io.BytesIO(data))


def flipped(data: bytes, place: int) -> bytes:
    """Return the data with another byte at a place."""
    return data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :]


@pytest.fixture
def log(path: Path) -> bytes:
    """Return a log of three commits of one frame each."""
    save_and_end(path, changes())
    leave_log(store_in(path), *(Changes({IrqId(NIC, number): RECORD}) for number in (200, 201, 202)))
    data = (path / "state.db-wal").read_bytes()
    assert len(data) == HEADER + 3 * FRAME
    return data


def test_a_log_that_is_empty_whole_or_cut_within_its_last_frame_is_not_damaged(log: bytes) -> None:
    for length in (0, HEADER, len(log), len(log) - 1, len(log) - 4096, len(log) - 4097, HEADER + FRAME + 1):
        assert look(log[:length]) is None


@pytest.mark.parametrize("place", [*range(HEADER), HEADER + FRAME + 9, HEADER + FRAME + 13, HEADER + FRAME + 17])
def test_a_damaged_header_of_the_log_or_of_a_frame_is_named(log: bytes, place: int) -> None:
    said = "the header of its log is damaged" if place < HEADER else "frame 2 of its log is damaged"
    assert look(flipped(log, place)) == said
    assert look(log[:20]) == "the header of its log is damaged"


@pytest.mark.parametrize("frame", [1, 2, 3])
def test_a_frame_that_is_damaged_is_named_also_when_it_is_the_last(log: bytes, frame: int) -> None:
    assert look(flipped(log, HEADER + frame * FRAME - 1)) == f"frame {frame} of its log is damaged"


def test_frames_of_before_the_log_began_anew_are_no_damage(log: bytes) -> None:
    older = log[HEADER:].replace(log[16:24], struct.pack(">2I", 1, 2))
    assert look(log + older) is None
    assert look(log[: HEADER + FRAME] + older[FRAME:]) is None
    half = log[HEADER + FRAME : HEADER + FRAME + 24] + older[24:FRAME]
    assert look(log[: HEADER + FRAME] + half) == "frame 2 of its log is damaged"


def test_frames_that_were_never_committed_are_no_damage(path: Path) -> None:
    """A transaction of many frames is cut by a kill, and one of fewer is written over its first ones."""
    save_and_end(path, changes())
    leave_log(store_in(path), ONE, changes(400))
    data = (path / "state.db-wal").read_bytes()
    assert len(data) > HEADER + 5 * FRAME
    for frames in range(1, (len(data) - HEADER) // FRAME):
        cut = data[: HEADER + frames * FRAME]
        assert look(cut) is None
        put(path / "state.db-wal", cut)
        (path / "state.db-shm").unlink(missing_ok=True)
        leave_log(store_in(path), Changes({IrqId(NIC, 900): RECORD}))
        assert look((path / "state.db-wal").read_bytes()) is None
        assert sorted(store_in(path).load().records[NIC]) == [100, 500, 900]


def test_words_of_a_checksum_in_the_other_order_are_read(path: Path, log: bytes) -> None:
    """SQLite writes those of the machine that the log began on."""
    assert log[3] in (0x82, 0x83)
    assert look(flipped(log, 3)) == "the header of its log is damaged"
    magic = struct.pack(">I", struct.unpack(">I", log[:4])[0] ^ 1)
    head = magic + log[4:24]
    first = second = 0
    words = struct.unpack(">6I" if magic[3] & 1 else "<6I", head)
    for one, two in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) % 2**32
        second = (second + two + first) % 2**32
    assert look(head + struct.pack(">2I", first, second)) is None


def test_a_log_that_a_crash_of_the_host_has_torn_costs_only_what_was_last(path, caplog) -> None:
    save_and_end(path, changes())
    newer = replace(SPECS, timestamp="2026-11-20 13:00:00")
    leave_log(store_in(path), ONE, Changes({}, {}, {GUEST: newer}))
    log = (path / "state.db-wal").read_bytes()
    put(path / "state.db-wal", flipped(log, HEADER + FRAME + 100))
    found = store_in(path, OTHER_BOOT).load()
    assert found == State(extra_specs={GUEST: SPECS}, proof=PROOF, holds=make_state().holds)
    assert not [name for name in os.listdir(path) if "corrupt" in name]
    (warning,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert warning.getMessage() == (
        "the state is of another boot, and frame 2 of its log is damaged: what was remembered last may be lost"
    )
    assert store_in(path, BOOT).load() != make_state()
