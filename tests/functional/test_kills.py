# SPDX-License-Identifier: Apache-2.0
"""The agent is killed at random moments while interrupts and guests come and go: no original is lost."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from irqaffinity.demo.tree import HostTree
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.observe.procfs import read_boot_id
from irqaffinity.state.folder import StateFolder
from irqaffinity.state.store import Store
from tests.fakes.scene import VF0, VF1
from tests.functional.agent import Agent, ended, wait_for
from tests.functional.conftest import Libvirtd
from tests.functional.test_agent import Stage

SEED = 20261126
KILLS = 50
"""With each of the signals."""

LONGEST = 0.4
"""Seconds that an agent lives at most, from its first moment or from when it handles signals."""

PAUSE = 0.004
"""Seconds between two changes of the host."""

PLACES = {VF0: ("2", "3"), "0000:41:00.2": ("4", "5"), VF1: ("10", "11"), "0000:81:00.2": ("12", "13")}
"""The devices, and the pins of whatever guest has one: CPUs of its node."""

FOREIGN = "0000:c1:00.0"
"""A device that never is a guest's."""

ORIGINALS = ("0-15", "0-7", "8-15", "0-1,8-9", "14")
"""The CPUs of an interrupt at its birth follow from its number: they are the same in each of its lives."""

MOST = 12
"""Interrupts of one device."""


def original(number: int) -> str:
    """Return what an interrupt has when it is born."""
    return ORIGINALS[number % len(ORIGINALS)]


class Churn:
    """A host on which something changes all the time, and what is to hold of it at any moment."""

    def __init__(self, stage: Stage, chance: Random) -> None:
        self.tree, self.agent = stage.tree, stage.agent
        self.born: dict[str, set[int]] = {device: set() for device in PLACES}
        self._stage = stage
        self._chance = chance
        self._guests: dict[str, str] = {}
        self._store = Store(StateFolder(str(self.agent.folder / "state")), read_boot_id(self.tree.root))
        for device in (*PLACES, FOREIGN):
            if not self.tree.device_folder(device).exists():
                self.tree.add_device(device, 0 if device in list(PLACES)[:2] else 1)
        for number in (40, 41, 50, 51):
            self.put(number)
            self.born[VF0 if number < 50 else VF1].add(number)
        self.tree.add_vectors(FOREIGN, range(900, 904), "0-15")
        for number in range(904, 908):
            self.tree.put(self._affinity(number), "0-15")
        self._before = self._look_at_foreign()

    def change(self) -> None:
        """Change something."""
        device = self._chance.choice(list(PLACES))
        self._chance.choices([self._bear, self._end, self._renew, self._swap], [8, 4, 4, 1])[0](device)

    def put(self, number: int) -> None:
        """Give an interrupt what it has at birth, in a file that nobody has open."""
        path = self._affinity(number)
        self.tree.put(path.with_name("new"), original(number))
        path.with_name("new").rename(path)

    def check(self) -> None:
        """Fail where an original is lost, or a foreign interrupt was written. The agent does not run."""
        records = self._store.peek().records
        for irqs in records.values():
            for number, record in irqs.items():
                assert record.original == CpuSet.parse(original(number)), f"the original of {number}"
        for device, numbers in self.born.items():
            known = {number for address, irqs in records.items() if str(address) == device for number in irqs}
            lost = {number for number in numbers - known if self.agent.smp(number) != original(number)}
            assert not lost, f"{lost} of {device} were moved and have no record"
        self.check_foreign()
        assert not [name for name in os.listdir(self.agent.folder / "state") if "corrupt" in name]

    def check_foreign(self) -> None:
        """Fail where an interrupt of no guest was written."""
        assert self._look_at_foreign() == self._before

    def is_settled(self) -> bool:
        """Tell whether each interrupt is on the CPUs of its guest, or on those of its birth."""
        return all(
            CpuSet.parse(self.agent.smp(number) or "0")
            == CpuSet.parse(",".join(PLACES[device]) if device in self._guests else original(number))
            for device, numbers in self.born.items()
            for number in numbers
        )

    def are_all_back(self) -> bool:
        """Tell whether each interrupt is where it was born."""
        return all(self.agent.smp(number) == original(number) for numbers in self.born.values() for number in numbers)

    def _bear(self, device: str) -> None:
        first = 100 * (1 + list(PLACES).index(device))
        free = set(range(first, first + 30)) - self.born[device]
        if len(self.born[device]) < MOST:
            number = self._chance.choice(sorted(free))
            self.put(number)
            self.tree.put(self.tree.sys / f"kernel/irq/{number}/actions", f"vfio-msix[0]({device})")
            self.tree.put(self.tree.device_folder(device) / f"msi_irqs/{number}", "msix")
            self.born[device].add(number)

    def _end(self, device: str) -> None:
        if self.born[device]:
            number = self._chance.choice(sorted(self.born[device]))
            (self.tree.device_folder(device) / f"msi_irqs/{number}").unlink()
            self._affinity(number).unlink()
            self._affinity(number).parent.rmdir()
            self.born[device].remove(number)

    def _renew(self, device: str) -> None:
        if self.born[device]:
            self.put(self._chance.choice(sorted(self.born[device])))

    def _swap(self, device: str) -> None:
        """Start a guest that has the device, or end it."""
        uuid = self._guests.pop(device, None)
        if uuid is not None:
            self._stage.destroy(uuid)
            return
        uuid = f"{list(PLACES).index(device):08x}-0000-4000-8000-{self._chance.randrange(3):012x}"
        self._stage.create(device, uuid=uuid, pins=PLACES[device])
        self._guests[device] = uuid

    def _affinity(self, number: int) -> Path:
        return self.tree.proc / f"irq/{number}/smp_affinity_list"

    def _look_at_foreign(self) -> list[tuple[int, int, str]]:
        paths = [self._affinity(number) for number in range(900, 908)]
        return [(path.stat().st_ino, path.stat().st_mtime_ns, path.read_text()) for path in paths]


@pytest.fixture
def churn(libvirtd: Libvirtd, tree: HostTree, tmp_path: Path) -> Iterator[Churn]:
    """A host of four devices and an agent on it, not started yet."""
    stage = Stage(tmp_path, libvirtd, tree, None)
    stage.agent.set("DEFAULT", debug=False)
    stage.agent.set("notifications", enabled=False)
    stage.agent.set("vectors", source="poll")
    with ended(stage.agent):
        yield Churn(stage, Random(SEED))


def heeds_signals(agent: Agent) -> bool:
    """Tell whether the agent waits for SIGTERM, and does not die of it: its other threads are there, and block it."""
    assert agent.process is not None
    tasks = Path(f"/proc/{agent.process.pid}/task")
    lines: list[str] = []
    for path in tasks.glob("*/status"):
        with contextlib.suppress(OSError):  # the thread has ended
            lines += path.read_text().splitlines()
    return any(int(line.split()[1], 16) & 1 << signal.SIGTERM - 1 for line in lines if line.startswith("SigBlk:"))


def change_until(churn: Churn, is_over: Callable[[], bool]) -> None:
    """Change the host as fast as its agent can follow."""
    while not is_over():
        churn.change()
        time.sleep(PAUSE)


def test_no_original_is_lost_to_kills_at_random_moments(churn: Churn) -> None:
    chance, agent = Random(SEED + 1), churn.agent
    signals = [signal.SIGKILL, signal.SIGTERM] * KILLS
    chance.shuffle(signals)
    for number in signals:
        agent.launch()
        assert agent.process is not None
        if number == signal.SIGTERM or chance.random() < 0.7:
            wait_for("the agent to heed signals", lambda: churn.change() or heeds_signals(agent))
        end = time.monotonic() + chance.uniform(0, LONGEST)
        change_until(churn, lambda end=end: time.monotonic() >= end)
        assert agent.process.poll() is None, agent.log()
        if number == signal.SIGTERM:
            assert agent.stop(5) == 0, agent.log()
        else:
            agent.kill()
        churn.check()
    agent.start()
    wait_for("all in place", churn.is_settled)
    agent.kill()
    churn.check()
    done = agent.run("reset")
    assert (done.returncode, churn.are_all_back()) == (0, True), done.stderr
    churn.check_foreign()
    assert "Traceback" not in agent.log()
