# SPDX-License-Identifier: Apache-2.0
"""One bit that is another one, anywhere in the files: the state is what was stored, or none and the log says why."""

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Changes, State
from irqaffinity.state.folder import StateError
from tests.unit.state.sample import RECORD, changes, leave_log, put, save_and_end, store_in

FLIPS = 1500
"""In each of the files, beside those of the headers."""

FRAME, PAGE = 24, 4096
COMMIT = range(4, 8)
"""Where the header of a frame has the number of pages if it ends a commit, else 0."""

DEVICES = [PciAddress.parse(f"0000:81:{slot:02x}.{function}") for slot in range(4) for function in range(4)]


def record_of(number: int) -> Changes:
    """Return a record that differs from those beside it."""
    device = DEVICES[number % len(DEVICES)]
    record = replace(RECORD, original=CpuSet([2, 3, 4, number % 7]), written=CpuSet([number % 11]))
    return Changes({IrqId(device, number): record})


@pytest.fixture
def files(path: Path) -> dict[str, bytes]:
    """Return the database and the log of an agent that was killed: a full pass, then births and one pass more."""
    rows = Changes()
    for number in range(200):
        rows = rows.then(record_of(number))
    save_and_end(path, rows.then(changes()))
    more = Changes()
    for number in range(300, 400):
        more = more.then(record_of(number))
    leave_log(store_in(path), *(record_of(number) for number in range(200, 206)), more, record_of(400))
    found = {name: (path / name).read_bytes() for name in ("state.db", "state.db-wal")}
    for entry in path.iterdir():
        entry.unlink()
    return found


def places(files: dict[str, bytes]) -> Iterator[tuple[str, int]]:
    """Give a byte of a file, again and again."""
    chance = random.Random(13)
    database, log = (len(data) for data in files.values())
    yield from (("state.db", place) for place in range(100))
    yield from (("state.db-wal", place) for place in range(32))
    for start in range(32, log, FRAME + PAGE):
        yield from (("state.db-wal", start + place) for place in range(FRAME) if place not in COMMIT)
    for _ in range(FLIPS):
        yield "state.db", chance.randrange(100, database)
        yield "state.db-wal", chance.randrange(32, log)


def begin(path: Path, files: dict[str, bytes]) -> None:
    """Have a folder with these files alone."""
    for entry in path.iterdir():
        entry.unlink()
    for name, data in files.items():
        put(path / name, data)


def load(path: Path) -> State | None:
    """Return the state, None where it was set aside or is refused."""
    made = store_in(path)
    try:
        found = made.load()
    except StateError:
        return None
    if any("corrupt" in name for name in os.listdir(path)):
        assert found == State()
        return None
    return found


def test_a_flipped_bit_never_makes_another_state(path: Path, files: dict[str, bytes]) -> None:
    begin(path, files)
    whole = load(path)
    assert whole is not None
    assert sum(map(len, whole.records.values())) == 311
    chance, found = random.Random(14), 0
    for name, place in places(files):
        data = bytearray(files[name])
        data[place] ^= 1 << chance.randrange(8)
        begin(path, files | {name: bytes(data)})
        seen = load(path)
        assert seen in (None, whole), f"byte {place} of {name}: {files[name][place]:#x} became {data[place]:#x}"
        found += seen is None
    assert found > FLIPS / 2


def test_a_dry_run_sees_no_other_state_either(path: Path, files: dict[str, bytes]) -> None:
    begin(path, files)
    whole = store_in(path).peek()
    assert whole != State()
    chance = random.Random(15)
    for name, place in list(places(files))[::7]:
        data = bytearray(files[name])
        data[place] ^= 1 << chance.randrange(8)
        begin(path, files | {name: bytes(data)})
        assert store_in(path).peek() in (State(), whole), f"byte {place} of {name}"
