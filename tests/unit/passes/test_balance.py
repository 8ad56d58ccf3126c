# SPDX-License-Identifier: Apache-2.0
"""irqbalance has what it is to have, the state knows it first, and what it had comes back."""

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from irqaffinity.model.balance import Balancing, Bans
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import parse_guest_id
from irqaffinity.model.isolation import Told
from irqaffinity.model.record import Changes
from irqaffinity.observe.moment import read_moment
from irqaffinity.passes.balance import Balance, Times
from irqaffinity.passes.holds import add_hold, lift_holds
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.memory import MemoryStore
from irqaffinity.state.store import Keeper, Store
from tests.fakes.balancer import PID, FakeBalancer
from tests.fakes.host import FakeHost
from tests.functional.agent import wait_for
from tests.patience import HANG
from tests.real_irqbalance import GUESTS, HOSTS, RealBalancer, running

NAME = f"irqbalance{PID}.sock"
WISH = Bans(CpuSet.parse("2-15"), (30, 31))


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Rig:
    """A host, a state and a folder for sockets, for one Balance after the other."""

    def __init__(self, host: FakeHost, folder: Path, keeper: Keeper | None = None) -> None:
        self.host, self.folder = host, folder
        self.keeper = MemoryStore() if keeper is None else keeper
        self.clock = Clock()

    def begin(self, patience: float = HANG) -> Balance:
        """Return what a new process has."""
        return Balance(self.host.root, str(self.folder), self.keeper, threading.RLock(), patience, self.clock)

    @property
    def told(self) -> dict[str, Told]:
        """What the state says."""
        with self.keeper.exclusive():
            return dict(self.keeper.load().told)


@pytest.fixture
def rig(host: FakeHost, tmp_path: Path) -> Rig:
    return Rig(host, tmp_path / "sockets")


@pytest.fixture
def fake(rig: Rig) -> Iterator[FakeBalancer]:
    balancer = FakeBalancer(rig.folder)
    yield balancer
    balancer.close()


def take_back(rig: Rig, fake: FakeBalancer) -> None:
    """Do what a new process does that tells nothing, until two scans have shown the end of it."""
    balance = rig.begin()
    for _ in range(2):
        fake.scan()
        balance.follow(None)


def test_it_is_told_once_read_back_after_a_scan_and_then_left_alone(rig: Rig, fake: FakeBalancer) -> None:
    fake.cpus, fake.irqs = "00000001", [9]
    balance = rig.begin()
    assert balance.follow(WISH) == Balancing(PID, False, CpuSet(), 0)
    expected = ["settings cpus 0,2-15", "settings ban irqs 9 30 31"]
    assert (fake.told, balance.due - rig.clock.now) == (expected, 3.0)
    assert rig.told == {NAME: Told(CpuSet([0]), (9,), CpuSet.parse("0,2-15"), (9, 30, 31))}
    assert balance.follow(WISH) == Balancing(PID, False, CpuSet(), 2)  # no scan yet
    fake.scan()
    assert balance.follow(WISH) == Balancing(PID, True, WISH.cpus, 2)
    assert (fake.told, balance.due - rig.clock.now) == (expected, Times().look)


def test_what_changes_before_a_scan_waits_for_it(rig: Rig, fake: FakeBalancer) -> None:
    balance = rig.begin()
    balance.follow(WISH)
    for irqs in ((30,), (30, 31, 32)):
        assert not balance.follow(Bans(WISH.cpus, irqs)).told
    assert len(fake.told) == 2
    assert balance.due - rig.clock.now == 3.0
    rig.clock.now += 3
    fake.scan()
    balance.follow(Bans(CpuSet([3]), (30, 31, 32)))
    assert fake.told[2:] == ["settings cpus 3", "settings ban irqs 30 31 32"]
    assert rig.told[NAME].cpus == WISH.cpus  # still banned, as far as is known
    fake.scan()
    assert balance.follow(Bans(CpuSet([3]), (30, 31, 32))).told
    assert rig.told[NAME] == Told(None, (), CpuSet([3]), (30, 31, 32))


def test_the_state_knows_it_before_it_is_told(rig: Rig, fake: FakeBalancer) -> None:
    class Full(MemoryStore):
        def save(self, changes: Changes) -> None:  # noqa: ARG002
            raise StateError("No space left on device")

    rig.keeper = Full()
    with pytest.raises(StateError):
        rig.begin().follow(WISH)
    assert fake.told == []


@pytest.mark.parametrize("is_scanned", [True, False])
def test_what_a_killed_process_told_is_taken_back_by_the_next(rig: Rig, fake: FakeBalancer, is_scanned: bool) -> None:
    fake.cpus, fake.irqs = "00000001", [9]
    rig.begin().follow(WISH)
    if is_scanned:
        fake.scan()
    fake.asked.clear()
    balance = rig.begin()
    balance.follow(None)
    assert fake.told == ["settings cpus 0", "settings ban irqs 9"]
    assert balance.owes
    fake.scan()
    assert balance.follow(None) == Balancing(PID)
    assert (fake.cpus, fake.irqs, rig.told, balance.owes) == ("00000001", [9], {}, False)


def test_a_wish_that_comes_back_before_the_scan_is_told_again_after_it(rig: Rig, fake: FakeBalancer) -> None:
    balance = rig.begin()
    balance.follow(WISH)
    fake.scan()
    balance.follow(WISH)
    balance.follow(Bans(CpuSet([3]), WISH.irqs))
    assert not balance.follow(WISH).told  # it has them until it scans
    fake.scan()
    rig.clock.now += 3
    balance.follow(WISH)
    fake.scan()
    assert balance.follow(WISH).told
    assert [text for text in fake.told if "cpus" in text] == [f"settings cpus {cpus}" for cpus in ("2-15", "3", "2-15")]


def test_the_next_process_wants_the_same_and_tells_nothing(rig: Rig, fake: FakeBalancer) -> None:
    rig.begin().follow(WISH)
    fake.scan()
    fake.asked.clear()
    assert rig.begin().follow(WISH).told
    assert fake.told == []


def test_at_the_end_it_is_given_back_without_a_question(rig: Rig, fake: FakeBalancer) -> None:
    fake.irqs = [9]
    balance = rig.begin()
    balance.follow(WISH)
    fake.is_silent = True
    fake.asked.clear()
    assert balance.give_back() == []
    wait_for("both", lambda: len(fake.asked) == 2)
    assert fake.asked == ["settings cpus NULL", "settings ban irqs 9"]
    assert NAME in rig.told
    fake.speak()
    take_back(rig, fake)
    assert (fake.cpus, fake.irqs, rig.told) == ("00000000", [9], {})


def test_one_that_was_started_anew_is_told_again(rig: Rig, fake: FakeBalancer) -> None:
    balance = rig.begin()
    balance.follow(WISH)
    fake.close()
    assert balance.follow(WISH) == Balancing()
    assert rig.told == {}
    new = FakeBalancer(rig.folder)
    try:
        balance.follow(WISH)
        assert len(new.told) == 2
    finally:
        new.close()


def test_one_that_was_killed_leaves_a_socket_that_counts_for_nothing(rig: Rig, fake: FakeBalancer) -> None:
    (rig.folder / "irqbalance5.sock").touch()
    (rig.folder / "other.sock").touch()
    assert rig.begin().follow(WISH).pid == PID


def test_a_silent_one_is_asked_once_and_its_late_answer_counts(rig: Rig, fake: FakeBalancer) -> None:
    fake.is_silent = True
    balance = rig.begin(patience=0.05)
    assert balance.follow(WISH) == Balancing(PID)
    assert balance.due - rig.clock.now == 1.0
    wait_for("its question", lambda: fake.asked)
    rig.clock.now += 7
    for _ in range(3):
        shown = balance.follow(WISH)
    assert shown.trouble == f"irqbalance {PID}: it has not answered for 5 s or more: see whether it hangs"
    assert fake.asked == ["setup"]
    fake.speak()
    wait_for("the late answer", lambda: balance.follow(WISH) and fake.told)
    balance.hear_out(HANG)  # that may have asked once more
    assert rig.told[NAME].irqs == WISH.irqs


def test_one_that_is_stopped_is_not_asked(rig: Rig, fake: FakeBalancer) -> None:
    rig.host.put(rig.host.proc / f"{PID}/stat", f"{PID} (irq) balance) T 1 1")
    shown = rig.begin().follow(WISH)
    assert shown.trouble == f"irqbalance {PID} is stopped, and is told once it goes on"
    assert fake.asked == []


def test_a_wrong_answer_is_trouble_and_nothing_is_told(rig: Rig, fake: FakeBalancer) -> None:
    fake.answer = b"no idea"
    shown = rig.begin().follow(WISH)
    assert shown.trouble is not None
    assert "'no idea'" in shown.trouble
    assert fake.told == []


@pytest.mark.parametrize(("reads", "keeps", "count"), [(500, 16384, 96), (16384, 255, 51)], ids=["1.9.4", "2026"])
def test_a_list_that_is_cut_is_sent_again_as_far_as_it_fits(rig: Rig, reads: int, keeps: int, count: int) -> None:
    fake = FakeBalancer(rig.folder, reads, keeps)
    try:
        balance, wish = rig.begin(), Bans(CpuSet([3]), tuple(range(1000, 1300)))
        balance.follow(wish)
        assert fake.irqs == list(range(1000, 1000 + count))
        fake.scan()
        shown = balance.follow(wish)
        assert (shown.told, shown.cpus, shown.irqs) == (False, CpuSet([3]), count)
        assert shown.trouble is not None
        assert f"keeps only {count} of 300 interrupts" in shown.trouble
        sent = len(fake.told)
        rig.clock.now += 100
        balance.follow(wish)
        assert len(fake.told) == sent
        balance.follow(None)
        assert fake.irqs == []
    finally:
        fake.close()


def test_one_that_keeps_nothing_is_told_again_once_a_minute(rig: Rig, fake: FakeBalancer) -> None:
    balance = rig.begin()
    balance.follow(WISH)  # and no scan comes
    for _ in range(58):
        rig.clock.now += 1
        shown = balance.follow(WISH)
    assert fake.told.count("settings cpus 2-15") == 2
    assert shown.trouble is not None
    assert "does not keep what it is told" in shown.trouble


def test_a_made_up_host_leads_to_no_irqbalance(rig: Rig, fake: FakeBalancer) -> None:
    balance = Balance(rig.host.root, None, rig.keeper, threading.RLock())
    shown = balance.follow(WISH)
    assert shown.pid is None
    assert shown.trouble is not None
    assert "name that in [isolation] irqbalance_sockets" in shown.trouble
    assert fake.asked == []


def test_without_its_folder_nothing_counts_as_ended(rig: Rig, fake: FakeBalancer) -> None:
    rig.begin().follow(WISH)
    rig.folder.rename(rig.folder.with_name("elsewhere"))
    balance = rig.begin()
    assert balance.follow(WISH) == Balancing()
    assert len(balance.give_back()) == 1
    assert NAME in rig.told
    rig.folder.with_name("elsewhere").rename(rig.folder)


def test_what_was_given_back_counts_as_no_ban_of_its_own_until_it_shows(rig: Rig, fake: FakeBalancer) -> None:
    """An agent that is started anew twice between two scans: the CPUs are still banned, and not by irqbalance."""
    balance = rig.begin()
    balance.follow(WISH)
    fake.scan()
    assert balance.follow(WISH).told
    for _ in range(2):
        assert balance.give_back() == []
        balance = rig.begin()
        balance.follow(WISH)
    assert rig.told[NAME].cpus_before is None
    balance.give_back()
    fake.scan()
    assert (fake.cpus, fake.irqs) == ("00000000", [])
    take_back(rig, fake)
    assert rig.told == {}


def test_no_pass_waits_while_one_that_hangs_is_given_back_what_it_had(rig: Rig) -> None:
    class Noticed:
        """A lock that tells how often it was taken."""

        taken = 0

        def __init__(self) -> None:
            self._lock = threading.Lock()

        def __enter__(self) -> None:
            self._lock.acquire()
            self.taken += 1

        def __exit__(self, *_: object) -> None:
            self._lock.release()

        @property
        def is_free(self) -> bool:
            return self.taken > 0 and not self._lock.locked()

    rig.folder.mkdir()
    rig.keeper.save(Changes(told={NAME: Told(None, (), CpuSet([2]), (30,))}))
    lock, troubles = Noticed(), []
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as waiting:
        server.bind(str(rig.folder / NAME))
        server.listen(0)
        waiting.connect(str(rig.folder / NAME))  # it is never accepted, and fills the queue
        balance = Balance(rig.host.root, str(rig.folder), rig.keeper, lock)
        thread = threading.Thread(target=lambda: troubles.extend(balance.give_back()))
        thread.start()
        wait_for("a pass's turn while it waits", lambda: lock.is_free and thread.is_alive())
        thread.join()
    assert troubles == [f"irqbalance {PID} takes no connection: it hangs; restart it"]
    assert NAME in rig.told


def test_what_a_new_one_of_the_same_name_was_told_meanwhile_is_not_forgotten(rig: Rig) -> None:
    old, new = (Told(None, (), CpuSet([cpu]), (30,)) for cpu in (2, 3))

    class Turn(contextlib.nullcontext[None]):
        """A lock; somebody else tells a new irqbalance something after the first turn."""

        turns = 0

        def __exit__(self, *_: object) -> None:
            self.turns += 1
            if self.turns == 1:
                rig.keeper.save(Changes(told={NAME: new}))

    rig.folder.mkdir()
    rig.keeper.save(Changes(told={NAME: old}))
    assert Balance(rig.host.root, str(rig.folder), rig.keeper, Turn()).give_back() == []
    assert rig.told == {NAME: new}


def masks(real: RealBalancer, numbers: range) -> int:
    """Return all CPUs to which any of the interrupts may come."""
    found = 0
    for number in numbers:
        found |= real.smp(number)
    return found


def test_the_real_one_leaves_guests_alone_is_told_again_after_a_start_and_given_back(
    host: FakeHost, tmp_path: Path
) -> None:
    """Its own bans stand, the host's interrupts stay off the kept CPUs, and the guests' stay where they are."""
    wish = Bans(CpuSet.parse("4-15"), tuple(GUESTS))
    with running(tmp_path / "real", "--banirq=24", IRQBALANCE_BANNED_CPULIST="3") as real:
        store = Store(StateFolder(str(tmp_path / "state")), "boot")
        rig = Rig(host, real.sockets, store)
        balance = rig.begin()
        rig.clock.now += 10

        def is_told() -> bool:
            rig.clock.now += 10
            assert real.is_alive, real.log()
            return balance.follow(wish).told

        def is_moved() -> bool:
            real.fire()
            return masks(real, HOSTS[1:]) & 0xFFF8 == 0

        wait_for("its scan", is_told)
        alone = {number: real.smp(number) for number in (24, *GUESTS)}  # it may have scanned before it was told
        wait_for("its moves", is_moved)
        assert {number: real.smp(number) for number in alone} == alone
        assert alone[24] == 0xFFFF
        assert rig.told[real.balancer.name].cpus_before == CpuSet([3])
        before = real.balancer.name
        real.stop(signal.SIGKILL)
        real.start()
        wait_for("the new one's scan", is_told)
        assert before not in rig.told
        rig.begin().give_back()
        balance = rig.begin()

        def is_back() -> bool:
            rig.clock.now += 10
            shown = balance.follow(Bans())
            return shown.told and rig.told[real.balancer.name].cpus == CpuSet([3])

        wait_for("what it had", is_back)
        assert rig.told[real.balancer.name].irqs == (24,)


def test_under_a_hold_on_the_host_it_keeps_what_it_was_told(rig: Rig, fake: FakeBalancer) -> None:
    rig.begin().follow(WISH)
    fake.scan()
    rig.begin().follow(WISH)
    said, told = list(fake.told), rig.told
    now = read_moment(rig.host.root)
    until = now.now + timedelta(hours=1)
    add_hold(rig.keeper, now, until, "why", guest=parse_guest_id("11111111-1111-1111-1111-111111111111"))
    made = add_hold(rig.keeper, now, until, "why")
    for _ in range(2):
        balance = rig.begin()
        assert balance.follow(WISH) == Balancing(PID, True, WISH.cpus, 2)
        assert balance.follow(Bans(CpuSet([3]), (30, 40))) == Balancing(PID, False, CpuSet([3]), 1)
        assert not balance.follow(None).told
        assert balance.give_back() == []
        fake.scan()
    assert (fake.told, rig.told, balance.owes) == (said, told, True)
    lift_holds(rig.keeper, now, lambda hold: hold.id == made.id)
    rig.begin().follow(Bans(CpuSet([3]), (30, 40)))
    assert fake.told[len(said) :] == ["settings cpus 3", "settings ban irqs 30 40"]


def test_a_reset_that_is_forced_takes_back_what_a_hold_keeps(rig: Rig, fake: FakeBalancer) -> None:
    rig.begin().follow(WISH)
    fake.scan()
    rig.begin().follow(WISH)
    now = read_moment(rig.host.root)
    add_hold(rig.keeper, now, now.now + timedelta(hours=1), "why")
    said = len(fake.told)
    assert rig.begin().give_back(is_forced=True) == []
    wait_for("the bans are taken back", lambda: fake.told[said:] == ["settings cpus NULL", "settings ban irqs NONE"])
