# SPDX-License-Identifier: Apache-2.0
"""A guest that makes too many new interrupts has them placed together, and keeps the host not busy."""

import errno
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from irqaffinity.agent.together import SEARCH
from irqaffinity.guests.life import LINES_RATE
from irqaffinity.guests.pace import EFFORT, EFFORT_RATE, EVENTS, EVENTS_RATE
from irqaffinity.guests.watch import FAST, RARE, TOGETHER, Patience
from irqaffinity.model.guest import GuestId
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.policy import Distribution, Policy
from tests.fakes.domains import nova_metadata
from tests.fakes.host import FakeHost
from tests.fakes.scene import GUEST, VF0
from tests.unit.agent.rig import Rig

OWNER = GuestId(GUEST)
MANY = int(EVENTS)
IN_ERROR = {"hw:cpu_policy": "dedicated", "hw:pci_irq_affinity_mask": "7"}


class Busy(Rig):
    """A guest that was placed and has settled, and makes interrupts as the test says."""

    def __init__(self, folder: Path, host: FakeHost, *, metadata: str = "") -> None:
        super().__init__(folder, host, metadata=metadata)
        self.hears_births = True
        self.step()
        self.settle()

    def toggle(self, number: int = 40, smp: str = "0-15") -> None:
        """Have an interrupt end and be born again, with the affinity that the kernel gives it."""
        self.births.ended([number])
        self.move(number, smp)
        self.births.born(number)

    def spend(self) -> None:
        """Have as many been made as are each placed at once."""
        while self.auditor.lives.of(OWNER).pace.follows_birth(self.now):
            pass

    def lose(self, number: int) -> None:
        """Let an interrupt be born whose owner stays unknown, because too many searches were in vain."""
        for other in range(1000, 1400):
            self.births.born(other)
        self.births.born(number)

    def forget_births(self) -> None:
        """Forget which devices had the last births: another guest's would have taken their places."""
        self.auditor._nursery._cradle._recent.clear()

    def verdicts(self) -> dict[int, str]:
        """Return what the status says of each interrupt."""
        return {result.action.number: result.verdict.value for result in self.view.outcome.results}


@pytest.fixture
def busy(tmp_path: Path, host: FakeHost) -> Busy:
    return Busy(tmp_path, host)


def test_within_its_credit_each_birth_is_placed_at_once(busy: Busy) -> None:
    for _ in range(MANY):
        busy.toggle()
        assert busy.host.smp(40) == "2-3"
    assert busy.counters.throttled == 0


def test_beyond_it_births_wait_and_are_placed_together(busy: Busy) -> None:
    busy.spend()
    busy.step(0.5)
    for number in (40, 41):
        for _ in range(3):
            busy.toggle(number)
    assert (busy.host.smp(40), busy.host.smp(41)) == ("2-3", "0-15"), "half a second gives five more"
    assert busy.counters.throttled == 1
    busy.toggle()
    assert (busy.host.smp(40), busy.host.smp(41)) == ("0-15", "0-15")
    taken = busy.queue.take(0)
    assert (taken.has_waiting, taken.births) == (True, {})
    writes, saves = busy.host.writes, busy.counters.passes["birth", "done"]
    busy.step(TOGETHER)
    assert (busy.host.smp(40), busy.host.smp(41)) == ("2-3", "2-3")
    assert (busy.host.writes - writes, busy.counters.passes["birth", "done"] - saves) == (2, 2)


def test_the_status_says_of_those_that_wait_that_they_are_throttled(busy: Busy) -> None:
    busy.spend()
    assert busy.verdicts() == {40: "ok", 41: "ok"}
    busy.host.add_vectors(VF0, [42], "0-15", effective="0")
    for number in (40, 42):
        busy.toggle(number)
    assert busy.verdicts() == {40: "throttled", 41: "ok", 42: "throttled"}
    assert busy.view.outcome.summary()["pending"] == 2
    busy.step(TOGETHER)
    busy.step(3.0)
    assert busy.verdicts() == {40: "ok", 41: "ok", 42: "ok"}


def test_two_batches_have_a_pause_between_them(busy: Busy) -> None:
    busy.spend()
    placed = []
    for moment in range(40):
        busy.toggle()
        busy.toggle(41)
        busy.step(0.01)
        placed += [moment] if busy.host.smp(40) == "2-3" and busy.host.smp(41) == "2-3" else []
    assert len(placed) <= 40 * 0.01 / TOGETHER + 40 * 0.01 * EVENTS_RATE + 1


def test_what_has_ended_meanwhile_is_not_waited_for(busy: Busy) -> None:
    busy.spend()
    busy.host.add_vectors(VF0, [42], "0-15", effective="0")
    busy.toggle(42)
    busy.toggle(40)
    busy.host.remove_interrupt(42)
    busy.step(TOGETHER)
    assert busy.host.smp(40) == "2-3"
    assert busy.counters.passes["birth", "failed"] == 0


def test_a_full_pass_places_what_waits(busy: Busy) -> None:
    busy.spend()
    busy.toggle()
    busy.auditor.audit()
    assert busy.host.smp(40) == "2-3"
    assert busy.verdicts()[40] == "ok"
    assert not busy.auditor.lives.waiting()


def test_what_takes_more_than_the_interrupts_is_left_to_a_look(busy: Busy) -> None:
    busy.spend()
    busy.auditor.policy = Policy(distribution=Distribution.SPREAD)
    busy.toggle()
    busy.step(TOGETHER)
    busy.step(TOGETHER)
    assert busy.host.smp(40) in ("2", "3")


def test_what_stands_in_the_way_is_left_to_a_look(busy: Busy, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "irqaffinity.agent.together")
    busy.spend()
    busy.toggle()
    default = busy.host.proc / "irq/default_smp_affinity"
    kept = default.read_text()
    default.unlink()
    busy.step(TOGETHER)
    assert [message for message in caplog.messages if "a look will place its new interrupts" in message]
    default.write_text(kept)
    busy.step(2.0)
    assert busy.host.smp(40) == "2-3"


def looks(busy: Busy) -> int:
    """Return how often the guest was looked at, with libvirt or without."""
    return busy.counters.passes["guest", "done"] + busy.counters.looks["done"]


def test_a_guest_that_is_not_placed_has_no_other_credit(tmp_path: Path, host: FakeHost) -> None:
    """A thousand events of one that is in error made a thousand passes."""
    busy = Busy(tmp_path, host, metadata=nova_metadata("nfv", IN_ERROR))
    passes = looks(busy)
    for _ in range(1000):
        busy.toggle()
        busy.step()
    assert looks(busy) - passes <= MANY
    assert busy.host.smp(40) == "0-15"


def test_other_events_of_a_guest_have_as_much_credit(tmp_path: Path, host: FakeHost) -> None:
    busy = Busy(tmp_path, host, metadata=nova_metadata("nfv"))
    passes = looks(busy)
    for _ in range(1000):
        busy.queue.wake(OWNER)
        busy.step(0.001)
    assert looks(busy) - passes <= MANY + EVENTS_RATE + 1 / TOGETHER + 1


def test_other_events_take_nothing_from_births(busy: Busy) -> None:
    """Anybody who can send a message can make them, of any guest."""
    for _ in range(2 * MANY):
        busy.queue.wake(OWNER)
        busy.step(0.001)
    busy.toggle()
    assert busy.host.smp(40) == "2-3"
    assert busy.counters.throttled == 0


@pytest.mark.parametrize(
    "comes", [lambda busy: busy.step(TOGETHER), lambda busy: busy.auditor.audit()], ids=["turn", "pass"]
)
def test_one_that_proc_irq_does_not_have_yet_waits_on(busy: Busy, comes: Callable[[Busy], object]) -> None:
    """The kernel tells of a birth before it makes the folder there."""
    busy.spend()
    busy.host.add_vectors(VF0, [42], "0-15", effective="0")
    busy.births.born(42)
    folder, early = busy.host.proc / "irq/42", busy.host.proc / "early"
    folder.rename(early)
    comes(busy)
    early.rename(folder)
    busy.step(RARE)
    assert busy.host.smp(42) == "2-3"


def test_a_guest_whose_looks_cost_too_much_is_looked_at_rarely(busy: Busy) -> None:
    busy.auditor.lives.of(OWNER).worked(Patience(300.0, hears_births=True), busy.now, 2 * EFFORT)
    busy.queue.wake(OWNER)
    passes, start = looks(busy), busy.now
    busy.step()
    busy.step(2.0)
    assert looks(busy) == passes
    watch = busy.auditor.lives.of(OWNER).watch
    assert watch is not None
    assert watch.next_look == pytest.approx(start + EFFORT / EFFORT_RATE, abs=1.0)


def told(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


def test_the_log_has_a_line_a_minute_for_a_guest_that_never_stops(busy: Busy, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "irqaffinity")
    busy.step(2.0)
    caplog.clear()
    for _ in range(2 * 130):
        busy.spend()
        busy.toggle()
        busy.step(0.5)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2 * len(told(caplog, logging.WARNING)) == 4
    assert lines[0].startswith(f"guest {GUEST} (vm): placed 1 interrupt (40) of {VF0} from 0-15 to 2-3, with 1")
    assert lines[1].startswith(f"guest {GUEST} (vm): 120 new interrupts had to wait, and may have been on other CPUs")


def test_a_guest_that_has_no_place_is_told_of_too(
    tmp_path: Path, host: FakeHost, caplog: pytest.LogCaptureFixture
) -> None:
    busy = Busy(tmp_path, host, metadata=nova_metadata("nfv", IN_ERROR))
    caplog.set_level(logging.WARNING, "irqaffinity")
    busy.spend()
    busy.toggle()
    busy.step(1.5)
    (line,) = told(caplog, logging.WARNING)
    assert line.startswith(f"guest {GUEST} (vm): 1 new interrupt had to wait")


def test_a_burst_is_one_line_a_second_after_its_end(busy: Busy, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "irqaffinity")
    busy.step(2.0)
    caplog.clear()
    for number in (40, 41, 40):
        busy.toggle(number)
        busy.step(0.3)
    assert told(caplog, logging.INFO) == []
    busy.step(0.7)
    placed = f"placed 2 interrupts (40-41) of {VF0} from 0-15 to 2-3, with 3 writes: birth"
    assert told(caplog, logging.INFO) == [f"guest {GUEST} (vm): {placed}"]


def test_what_is_not_told_yet_is_told_at_the_end(busy: Busy, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "irqaffinity")
    busy.step(2.0)
    caplog.clear()
    busy.toggle()
    busy.worker.stop()
    busy.worker.run()
    placed = f"placed 1 interrupt (40) of {VF0} from 0-15 to 2-3: birth"
    assert told(caplog, logging.INFO) == [f"guest {GUEST} (vm): {placed}"]


def test_those_whose_owner_was_not_sought_are_found_together(busy: Busy) -> None:
    """A guest can make interrupts that have ended before they are looked for, by the thousand."""
    busy.host.add_vectors(VF0, [42, 43], "0-15", effective="0")
    busy.forget_births()
    for number in (42, 43):
        busy.lose(number)
    assert (busy.host.smp(42), busy.host.smp(43)) == ("0-15", "0-15")
    assert not busy.queue.take(0).everything
    busy.step(SEARCH)
    busy.step(FAST)
    assert (busy.host.smp(42), busy.host.smp(43)) == ("2-3", "2-3")
    assert not busy.auditor.has_lost


def test_a_device_that_cannot_be_read_may_have_those_that_are_sought(busy: Busy) -> None:
    busy.lose(42)
    busy.host.add_vectors(VF0, [42], "0-15", effective="0")
    folder = busy.host.device_folder(VF0) / "msi_irqs"
    folder.rename(folder.with_name("away"))
    folder.touch()
    assert busy.auditor.find_lost() == {OWNER}


def test_the_word_is_one_of_the_report() -> None:
    assert Verdict("throttled") is Verdict.THROTTLED


def test_a_number_that_is_another_devices_by_then_is_left_alone(busy: Busy) -> None:
    busy.spend()
    busy.host.add_vectors(VF0, [42], "0-15", effective="0")
    busy.births.born(42)
    (busy.host.device_folder(VF0) / "msi_irqs/42").unlink()
    assert busy.auditor.place_throttled(OWNER) == ()
    assert busy.host.smp(42) == "0-15"


def test_the_loop_has_time_while_a_change_settles(busy: Busy) -> None:
    busy.step(2.0)
    busy.toggle()
    busy.step()
    assert busy.worker._idle_time() > 0


def test_troubles_that_come_and_go_have_a_few_lines_and_then_one_a_minute(
    busy: Busy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "irqaffinity.report.log")
    life = busy.auditor.lives.of(OWNER)
    while life.lines.take(busy.now):
        pass
    busy.host.refuse(40, errno.EACCES)
    busy.move(40, "0-15")
    busy.auditor.audit()
    assert told(caplog, logging.WARNING) == []
    busy.now += 1 / LINES_RATE
    busy.auditor.audit()
    (line,) = told(caplog, logging.WARNING)
    assert "irq 40 stays on 0-15: denied" in line
