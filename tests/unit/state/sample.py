# SPDX-License-Identifier: Apache-2.0
"""States, stores and files for the tests of the state."""

import contextlib
import gc
import os
import resource
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from hypothesis import strategies as st

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST, parse_guest_id
from irqaffinity.model.hold import Deferred, Hold
from irqaffinity.model.irq import DEFAULT, IrqId
from irqaffinity.model.isolation import Told
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.proof import Proof
from irqaffinity.model.record import Changes, Fixed, Record, RememberedSpecs, State
from irqaffinity.model.text import clean
from irqaffinity.model.verdict import Cause, Verdict
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.rows import COLUMNS
from irqaffinity.state.schema import MIGRATIONS
from irqaffinity.state.store import Store
from irqaffinity.state.sums import offer_sums

BOOT = "5a7c0f5e-0000-4000-8000-000000000001"
OTHER_BOOT = "5a7c0f5e-0000-4000-8000-000000000002"
GUEST = parse_guest_id("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9")
NIC, DISK = PciAddress.parse("0000:81:00.2"), PciAddress.parse("10000:01:00.0")
RECORD = Record(GUEST, "vfio-pci", CpuSet.parse("0-31"), CpuSet.parse("21,23"))
SPECS = RememberedSpecs("1-4,^3", "2026-11-20 12:00:00", "cmp-1", "2026-11-20 12:00:01")
NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
PROOF = Proof(NOON, NOON + timedelta(days=3))
HOST_RECORD = Record(HOST, "nvme", CpuSet.parse("0-31"), CpuSet.parse("0-1"), action="nvme0q0")
DEFAULT_RECORD = Record(HOST, None, CpuSet.parse("0-31"), CpuSet.parse("0-1"))
TIMER = IrqId(NO_DEVICE, 8)
SOCKET = "/run/irqbalance/irqbalance812.sock"
TOLD = Told(CpuSet.parse("0"), (36,), CpuSet.parse("0,21,23"), (36, 100))
HOLD = Hold(3, NOON, NOON + timedelta(hours=2), "firmware", BOOT, 7200.25, guest=GUEST)
DEVICE_HOLD = Hold(4, NOON, NOON + timedelta(hours=1), "a; b", OTHER_BOOT, 60.0, device=NIC, everything=True)
DEFERRED = Deferred(GUEST, CpuSet.parse("0-7"), CpuSet.parse("21,23"), NOON, 3, Cause.DRIFT, 3)
HOST_DEFERRED = Deferred(HOST, None, CpuSet.parse("0-1"), NOON, 1, Cause.ISOLATION, 4)
ONE = Changes({IrqId(NIC, 500): RECORD})
SUMS = (
    *MIGRATIONS[1][4:],
    *(
        f"UPDATE {table} SET sum = row_sum('{table}', {', '.join(COLUMNS[table])})"
        for table in ("host_records", "host_managed", "told", "holds", "deferred", "proofs")
    ),
)
"""What makes the checksums of all rows anew."""

FILES = {"state.db", "state.db-wal", "state.db-shm"}

LINES = st.text(max_size=20).map(clean)
GUESTS = st.uuids().map(str).map(parse_guest_id)
CPUS = st.frozensets(st.integers(0, 300), max_size=6).map(CpuSet)
DEVICES = st.builds(
    PciAddress, st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFF), st.integers(0, 0x1F), st.integers(0, 7)
)
NUMBERS = st.integers(0, 999_999_999)
IRQS = st.builds(IrqId, DEVICES, NUMBERS)
HOST_IRQS = st.just(DEFAULT) | st.builds(IrqId, st.just(NO_DEVICE), NUMBERS)
RECORDS = st.builds(
    Record,
    owner=GUESTS,
    driver=st.none() | LINES,
    original=st.none() | CPUS,
    written=CPUS,
    previous=st.none() | CPUS,
    spread_over=st.none() | CPUS,
    next_cpu=st.booleans(),
)
HOST_RECORDS = st.builds(
    Record,
    owner=st.just(HOST),
    driver=st.none() | LINES,
    original=st.none() | CPUS,
    written=CPUS,
    previous=st.none() | CPUS,
    spread_over=st.none() | CPUS,
    next_cpu=st.booleans(),
    action=st.none() | LINES,
)
FIXED = st.builds(Fixed, LINES, st.sampled_from([Verdict.MANAGED, Verdict.IMMOVABLE]))
HOST_FIXED = FIXED.map(lambda fixed: fixed._replace(is_hosts=True))
TOLDS = st.builds(Told, st.none() | CPUS, st.lists(NUMBERS).map(tuple), CPUS, st.lists(NUMBERS).map(tuple))
EXTRA_SPECS = st.builds(RememberedSpecs, st.none() | LINES, LINES, st.none() | LINES, st.none() | LINES)
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(
    lambda time: time.replace(microsecond=0, tzinfo=timezone.utc)
)
HOLDS = st.integers(1, 2**40).flatmap(
    lambda number: st.builds(
        Hold,
        id=st.just(number),
        since=TIMES,
        until=TIMES,
        reason=LINES,
        boot_id=LINES,
        ends_at=st.floats(0, 1e9),
        guest=st.none() | GUESTS,
        device=st.none() | DEVICES,
        everything=st.booleans(),
    )
)
ALL_HOLDS = st.lists(HOLDS, max_size=3).map(lambda holds: {hold.id: hold for hold in holds})
DEFERREDS = st.builds(
    Deferred,
    guest=st.just(HOST) | GUESTS,
    origin=st.none() | CPUS,
    target=CPUS,
    since=TIMES,
    times=st.integers(1, 2**40),
    cause=st.sampled_from(Cause),
    hold=st.integers(1, 2**40),
)
PROOFS = st.tuples(TIMES, TIMES).map(sorted).map(lambda times: Proof(*times))
CHANGES = st.builds(
    Changes,
    records=st.dictionaries(IRQS, RECORDS | HOST_RECORDS, max_size=6)
    | st.dictionaries(IRQS | HOST_IRQS, HOST_RECORDS, max_size=6),
    fixed=st.dictionaries(IRQS, FIXED | HOST_FIXED, max_size=3)
    | st.dictionaries(IRQS | HOST_IRQS, HOST_FIXED, max_size=3),
    extra_specs=st.dictionaries(GUESTS, EXTRA_SPECS, max_size=3),
    proof=st.none() | PROOFS,
    told=st.dictionaries(LINES, TOLDS, max_size=2),
    holds=ALL_HOLDS,
    deferred=st.dictionaries(IRQS | HOST_IRQS, DEFERREDS, max_size=3),
)


def state_of(changes: Changes) -> State:
    """Return the state that these changes make of an empty one."""
    made = State()
    made.apply(changes)
    return made


STATES = CHANGES.map(state_of)


def changes(irqs: int = 1, first: int = 100) -> Changes:
    """Return rows of every table, with so many records."""
    guests = {IrqId(NIC, number): RECORD for number in range(first, first + irqs)}
    host = {
        IrqId(DISK, 35): HOST_RECORD,
        TIMER: replace(HOST_RECORD, driver=None, action="rtc0"),
        DEFAULT: DEFAULT_RECORD,
    }
    fixed = {
        IrqId(DISK, 36): Fixed("nvme0q1", Verdict.MANAGED),
        IrqId(DISK, 37): Fixed("nvme0q2", Verdict.MANAGED, is_hosts=True),
    }
    holds, deferred = {3: HOLD, 4: DEVICE_HOLD}, {IrqId(NIC, first): DEFERRED, DEFAULT: HOST_DEFERRED}
    return Changes(guests | host, fixed, {GUEST: SPECS}, PROOF, {SOCKET: TOLD}, holds, deferred)


def make_old_state(irqs: int) -> State:
    """Return what `make_state` does as a program of before the proof and the host's interrupts had it."""
    whole = changes(irqs)
    return state_of(
        Changes(
            {irq: record for irq, record in whole.records.items() if record is not None and record.owner != HOST},
            {irq: fixed for irq, fixed in whole.fixed.items() if fixed is not None and not fixed.is_hosts},
            whole.extra_specs,
        )
    )


def make_state(irqs: int = 1, first: int = 100) -> State:
    """Return what a store has after these changes alone."""
    return state_of(changes(irqs, first))


def store_in(path: Path, boot: str = BOOT) -> Store:
    """Return a store as another process would have it."""
    return Store(StateFolder(str(path)), boot)


def save_and_end(path: Path, *saves: Changes) -> None:
    """Save in a store that is closed then."""
    made = store_in(path)
    for save in saves:
        made.save(save)
    del made
    gc.collect()


def put(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file with this mode."""
    path.write_bytes(data)
    path.chmod(mode)


def look_at(path: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Return what each file of a folder is."""
    return {
        entry.name: (entry.stat().st_ino, entry.stat().st_mode, entry.stat().st_mtime_ns, entry.read_bytes())
        for entry in path.iterdir()
    }


def await_copiers() -> None:
    """Wait for the threads that copy logs, also those of earlier tests."""
    for thread in threading.enumerate():
        if thread.name == "state-log":
            thread.join()


def descriptors() -> list[str]:
    """Return what this process has open, once what earlier tests had is gone."""
    await_copiers()
    gc.collect()
    return sorted(os.listdir("/proc/self/fd"))


def edit(path: Path, *statements: str) -> None:
    """Change the database of a folder as another program would that keeps its checksums right."""
    with contextlib.closing(sqlite3.connect(path / "state.db", isolation_level=None)) as connection:
        offer_sums(connection)
        for statement in statements:
            connection.execute(statement)
        for statement in SUMS:
            with contextlib.suppress(sqlite3.OperationalError):  # the table may be gone
                connection.execute(statement)


def alone(path: Path, made: Path) -> State:
    """Return what the database of a folder has without its log, read from a copy in a new folder."""
    made.mkdir(mode=0o700)
    shutil.copy(path / "state.db", made / "state.db")
    return store_in(made).load()


def leave_log(made: Store, *saves: Changes) -> None:
    """Save in a process that is killed then, so that -wal and -shm stay."""

    def work() -> None:
        for save in saves:
            made.save(save)

    assert fork(work)() == -signal.SIGKILL


def fork(work: Callable[[], None]) -> Callable[[], int]:
    """Do some work in a process that kills itself at its end; return what waits for it and returns its exit code.

    Forked, for that takes milliseconds: such a process runs hundreds of times.
    """
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(70)
    return lambda: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


BEFORE_FRAMES = 32
"""Bytes of the header of a log: a frame that cannot be written is not begun then, as a full disk cuts none either."""


@contextlib.contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Let this process write no file above `size` bytes: EFBIG, as on a file system with a quota."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
