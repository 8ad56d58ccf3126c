# SPDX-License-Identifier: Apache-2.0
"""The thread that applies what is declared: when it runs, what it logs once, and that nobody waits for it for ever."""

import logging
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from irqaffinity.agent.counters import Counters
from irqaffinity.agent.functions import Functions
from irqaffinity.agent.sriov import FunctionKeeper
from irqaffinity.agent.sriov_process import Applied, Ended, Row
from irqaffinity.agent.view import View
from irqaffinity.conf.child import ChildFailed
from irqaffinity.conf.load import Settings, load
from irqaffinity.daemon.threads import Threads
from irqaffinity.model.declared import DeclaredPf, Made, Setting, Standing
from irqaffinity.model.sriov_options import ApplyMode, Sriov
from irqaffinity.model.times import FUNCTIONS_WAIT
from irqaffinity.sriov.task import Task
from tests.fakes.functions import pf_address
from tests.functional.agent import wait_for

PF = pf_address(0)


def row(setting: Setting, made: Made, vfs: str | None = "0-3", message: str | None = None) -> Row:
    return {
        "pf": str(PF),
        "netdev": "ens0f0",
        "setting": setting.value,
        "from": False,
        "to": True,
        "verdict": made.value,
        "message": message,
        "vfs": vfs,
    }


def applied(*rows: Row, drifts: int = 0, is_sure: bool = True) -> Applied:
    return Applied(rows, drifts, {row["verdict"]: 1 for row in rows}, frozenset(), is_sure)


NOTHING = applied()


class Rig:
    """A keeper with a clock of the test's, and one who does the work: each run waits until the test lets it end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.now = 0.0
        self.shown: list[Standing | None] = []
        self.counted: Counter[str] = Counter()
        self.tasks: list[Task] = []
        self.results: list[Applied | Exception] = []
        self.permits = threading.Semaphore(0)
        self.threads = Threads()
        self.keeper = FunctionKeeper(self.threads, self.shown.append, self.count, self.work, lambda: self.now)

    def count(self, writes: Mapping[str, int]) -> None:
        self.counted.update(writes)

    def work(self, task: Task, is_ending: Callable[[], bool]) -> Applied:
        self.tasks.append(task)
        while not self.permits.acquire(timeout=0.01):
            if is_ending():
                raise Ended
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    def follow(self, mode: ApplyMode, *, is_start: bool = False, num_vfs: int = 4) -> None:
        sriov = Sriov(mode, (DeclaredPf("ens0f0", num_vfs=num_vfs),))
        self.keeper.follow(replace(self.settings, sriov=sriov, audit_interval=60), is_start=is_start)

    def end_run(self, result: Applied | Exception) -> None:
        """Wait for a run, and let it end so."""
        number = len(self.shown)
        self.results.append(result)
        self.permits.release()
        wait_for("the end of the run", lambda: len(self.shown) > number)

    def pass_time(self, seconds: float) -> None:
        """Move the clock, and have the thread look at it."""
        self.now += seconds
        with self.keeper._changed:
            self.keeper._changed.notify()

    @property
    def is_waiting(self) -> bool:
        """Whether the thread waits for nothing but an end or other options."""
        return self.keeper._due == float("inf")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    file = tmp_path / "irqaffinity.conf"
    file.write_text("")
    made = Rig(load([str(file)]))
    yield made
    made.keeper.end()
    thread = made.keeper._thread
    if thread is not None:
        thread.join()
    assert made.threads.dead is None


def test_start_is_one_run_and_watch_one_each_interval(rig: Rig) -> None:
    rig.follow(ApplyMode.START, is_start=True)
    rig.end_run(NOTHING)
    assert rig.is_waiting
    rig.follow(ApplyMode.START, num_vfs=5)
    assert rig.is_waiting, "only a start applies it then"
    rig.follow(ApplyMode.WATCH, num_vfs=5)
    rig.end_run(NOTHING)
    rig.pass_time(59)
    assert len(rig.tasks) == 2
    rig.pass_time(1)
    rig.end_run(NOTHING)
    assert [task.declared[0].num_vfs for task in rig.tasks] == [4, 5, 5]
    rig.follow(ApplyMode.WATCH, num_vfs=6)
    rig.end_run(NOTHING)
    assert rig.shown[-1] == Standing(ApplyMode.WATCH)


def test_options_that_change_during_a_run_are_applied_after_it(rig: Rig) -> None:
    rig.follow(ApplyMode.WATCH, is_start=True)
    wait_for("the first run", lambda: len(rig.tasks) == 1)
    rig.follow(ApplyMode.WATCH, num_vfs=5)
    rig.end_run(NOTHING)
    wait_for("the next run", lambda: len(rig.tasks) == 2)
    rig.end_run(NOTHING)
    assert rig.tasks[1].declared[0].num_vfs == 5


def test_off_begins_nothing_and_ends_what_was(rig: Rig) -> None:
    rig.follow(ApplyMode.OFF, is_start=True)
    assert (rig.keeper._thread, rig.shown, rig.keeper.is_settled) == (None, [None], True)
    rig.follow(ApplyMode.WATCH)
    wait_for("a run", lambda: rig.tasks)
    rig.follow(ApplyMode.OFF)
    rig.results.append(applied(row(Setting.TRUST, Made.SET)))
    rig.permits.release()
    wait_for("the count", lambda: rig.counted["set"])
    rig.follow(ApplyMode.OFF)
    assert set(rig.shown) == {None}
    wait_for("rest", lambda: rig.is_waiting)


def test_nothing_declared_is_nothing_to_do(rig: Rig) -> None:
    rig.keeper.follow(replace(rig.settings, sriov=Sriov(ApplyMode.WATCH)), is_start=True)
    assert rig.keeper._thread is None
    assert rig.keeper.is_settled


def test_others_wait_for_the_first_run_and_not_for_ever(rig: Rig) -> None:
    rig.follow(ApplyMode.START, is_start=True)
    wait_for("a run", lambda: rig.tasks)
    assert not rig.keeper.is_settled
    rig.now = FUNCTIONS_WAIT
    assert rig.keeper.is_settled
    rig.now = 0.0
    rig.end_run(NOTHING)
    wait_for("the end of the first run", lambda: rig.keeper.is_settled)


@pytest.mark.parametrize("result", [applied(is_sure=False), ChildFailed("state.db cannot be read")])
def test_what_could_not_be_told_is_tried_again_soon(rig: Rig, result: Applied | Exception) -> None:
    rig.follow(ApplyMode.START, is_start=True)
    rig.end_run(result)
    assert not rig.is_waiting
    standing = rig.shown[-1]
    assert standing is not None
    assert standing.message in (
        "state.db cannot be read",
        "libvirt did not tell all guests, so it is not known what is free; the agent tries again",
    )
    rig.pass_time(2)
    rig.end_run(NOTHING)
    assert rig.is_waiting


def test_what_a_hold_defers_is_done_after_it(rig: Rig) -> None:
    rig.follow(ApplyMode.START, is_start=True)
    rig.end_run(applied(row(Setting.TRUST, Made.HELD)))
    rig.pass_time(60)
    rig.end_run(NOTHING)
    assert rig.is_waiting


def test_what_a_hold_deferred_is_done_at_once_after_it(rig: Rig) -> None:
    rig.follow(ApplyMode.START, is_start=True)
    rig.end_run(applied(row(Setting.TRUST, Made.HELD)))
    rig.keeper.wake()
    wait_for("the second run", lambda: len(rig.tasks) == 2)
    rig.keeper.wake()  # the hold ends while a run goes on that has met it
    rig.end_run(applied(row(Setting.TRUST, Made.HELD)))
    wait_for("the third run", lambda: len(rig.tasks) == 3)
    rig.end_run(applied(row(Setting.TRUST, Made.SET)))
    assert rig.is_waiting
    rig.keeper.wake()
    assert rig.is_waiting, "nothing waits for the end of a hold"


def test_a_wake_is_nothing_where_nothing_is_to_be_applied(rig: Rig) -> None:
    rig.follow(ApplyMode.START, is_start=True)
    rig.end_run(applied(row(Setting.TRUST, Made.HELD)))
    rig.follow(ApplyMode.OFF)
    rig.keeper.wake()
    assert rig.is_waiting


def test_the_log_has_each_change_and_everything_else_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    done = row(Setting.SPOOFCHK, Made.SET, "2")
    drift = row(Setting.VLAN, Made.REFUSED, "1", "it is not free: guest vm (…), hostdev")
    cannot, now_fewer = row(Setting.TRUST, Made.UNSUPPORTED), row(Setting.TRUST, Made.UNSUPPORTED, "1")
    failed = row(Setting.NUMVFS, Made.FAILED, None, "it has 0, and should have 8")
    rig.follow(ApplyMode.WATCH, is_start=True)
    rig.end_run(applied(done, drift, cannot, failed, drifts=1))
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", f"sriov: ens0f0 {PF} VF 2: spoofchk from false to true: set"),
        ("INFO", f"sriov: ens0f0 {PF} VF 1: vlan from false to true: refused: it is not free: guest vm (…), hostdev"),
        ("WARNING", f"sriov: ens0f0 {PF} VF 0-3: trust from false to true: unsupported"),
        ("WARNING", f"sriov: ens0f0 {PF}: numvfs from false to true: failed: it has 0, and should have 8"),
    ]
    standing = rig.shown[-1]
    assert standing == Standing(ApplyMode.WATCH, (drift, cannot, failed), 1)
    caplog.clear()
    rig.pass_time(60)
    rig.end_run(applied(done, drift, now_fewer, failed))
    assert [record.getMessage() for record in caplog.records] == [
        f"sriov: ens0f0 {PF} VF 2: spoofchk from false to true: set"
    ]
    rig.pass_time(60)
    rig.end_run(applied())
    caplog.clear()
    rig.pass_time(60)
    rig.end_run(applied(drift, cannot))
    assert [record.getMessage().partition(": ")[2][:25] for record in caplog.records] == ["ens0f0 0000:40:00.0 VF 1:"]
    assert rig.counted == {"set": 2, "refused": 3, "unsupported": 3, "failed": 2}


def test_what_a_driver_refused_is_not_tried_again_until_the_options_change(rig: Rig) -> None:
    rig.follow(ApplyMode.WATCH, is_start=True)
    rig.end_run(NOTHING._replace(unsupported=frozenset({(PF, Setting.TRUST)})))
    rig.pass_time(60)
    rig.end_run(NOTHING)
    rig.follow(ApplyMode.WATCH, num_vfs=8)
    rig.end_run(NOTHING)
    assert [set(task.unsupported) for task in rig.tasks] == [set(), {(PF, Setting.TRUST)}, set()]


def test_off_costs_no_memory_and_a_run_none_of_pyroute2(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom irqaffinity.agent.functions import Functions\nimport irqaffinity.agent.service\n"
        "print(sorted({'irqaffinity.agent.sriov', 'irqaffinity.sriov.task', 'pyroute2'} & set(sys.modules)))\n"
        "import irqaffinity.agent.sriov\nprint('pyroute2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\nFalse\n"


def test_the_view_and_the_counters_take_it(rig: Rig) -> None:
    view, counters = View("cmp-1"), Counters()
    functions = Functions(rig.threads, view, counters)
    functions.follow(rig.settings, is_start=True)
    assert functions.is_settled()
    assert "sriov" not in view.describe()
    view.saw_functions(Standing(ApplyMode.WATCH, (row(Setting.VLAN, Made.REFUSED),), 4))
    assert view.describe()["sriov"] == {
        "apply": "watch",
        "drifts": [row(Setting.VLAN, Made.REFUSED)],
        "message": None,
    }
    functions.end()
