# SPDX-License-Identifier: Apache-2.0
"""The state.json of 0.1.0: taken over once, kept under another name, and refused as it always was."""

import errno
import json
import os
import re
from pathlib import Path

import pytest

from irqaffinity.model.record import State
from irqaffinity.state.folder import StateError
from irqaffinity.state.store import Store
from tests.unit.state.sample import (
    FILES,
    NIC,
    ONE,
    OTHER_BOOT,
    alone,
    changes,
    look_at,
    make_old_state,
    make_state,
    put,
    save_and_end,
    store_in,
)
from tests.unit.state.test_format import DATA

IMPORTED = re.compile(r"state\.json\.imported-\d{8}T\d{6}Z(\.\d+)?")
USES = pytest.mark.parametrize("use", [Store.load, lambda made: made.save(ONE)], ids=["load", "save"])


def others(path: Path, pattern: str) -> list[Path]:
    return [entry for entry in path.iterdir() if re.fullmatch(pattern, entry.name)]


def test_a_state_json_is_taken_over_and_kept_under_another_name(path, caplog):
    caplog.set_level("INFO")
    put(path / "state.json", DATA)
    made = store_in(path)
    assert made.load() == make_old_state(2)
    assert made.load() is made.load()
    (kept,) = others(path, IMPORTED.pattern)
    assert kept.read_bytes() == DATA
    assert set(os.listdir(path)) == {*FILES, kept.name}
    assert caplog.messages == [f"{path}/state.json was renamed to {kept.name}: state.db has the state now"]
    assert store_in(path).load() == store_in(path).peek() == make_old_state(2)


def test_what_was_taken_over_is_durable_before_the_file_gets_its_other_name(path, tmp_path, monkeypatch):
    put(path / "state.json", DATA)
    rename, fsync, done = os.rename, os.fsync, []

    def note_rename(old, new, **folders):
        done.append(old)
        if old == "state.json":
            done.append(alone(path, tmp_path / "copy"))
        rename(old, new, **folders)

    def note_sync(fd):
        done.append(os.readlink(f"/proc/self/fd/{fd}"))
        fsync(fd)

    monkeypatch.setattr(os, "rename", note_rename)
    monkeypatch.setattr(os, "fsync", note_sync)
    store_in(path).load()
    assert done == ["state.db.new", str(path), "state.json", make_old_state(2)]


def test_a_save_before_any_load_takes_it_over_first(path):
    put(path / "state.json", DATA)
    store_in(path).save(ONE)
    assert sorted(store_in(path).load().records[NIC]) == [100, 101, 500]


def test_of_another_boot_only_the_extra_specs_are_taken_over(path):
    put(path / "state.json", DATA)
    assert store_in(path, OTHER_BOOT).load() == State(extra_specs=make_state().extra_specs)
    assert store_in(path).load() == State(extra_specs=make_state().extra_specs)


def test_a_state_json_beside_a_state_db_counts_no_more_and_is_kept(path):
    save_and_end(path, changes())
    for _ in range(2):
        put(path / "state.json", DATA)
        assert store_in(path).peek() == make_state()
        assert store_in(path).load() == make_state()
    assert [entry.read_bytes() for entry in others(path, IMPORTED.pattern)] == [DATA, DATA]
    assert not (path / "state.json").exists()


@pytest.mark.parametrize("data", [b"", b"{", DATA[:-1], DATA.replace(b'"irq": 100', b'"irq": "100"')])
def test_a_damaged_one_is_set_aside_and_said_once(path, caplog, data):
    put(path / "state.json", data)
    made = store_in(path)
    assert made.load() == made.load() == State()
    (found,) = path.iterdir()
    assert re.fullmatch(r"state\.json\.corrupt-\d{8}T\d{6}Z", found.name)
    assert found.read_bytes() == data
    (message,) = caplog.messages
    assert message.startswith(f"{path}/state.json was set aside as {found.name}: ")
    assert "irq 100 is not an interrupt number" in message or "it is not whole" in message
    made.save(changes())
    assert store_in(path).load() == make_state()


@USES
def test_a_newer_one_is_left_as_it_is(path, use):
    put(path / "state.json", json.dumps({"schema": 2, "records": "other"}).encode())
    before = look_at(path)
    made = store_in(path)
    for _ in range(2):
        with pytest.raises(
            StateError, match=r"state\.json: its schema is 2, and this program knows 1; install the new"
        ):
            use(made)
    assert made.peek() == State()
    assert look_at(path) == before


@USES
def test_one_that_is_a_link_or_open_to_others_is_refused_and_left(path, use):
    put(path.parent / "target", DATA)
    (path / "state.json").symlink_to(path.parent / "target")
    with pytest.raises(StateError, match=r"state\.json is a link"):
        use(store_in(path))
    (path / "state.json").unlink()
    put(path / "state.json", DATA, mode=0o644)
    with pytest.raises(StateError, match=r"state\.json has mode 0644: chmod it to 0600"):
        use(store_in(path))
    assert os.listdir(path) == ["state.json"]
    assert (path.parent / "target").read_bytes() == DATA


@USES
def test_one_that_cannot_be_renamed_is_a_state_error_and_taken_over_all_the_same(path, monkeypatch, use):
    put(path / "state.json", DATA)
    rename = os.rename

    def refuse(old, new, **folders):
        if old == "state.json":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        rename(old, new, **folders)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", refuse)
        with pytest.raises(StateError, match=r"state\.json is no longer used: Read-only file system; move it away"):
            use(store_in(path))
    assert store_in(path).load() == make_old_state(2)


def test_what_an_earlier_try_has_left_is_no_part_of_the_next(path):
    for ending in ("", "-wal", "-shm", "-journal"):
        put(path / f"state.db.new{ending}", b"x" * 5000)
    store_in(path).save(changes())
    assert store_in(path).load() == make_state()
    assert not others(path, r"state\.db\.new.*")
