# SPDX-License-Identifier: Apache-2.0
"""What the passes of one process tell of: each cause as a host that deserves it brings it about."""

import errno
import fcntl

import pytest

from irqaffinity.guests.changes import QUIET
from irqaffinity.guests.life import LINES
from irqaffinity.guests.watch import Patience
from irqaffinity.model.change import Change
from irqaffinity.model.guest import GuestId
from irqaffinity.model.verdict import Cause
from irqaffinity.passes.auditor import Auditor
from irqaffinity.plan.policy import Isolation, IsolationMode, Policy, Scope, WithoutMask
from tests.fakes.domains import nova_metadata
from tests.fakes.scene import DEDICATED, GUEST, VF0, VF1, Scene
from tests.fakes.snapshots import cpus

OWNER = GuestId(GUEST)


class Kept:
    """A history that a test looks at."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.tidied = 0

    def append(self, changes: object) -> None:
        self.changes += changes  # type: ignore[operator]

    def tidy(self) -> None:
        self.tidied += 1


class Stage:
    """An agent's auditor over a scene, with a clock that the test moves."""

    def __init__(self, scene: Scene, *, gathers: bool = True) -> None:
        self.scene = scene
        self.now = 1000.0
        self.history = Kept()
        self.auditor = Auditor(
            "cmp-12",
            scene.host.root,
            scene,
            Policy(),
            scene.store,
            lambda: self.now,
            gathers=gathers,
            history=self.history,
        )

    def replace_guest(self, *devices: str, **options: object) -> None:
        """Have the guest defined otherwise."""
        self.scene.domains.clear()
        self.scene.add_guest(*devices, **options)

    def told(self) -> list[tuple[str, str, str | None, str | None, str]]:
        """Return what has settled since the last call: cause, interrupts, from, to and verdict."""
        self.now += QUIET
        self.auditor.settle()
        fields = [change.fields() for change in self.history.changes]
        self.history.changes.clear()
        return [(str(row["cause"]), str(row["irqs"]), row["from"], row["to"], str(row["verdict"])) for row in fields]

    def audit(self) -> list[tuple[str, str, str | None, str | None, str]]:
        """Make a pass a minute later, and return what the log has of it."""
        self.now += 60.0
        self.auditor.audit()
        return self.told()

    def put(self, number: int, cpus: str) -> None:
        self.scene.host.put(self.scene.host.proc / f"irq/{number}/smp_affinity_list", cpus)


@pytest.fixture
def stage(scene: Scene) -> Stage:
    """An agent that has placed one guest."""
    made = Stage(scene)
    scene.add_guest(VF0)
    assert made.audit() == [("start", "40-41", "0-15", "2-3", "set")]
    return made


def test_a_pass_in_which_nothing_moves_tells_nothing(stage: Stage) -> None:
    assert stage.audit() == []


def test_a_new_interrupt_is_born_at_a_look_and_by_itself(stage: Stage) -> None:
    stage.scene.host.add_vectors(VF0, [42], "0-15")
    stage.auditor.look(OWNER)
    assert stage.told() == [("birth", "42", "0-15", "2-3", "set")]
    stage.scene.host.add_vectors(VF0, [43], "0-7")
    stage.auditor.birth(43)
    assert stage.told() == [("birth", "43", "0-7", "2-3", "set")]


def test_vectors_that_come_one_by_one_are_one_line(stage: Stage) -> None:
    numbers = list(range(60, 92))
    for number in numbers:
        stage.scene.host.add_vectors(VF0, [number], "0-15")
        stage.auditor.birth(number)
        stage.auditor.settle()
        stage.now += QUIET / 2
    assert stage.told() == [("birth", "60-91", "0-15", "2-3", "set")]


def test_births_that_fail_are_told_once_and_when_they_work_again(stage: Stage) -> None:
    stage.scene.host.add_vectors(VF0, [42], "0-15")
    stage.scene.host.refuse(42, errno.ENOSPC)
    stage.auditor.birth(42)
    assert stage.told() == [("error", "42", "0-15", "2-3", "no_vector")]
    stage.auditor.look(OWNER)
    assert stage.told() == []
    stage.scene.host.accept(42)
    stage.now += 3600.0
    assert stage.audit() == [("recovered", "42", "0-15", "2-3", "set")]


def test_a_guest_that_starts_while_the_agent_runs_has_births(stage: Stage) -> None:
    stage.scene.add_guest(VF1, uuid="33333333-3333-3333-3333-333333333333", pins=("4", "12"))
    assert stage.audit() == [("birth", "50-51", "0-15", "12", "set")]


def test_devices_that_come_and_go(stage: Stage) -> None:
    stage.replace_guest(VF0, VF1)
    assert stage.audit() == [("device", "50-51", "0-15", "10-11", "set")]
    stage.replace_guest(VF1)
    assert stage.audit() == [("device", "40-41", "2-3", "0-15", "set")]


def test_other_pins_and_another_mask(stage: Stage) -> None:
    stage.replace_guest(VF0, pins=("4", "5", "10", "8-15"))
    assert stage.audit() == [("pins", "40-41", "2-3", "4-5", "set")]
    metadata = nova_metadata("nfv", DEDICATED | {"hw:pci_irq_affinity_mask": "1"})
    stage.replace_guest(VF0, pins=("4", "5", "10", "8-15"), metadata=metadata)
    assert stage.audit() == [("mask", "40-41", "4-5", "5", "set")]


def test_a_guest_that_loses_its_own_cpus_and_gets_others(stage: Stage) -> None:
    stage.replace_guest(VF0, pins=("0-7", "0-7"))
    assert stage.audit() == [("pins", "40-41", "2-3", "0-15", "set")]
    stage.replace_guest(VF0, pins=("4", "5"))
    assert stage.audit() == [("pins", "40-41", "0-15", "4-5", "set")]


def test_another_configuration(stage: Stage) -> None:
    stage.auditor.policy = Policy(without_mask=WithoutMask.SKIP)
    assert stage.audit() == [("config", "40-41", "2-3", "0-15", "set")]
    stage.auditor.policy = Policy()
    assert stage.audit() == [("config", "40-41", "0-15", "2-3", "set")]
    stage.put(40, "5")
    assert [row[0] for row in stage.audit()] == ["drift"]


def test_a_guest_that_cannot_be_read_for_a_while_is_not_taken_for_another(stage: Stage) -> None:
    domains = stage.scene.active_domains()
    stage.scene.list_domains = lambda: [type(domains[0])(GUEST, "x", error="timed out")]
    assert stage.audit() == []
    stage.scene.list_domains = None
    stage.put(40, "0-15")
    assert [row[0] for row in stage.audit()] == ["birth"]


def test_drifts_and_a_fight_that_is_told_when_it_begins(stage: Stage) -> None:
    found = []
    for _ in range(5):
        stage.put(40, "5")
        found.append(stage.audit())
    drift, fight = ("drift", "40", "5", "2-3", "set"), ("fight", "40", "5", "2-3", "set")
    assert found == [[drift], [drift], [fight], [], []]


def test_a_guest_that_settles_has_no_drifts(stage: Stage) -> None:
    stage.auditor.lives.of(OWNER).wake(Patience(300.0), stage.now, asks=False)
    stage.put(40, "0-15")
    stage.auditor.look(OWNER)
    assert stage.told() == [("birth", "40", "0-15", "2-3", "set")]


def test_a_guest_that_ends_keeps_its_name(stage: Stage) -> None:
    stage.scene.domains.clear()
    stage.auditor.audit_guest(OWNER)
    stage.auditor.settle(everything=True)
    (change,) = stage.history.changes
    assert (change.cause, change.name, change.is_release) == (Cause.GONE, "instance-0", True)


def test_a_guest_that_ended_while_no_agent_ran_is_gone_and_its_name_is_not_known(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    stage = Stage(scene)
    stage.auditor.audit()
    stage.auditor.settle(everything=True)
    (change,) = stage.history.changes
    assert (change.cause, change.name) == (Cause.GONE, None)


def test_a_guest_that_comes_back_has_births(stage: Stage) -> None:
    stage.scene.domains.clear()
    assert [row[0] for row in stage.audit()] == ["gone"]
    stage.scene.add_guest(VF0, pins=("4", "5"))
    assert [row[0] for row in stage.audit()] == ["birth"]


def test_what_could_not_be_given_back_is_told_of_as_well(stage: Stage) -> None:
    stage.scene.domains.clear()
    stage.scene.host.refuse(40, errno.EACCES)
    assert stage.audit() == [("error", "40", "2-3", "0-15", "denied"), ("gone", "41", "2-3", "0-15", "set")]
    assert stage.audit() == []
    stage.scene.host.accept(40)
    assert stage.audit() == [("gone", "40", "2-3", "0-15", "set")]


def test_the_first_pass_lasts_until_one_has_seen_all_guests(scene: Scene) -> None:
    stage = Stage(scene)
    scene.add_guest(VF0)
    stage.auditor.audit(Scope(guest=OWNER))
    assert [row[0] for row in stage.told()] == ["start"]
    stage.put(40, "5")
    assert [row[0] for row in stage.audit()] == ["start"]


def test_the_command_line_tells_before_its_pass_has_ended(scene: Scene) -> None:
    stage = Stage(scene, gathers=False)
    scene.add_guest(VF0)
    stage.auditor.audit()
    stage.put(40, "5")
    stage.auditor.audit()
    stage.auditor.reset()
    assert [change.cause for change in stage.history.changes] == [Cause.AUDIT, Cause.AUDIT, Cause.RESET]


def test_nobody_waits_for_a_pass_of_the_command_line_while_it_writes_the_history(scene: Scene) -> None:
    stage, held = Stage(scene, gathers=False), list[bool]()

    def append(changes: object) -> None:
        with open(scene.folder / "state/pass.lock") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held.append(False)
            except BlockingIOError:
                held.append(True)

    stage.history.append = append  # type: ignore[method-assign]
    scene.add_guest(VF0)
    stage.auditor.audit()
    stage.put(40, "5")
    stage.auditor.audit_guest(OWNER)
    stage.auditor.reset()
    assert held == [False] * 3


def test_a_rehearsal_tells_the_history_nothing_and_leaves_what_is_known(stage: Stage) -> None:
    stage.scene.domains.clear()
    stage.scene.host.put(stage.scene.host.sys / "devices/system/cpu/online", "0-3")
    stage.auditor.rehearse()
    assert stage.told() == []


def test_vectors_that_are_pending_have_settled(scene: Scene) -> None:
    scene.host.quiet = {40, 41}
    scene.add_guest(VF0)
    stage = Stage(scene)
    assert stage.audit() == [("start", "40-41", "0-15", "2-3", "pending")]


def test_a_full_pass_tidies_the_history_and_no_other_work_does(stage: Stage) -> None:
    before = stage.history.tidied
    stage.scene.host.add_vectors(VF0, [42], "0-15")
    stage.auditor.birth(42)
    stage.auditor.look(OWNER)
    stage.auditor.settle(everything=True)
    assert stage.history.tidied == before
    stage.auditor.audit()
    assert stage.history.tidied == before + 1


def test_lines_that_the_log_does_not_take_keep_changes_from_settling(stage: Stage) -> None:
    """No guest can flood the log, and with it the history."""
    settled = 0
    for _ in range(90):
        stage.put(40, "0-15")
        stage.auditor.birth(40)
        settled += len(stage.told())
    assert LINES / 2 < settled <= LINES + 90 / 60 + 1


def test_what_is_done_for_the_host_has_its_own_causes(scene: Scene) -> None:
    stage = Stage(scene)
    scene.host.add_host_interrupt(9, "acpi", "0-15", "0")
    scene.add_guest()
    enforce = Isolation(mode=IsolationMode.ENFORCE, housekeeping_cpus=cpus("0-1"))

    def causes() -> set[tuple[str, str, bool]]:
        stage.now += 60.0
        stage.auditor.settle(everything=True)
        changes, stage.history.changes = stage.history.changes, []
        return {(change.guest, change.cause.value, change.is_release) for change in changes}

    for policy, expected in (
        (Policy(isolation=enforce), {("", "isolation", False)}),
        (Policy(), {("", "config", True)}),
        (Policy(isolation=enforce), {("", "config", False)}),
    ):
        stage.auditor.policy = policy
        stage.auditor.audit()
        assert causes() & {*expected} == expected
        stage.auditor.audit()
        causes()
    scene.domains.clear()
    stage.auditor.audit()
    assert ("", "isolation", True) in causes()
    scene.add_guest()
    stage.auditor.audit()
    causes()
    stage.auditor.reset()
    assert causes() == {("", "reset", True)}
    assert scene.host.smp(9) == "0-15"


def test_an_interrupt_of_the_host_that_cannot_be_moved_is_told_once(scene: Scene) -> None:
    stage = Stage(scene)
    stage.auditor.policy = Policy(isolation=Isolation(mode=IsolationMode.ENFORCE, housekeeping_cpus=cpus("0-1")))
    scene.host.add_host_interrupt(9, "acpi", "0-15", "0")
    scene.host.refuse(9, errno.EACCES)
    scene.add_guest()
    stage.auditor.audit()
    assert ("error", "9", "0-15", "0-1,4-9,12-15", "denied") in stage.told()
    stage.auditor.audit()
    assert not [row for row in stage.told() if row[0] == "error"]
    scene.host.accept(9)
    stage.auditor.audit()
    assert ("recovered", "9", "0-15", "0-1,4-9,12-15", "set") in stage.told()
