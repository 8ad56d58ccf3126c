# SPDX-License-Identifier: Apache-2.0
"""The state file: whole at any moment, read with suspicion, set aside when it is not ours."""

import contextlib
import errno
import json
import logging
import os
import re
import resource
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import parse_guest_id
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Fixed, Record, RememberedSpecs, State
from irqaffinity.model.verdict import Verdict
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.lock import PASS_LOCK, LockTaken, hold
from irqaffinity.state.store import MemoryStore, Store

BOOT = "5a7c0f5e-0000-4000-8000-000000000001"
OTHER_BOOT = "5a7c0f5e-0000-4000-8000-000000000002"
GUEST = parse_guest_id("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9")
NIC = PciAddress.parse("0000:81:00.2")
ASIDE = re.compile(r"state\.json\.corrupt-\d{8}T\d{6}Z(\.\d+)?")
UNREADABLE = [b"", b"{", b"\xff\xfe", b"[]", b'{"schema": 0}', b"[" * 100_000, b"\0" * 100, b"1" * 5000]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another uid")


def make_state(irqs: int = 1, first: int = 100) -> State:
    record = Record(GUEST, "vfio-pci", CpuSet.parse("0-31"), CpuSet.parse("21,23"))
    return State(
        records={NIC: dict.fromkeys(range(first, first + irqs), record)},
        fixed={IrqId(NIC, 36): Fixed("nvme0q1", Verdict.MANAGED)},
        extra_specs={GUEST: RememberedSpecs("1-4,^3", "2026-11-20 12:00:00")},
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return an empty folder for the state."""
    made = tmp_path / "state"
    made.mkdir(mode=0o700)
    return made


def store_in(path: Path, boot: str = BOOT) -> Store:
    return Store(StateFolder(str(path)), boot)


def put(path: Path, data: bytes, mode: int = 0o600) -> None:
    path.write_bytes(data)
    path.chmod(mode)


def look_at(path: Path) -> dict[str, tuple[int, int, int, bytes]]:
    return {
        entry.name: (entry.stat().st_ino, entry.stat().st_mode, entry.stat().st_mtime_ns, entry.read_bytes())
        for entry in path.iterdir()
    }


@pytest.fixture
def tiny_disk(tmp_path: Path):
    """Return a folder on a file system of one page, which is unmounted afterwards."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or mount is None or umount is None:
        pytest.skip("only root can mount a file system")
    made = tmp_path / "tiny"
    made.mkdir()
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=4k,mode=0700", "tmpfs", str(made)],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr}")
    yield made
    subprocess.run([umount, "--lazy", str(made)], check=True)


@contextlib.contextmanager
def no_file_above(size: int):
    """Let this process write no file above `size` bytes: EFBIG, as on a file system with a quota."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_is_saved_is_there_after_a_restart(path):
    store_in(path).save(make_state(3))
    assert store_in(path).load() == make_state(3)
    assert store_in(path).peek() == make_state(3)


def test_nothing_stored_is_an_empty_state(path):
    assert store_in(path).load() == State()
    assert list(path.iterdir()) == []


def test_of_another_boot_the_extra_specs_are_kept_and_the_file_is_left(path):
    store_in(path).save(make_state())
    before = look_at(path)
    assert store_in(path, OTHER_BOOT).load() == State(extra_specs=make_state().extra_specs)
    assert look_at(path) == before


def test_a_file_cut_short_anywhere_is_set_aside_and_a_fresh_state_begun(path, caplog):
    store_in(path).save(make_state())
    whole = (path / "state.json").read_bytes()
    for length in range(len(whole)):
        put(path / "state.json", whole[:length])
        store = store_in(path)
        assert store.load() == store.load() == State()
        (aside,) = (entry for entry in path.iterdir() if entry.read_bytes() == whole[:length])
        assert ASIDE.fullmatch(aside.name)
    assert len(list(path.iterdir())) == len(whole)
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == len(whole)


@pytest.mark.parametrize("data", UNREADABLE, ids=lambda data: repr(data[:16]))
def test_a_file_that_is_not_ours_is_set_aside_and_said_once_with_its_path(path, caplog, data):
    put(path / "state.json", data)
    store = store_in(path)
    assert store.load() == store.load() == State()
    (aside,) = path.iterdir()
    assert aside.read_bytes() == data
    (warning,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert f"{path}/state.json was set aside as {aside.name}: " in warning.getMessage()
    assert ASIDE.fullmatch(aside.name)
    assert warning.getMessage().isprintable()


def test_a_newer_schema_is_left_as_it_is(path):
    store_in(path).save(make_state())
    newer = json.dumps(json.loads((path / "state.json").read_bytes()) | {"schema": 2, "records": "other"}).encode()
    put(path / "state.json", newer)
    for _ in range(2):
        with pytest.raises(
            StateError, match=r"state\.json: its schema is 2, and this program knows 1; install the newer"
        ):
            store_in(path).load()
    assert store_in(path).peek() == State()
    assert [(entry.name, entry.read_bytes()) for entry in path.iterdir()] == [("state.json", newer)]


def test_a_file_that_cannot_be_set_aside_is_a_state_error(path, monkeypatch):
    put(path / "state.json", b"{")

    def refuse(*_arguments, **_options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(StateError, match=r"state\.json"):
        store_in(path).load()
    assert (path / "state.json").read_bytes() == b"{"


@pytest.mark.parametrize("use", [Store.load, lambda store: store.save(State())], ids=["load", "save"])
def test_a_folder_that_is_missing_a_link_or_open_to_others_is_refused(path, use):
    path.with_name("link").symlink_to(path)
    for name, said in (("missing", "No such file"), ("link", "is a link"), ("state", "has mode 0755")):
        path.chmod(0o755 if name == "state" else 0o700)
        with pytest.raises(StateError, match=said):
            use(store_in(path.with_name(name)))
    assert list(path.iterdir()) == []


@as_root
@pytest.mark.parametrize("use", [Store.load, lambda store: store.save(State())], ids=["load", "save"])
def test_a_folder_of_another_uid_is_refused(path, use):
    os.chown(path, 12345, -1)
    with pytest.raises(StateError, match="belongs to uid 12345"):
        use(store_in(path))
    assert list(path.iterdir()) == []


def test_a_state_file_that_is_a_link_or_open_to_others_is_refused_and_left(path):
    put(path.parent / "target", b'{"schema": 2}')
    (path / "state.json").symlink_to(path.parent / "target")
    with pytest.raises(StateError, match=r"state\.json is a link"):
        store_in(path).load()
    (path / "state.json").unlink()
    put(path / "state.json", b'{"schema": 2}', mode=0o644)
    with pytest.raises(StateError, match=r"state\.json has mode 0644: chmod it to 0600"):
        store_in(path).load()
    assert [entry.name for entry in path.iterdir()] == ["state.json"]
    assert (path.parent / "target").exists()


@as_root
def test_a_state_file_of_another_uid_is_refused(path):
    store_in(path).save(make_state())
    os.chown(path / "state.json", 12345, -1)
    with pytest.raises(StateError, match=r"state\.json belongs to uid 12345"):
        store_in(path).load()


def test_a_link_in_place_of_the_new_file_is_not_written_through(path):
    put(path.parent / "target", b"kept")
    (path / "state.json.new").symlink_to(path.parent / "target")
    with pytest.raises(StateError, match=r"state\.json\.new is a link"):
        store_in(path).save(make_state())
    assert (path.parent / "target").read_bytes() == b"kept"


def test_what_is_made_is_private_under_any_umask(path):
    path.rmdir()
    before = os.umask(0)
    try:
        store = store_in(path)
        with store.exclusive():
            store.save(make_state())
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.iterdir()}
    assert modes == {"state.json": 0o600, PASS_LOCK: 0o600}


def test_who_has_the_old_file_open_reads_all_of_it_after_a_save(path):
    store = store_in(path)
    store.save(make_state())
    old = (path / "state.json").read_bytes()
    with (path / "state.json").open("rb") as reader:
        store.save(make_state(50))
        assert reader.read() == old
    assert [entry.name for entry in path.iterdir()] == ["state.json"]


def test_a_new_file_that_a_crash_left_does_no_harm(path):
    store_in(path).save(make_state())
    put(path / "state.json.new", b"x" * 100_000)
    store = store_in(path)
    assert store.load() == store.peek() == make_state()
    store.save(make_state(2))
    assert store_in(path).load() == make_state(2)
    assert [entry.name for entry in path.iterdir()] == ["state.json"]


def test_on_a_full_disk_the_old_file_stays_whole(tiny_disk):
    store = store_in(tiny_disk)
    store.save(make_state())
    before = (tiny_disk / "state.json").read_bytes()
    with pytest.raises(StateError, match=r"state\.json cannot be written: No space left on device; free"):
        store.save(make_state(2))
    assert (tiny_disk / "state.json").read_bytes() == before
    assert store.load() == store_in(tiny_disk).load() == make_state()


def test_after_a_write_that_failed_half_way_the_old_file_is_whole_and_the_next_save_works(path):
    store = store_in(path)
    store.save(make_state())
    before = (path / "state.json").read_bytes()
    with no_file_above(4096), pytest.raises(StateError, match=r"state\.json cannot be written: File too large"):
        store.save(make_state(500))
    assert (path / "state.json").read_bytes() == before
    assert store.load() == store_in(path).load() == make_state()
    store.save(make_state(500))
    assert store_in(path).load() == make_state(500)


def test_the_file_is_read_again_only_when_another_process_replaced_it(path):
    store, other = store_in(path), store_in(path)
    store.save(make_state())
    first = store.load()
    assert store.load() is first
    other.save(make_state(2))
    assert store.load() == make_state(2)
    other.save(make_state(2, first=200))
    second = store.load()
    assert second == make_state(2, first=200)
    assert store.load() is second
    (path / "state.json").unlink()
    assert store.load() == State()
    other.save(make_state(3))
    assert store.load() == make_state(3)


@pytest.mark.parametrize("data", UNREADABLE, ids=lambda data: repr(data[:16]))
def test_peek_counts_what_cannot_be_read_as_empty_says_so_and_changes_nothing(path, caplog, data):
    put(path / "state.json", data)
    before = look_at(path)
    store = store_in(path)
    assert (store.peek(), store.peek()) == (State(), State())
    assert look_at(path) == before
    (warning,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert f"the state is taken as empty: {path}/state.json" in warning.getMessage()
    assert warning.getMessage().isprintable()


def test_peek_refuses_what_load_refuses_but_only_says_so(path, caplog):
    store_in(path).save(make_state())
    (path / "state.json").chmod(0o644)
    path.with_name("link").symlink_to(path)
    before = look_at(path)
    assert store_in(path).peek() == State()
    assert store_in(path.with_name("link")).peek() == State()
    path.chmod(0o755)
    assert store_in(path).peek() == State()
    assert look_at(path) == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert ["state.json has mode 0644" in said[0], "is a link" in said[1], "has mode 0755" in said[2]] == [True] * 3


def test_peek_at_another_boot_gives_the_extra_specs_alone(path):
    store_in(path).save(make_state())
    assert store_in(path, OTHER_BOOT).peek() == State(extra_specs=make_state().extra_specs)


def test_peek_where_nothing_is_stored_is_quiet_and_makes_nothing(path, caplog):
    assert store_in(path).peek() == State()
    path.rmdir()
    assert store_in(path).peek() == State()
    assert not path.exists()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_peek_sees_what_another_process_holding_the_pass_lock_has_stored(path):
    store = store_in(path)
    with store.exclusive():
        store.save(make_state())
        assert store_in(path).peek() == make_state()


def test_a_pass_holds_off_other_passes(path):
    with store_in(path).exclusive(), pytest.raises(LockTaken), hold(StateFolder(str(path)), PASS_LOCK):
        pytest.fail("two passes run side by side")
    with hold(StateFolder(str(path)), PASS_LOCK):
        assert (path / PASS_LOCK).exists()


def test_the_store_in_memory_keeps_what_is_saved():
    store = MemoryStore()
    with store.exclusive(), store.exclusive():
        assert store.load() == store.peek() == State()
        store.save(make_state())
    assert store.load() == store.peek() == make_state()


def test_the_file_is_durable_before_it_takes_the_name_and_the_name_after(path: Path) -> None:
    synced = []

    def note(fd: int) -> None:
        synced.append((os.readlink(f"/proc/self/fd/{fd}"), sorted(os.listdir(path))))

    Store(StateFolder(str(path)), BOOT, note).save(make_state())
    assert synced == [(f"{path}/state.json.new", ["state.json.new"]), (str(path), ["state.json"])]
