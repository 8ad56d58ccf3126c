# SPDX-License-Identifier: Apache-2.0
"""Passes under holds, on a fake host with libvirt's own test driver."""

import errno
import logging
import os
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.grammar.device_spec import parse_device_spec
from irqaffinity.model.change import Change
from irqaffinity.model.guest import parse_guest_id
from irqaffinity.model.hold import Hold, Moment
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Changes
from irqaffinity.model.verdict import Cause
from irqaffinity.observe.domain import Domain
from irqaffinity.observe.moment import read_moment
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.auditor import Auditor
from irqaffinity.passes.birth import Newborn
from irqaffinity.passes.holds import HoldInForce, add_hold, lift_holds
from irqaffinity.plan.policy import Distribution, Policy
from irqaffinity.state.folder import StateError
from irqaffinity.state.store import Store
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene, verdicts

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
IRQ = IrqId(PciAddress.parse(VF0), 40)


class Log:
    """A history in memory."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def append(self, changes: Sequence[Change]) -> None:
        self.changes += changes

    def tidy(self) -> None:
        pass


class Held:
    """A scene whose clocks stand still until a test sets them; `reads` counts how often they were read."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.log, self.reads = scene, Log(), 0
        self.moment = Moment(NOON, "boot-1", 600.0)
        self.restart()

    def restart(self) -> None:
        self.scene.restart()
        keeper = self.scene.auditor._keeper
        self.auditor = Auditor(
            "cmp-12", self.scene.host.root, self.scene, self.scene.policy, keeper, history=self.log, read=self.read
        )
        self.scene._auditor = self.auditor

    def read(self, _root: HostRoot) -> Moment:
        self.reads += 1
        return self.moment

    def hold(self, **scope: Any) -> Hold:
        return add_hold(self.scene.store, self.moment, self.moment.now + timedelta(hours=1), "why", **scope)

    def lift(self) -> None:
        lift_holds(self.scene.store, self.moment, lambda hold: True)

    def drift(self, number: int = 40, cpus: str = "0-7") -> None:
        self.scene.host.put(self.scene.host.proc / f"irq/{number}/smp_affinity_list", cpus)

    @property
    def waits(self) -> dict[int, tuple[str | None, str, int, Cause, int]]:
        rows = self.scene.store.load().deferred
        return {
            irq.number: (
                None if row.origin is None else str(row.origin),
                str(row.target),
                row.times,
                row.cause,
                row.hold,
            )
            for irq, row in rows.items()
        }


def born(newborn: Newborn) -> str | None:
    return None if newborn.result is None else newborn.result.verdict.value


@pytest.fixture
def held(scene: Scene) -> Held:
    scene.add_guest(VF0)
    made = Held(scene)
    assert verdicts(scene.audit()) == {40: "set", 41: "set"}
    return made


def test_drift_is_told_once_and_put_back_when_the_hold_is_over(held: Held, caplog: pytest.LogCaptureFixture) -> None:
    held.hold(guest=parse_guest_id(GUEST))
    held.drift()
    made = held.auditor.audit()
    assert (verdicts(made.outcome), made.drifts) == ({40: "held", 41: "ok"}, [])
    assert made.outcome.exit_status() == 0
    held.auditor.audit()
    held.auditor.look(parse_guest_id(GUEST))
    assert held.scene.host.smp(40) == "0-7"
    assert held.waits == {40: ("0-7", "2-3", 2, Cause.DRIFT, 1)}
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    moved = f"guest {GUEST}: somebody moved 1 interrupt (40) of {VF0} to 0-7"
    assert warnings == [f"{moved}: held: stays where it is: hold 1 (why) until 2026-11-20T13:00:00Z"]
    held.log.changes.clear()
    held.lift()
    assert verdicts(held.scene.audit()) == {40: "set", 41: "ok"}
    assert [(change.numbers, change.cause) for change in held.log.changes] == [((40,), Cause.HOLD)]
    assert held.waits == {}


def test_rows_are_stored_when_something_changes_and_by_full_passes_alone(held: Held) -> None:
    held.hold()
    held.drift()
    held.scene.audit()
    saves = held.scene.saves
    for _ in range(3):
        held.auditor.look(parse_guest_id(GUEST))
    assert held.scene.saves == saves
    held.drift(cpus="4-5")
    held.auditor.look(parse_guest_id(GUEST))
    assert held.waits == {40: ("4-5", "2-3", 1, Cause.DRIFT, 1)}
    held.scene.audit()
    assert held.waits[40][2] == 2
    held.drift(cpus="2-3")
    held.auditor.look(parse_guest_id(GUEST))
    assert held.waits == {}


def test_a_hold_ends_at_the_first_pass_after_its_time_and_is_forgotten(held: Held) -> None:
    held.hold()
    held.drift()
    held.scene.audit()
    held.moment = held.moment._replace(now=NOON - timedelta(days=1), boot_time=600.0 + 3600.0)
    outcome = held.scene.audit()
    assert (verdicts(outcome)[40], list(outcome.holds)) == ("set", [])
    held.moment = held.moment._replace(boot_time=0.0)
    assert list(held.scene.audit().holds) == []
    assert held.hold().id == 2


def test_what_waits_for_another_guest_waits_anew(scene: Scene) -> None:
    held = Held(scene)
    held.hold(everything=True)
    scene.add_guest(VF0)
    for times in (1, 2):
        scene.audit()
        assert {row[2] for row in held.waits.values()} == {times}
    scene.domains.clear()
    scene.add_guest(VF0, uuid=OTHER)
    scene.audit()
    assert {row[2] for row in held.waits.values()} == {1}


def test_only_holds_in_force_are_lifted(held: Held) -> None:
    def lift() -> list[int]:
        return [hold.id for hold in lift_holds(held.scene.store, held.moment, lambda hold: True)]

    held.hold()
    held.hold(guest=parse_guest_id(GUEST))
    assert (lift(), lift()) == ([1, 2], [])
    held.hold()
    held.moment = held.moment._replace(boot_time=600.0 + 3600.0)
    assert lift() == []


def test_each_hold_is_logged_when_it_comes_and_when_it_is_over(held: Held, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "irqaffinity.passes.holds")
    held.hold()
    held.hold(guest=parse_guest_id(GUEST))
    for _ in range(2):
        held.auditor.audit()
    held.moment = held.moment._replace(boot_time=600.0 + 3600.0)
    held.auditor.audit()
    assert caplog.messages == [
        "hold 1 (why) until 2026-11-20T13:00:00Z is in force for the whole host",
        f"hold 2 (why) until 2026-11-20T13:00:00Z is in force for guest {GUEST}",
        "hold 1 (why) is over",
        "hold 2 (why) is over",
    ]


def test_a_process_that_begins_in_a_hold_keeps_it_and_what_is_known_of_it(held: Held) -> None:
    held.hold()
    held.drift()
    held.scene.audit()
    held.restart()
    outcome = held.scene.audit()
    assert (verdicts(outcome)[40], [hold.id for hold in outcome.holds]) == ("held", [1])
    assert held.waits == {40: ("0-7", "2-3", 2, Cause.DRIFT, 1)}


def test_without_a_hold_no_clock_is_read_and_nothing_is_stored(held: Held) -> None:
    saves, before = held.scene.saves, held.reads
    held.scene.audit()
    held.auditor.look(parse_guest_id(GUEST))
    assert (held.scene.saves, held.reads) == (saves, before) == (saves, 0)


@pytest.mark.parametrize("everything", [False, True])
def test_a_newborn_interrupt_gets_its_first_place_unless_everything_is_held(
    held: Held, everything: bool, caplog: pytest.LogCaptureFixture
) -> None:
    held.hold(everything=everything)
    held.scene.host.add_vectors(VF0, [42], "0-15", effective="0")
    newborn = held.auditor.birth(42)
    held.scene.host.add_vectors(VF0, [43], "0-15", effective="0")
    found = verdicts(held.scene.audit())
    if everything:
        assert born(newborn) == "held"
        assert (found[42], found[43], held.scene.host.smp(42)) == ("held", "held", "0-15")
        assert held.waits[42] == held.waits[43] == ("0-15", "2-3", 1, held.waits[42][3], 1)
        held.lift()
        found = verdicts(held.scene.audit())
        assert (found[42], found[43]) == ("set", "set")
    assert {held.scene.host.smp(number) for number in (42, 43)} == {"2-3"}
    records = held.scene.store.load().records[IRQ.device]
    assert {str(records[number].original) for number in (42, 43)} == {"0-15"}
    assert "somebody moved" not in caplog.text


def test_an_interrupt_that_is_born_again_in_a_hold_is_placed_again_if_its_end_was_heard(held: Held) -> None:
    held.hold()
    held.drift(cpus="0-15")
    assert verdicts(held.scene.audit())[40] == "held"
    held.auditor.note_ends([40])
    newborn = held.auditor.birth(40)
    assert (born(newborn), held.waits) == ("set", {})
    held.drift(41, "0-15")
    unheard = held.auditor.birth(41)
    assert born(unheard) == "held"
    assert (held.scene.host.smp(40), held.scene.host.smp(41)) == ("2-3", "0-15")
    held.scene.audit()
    assert set(held.waits) == {41}


def test_what_waited_for_an_interrupt_that_has_ended_is_not_done_for_the_next_one(held: Held) -> None:
    held.hold()
    held.drift(cpus="0-15")
    held.scene.audit()
    held.log.changes.clear()
    held.auditor.note_ends([40])
    assert verdicts(held.scene.audit()) == {40: "set", 41: "ok"}
    assert [(change.numbers, change.cause) for change in held.log.changes] == [((40,), Cause.AUDIT)]
    assert held.waits == {}


def test_a_hold_of_a_guest_stays_while_the_guest_is_stopped_and_dead_records_go(held: Held) -> None:
    held.hold(guest=parse_guest_id(GUEST))
    domains, held.scene.domains = held.scene.domains, []
    outcome = held.scene.audit()
    assert verdicts(outcome) == {40: "held", 41: "held"}
    assert held.waits[40] == ("2-3", "0-15", 1, Cause.GONE, 1)
    held.scene.host.remove_interrupt(40)
    held.scene.audit()
    assert set(held.scene.store.load().records[IRQ.device]) == set(held.waits) == {41}
    held.scene.domains = domains
    held.scene.host.add_vectors(VF0, [44], "0-15", effective="0")
    assert verdicts(held.scene.audit()) == {41: "ok", 44: "set"}
    held.scene.domains = []
    held.lift()
    held.scene.audit()
    assert (held.scene.host.smp(41), held.scene.host.smp(44), held.waits) == ("0-15", "0-15", {})


def test_what_somebody_gave_back_in_a_hold_is_known_until_it_is_over(held: Held) -> None:
    held.hold()
    allowed, nothing = Policy(), Policy(device_specs=parse_device_spec('{"vendor_id": "ffff"}'))
    held.auditor.policy = nothing
    held.drift(40, "0-15")
    held.drift(41, "6")
    outcome = held.scene.audit()
    assert (verdicts(outcome), held.waits) == ({}, {})
    assert set(held.scene.store.load().records[IRQ.device]) == {40, 41}
    held.auditor.policy = allowed
    assert verdicts(held.scene.audit()) == {40: "held", 41: "held"}
    held.auditor.policy = nothing
    held.scene.audit()
    held.lift()
    held.scene.audit()
    assert (held.scene.store.load().records, held.scene.host.smp(41)) == ({}, "6")


def test_what_a_hold_kept_of_a_guest_at_rest_goes_when_its_time_is_over(held: Held) -> None:
    held.hold()
    held.auditor.policy = Policy(device_specs=parse_device_spec('{"vendor_id": "ffff"}'))
    for number in (40, 41):
        held.drift(number, "6")
    for _ in range(2):
        held.scene.audit()
    assert set(held.scene.store.load().records[IRQ.device]) == {40, 41}
    held.moment = held.moment._replace(boot_time=600.0 + 3600.0)
    held.scene.audit()
    assert held.scene.store.load().records == {}


def test_what_waits_for_a_guest_that_cannot_be_read_is_known_until_the_hold_is_over(held: Held) -> None:
    held.hold()
    held.drift()
    held.scene.audit()
    held.scene.list_domains = lambda: [Domain(parse_guest_id(GUEST), "instance-0", "<domain")]
    held.scene.audit()
    assert set(held.waits) == {40}
    held.moment = held.moment._replace(boot_time=600.0 + 3600.0)
    held.scene.audit()
    assert (held.waits, held.scene.host.smp(40)) == ({}, "0-7")


def test_what_waits_for_the_same_place_keeps_its_first_cause(held: Held) -> None:
    root, store = held.scene.host.root, held.scene.store
    agent = Auditor("cmp-12", root, held.scene, Policy(), store, gathers=True, read=held.read)
    agent.audit()
    held.hold()
    agent.policy = Policy(distribution=Distribution.SPREAD)
    for times in (1, 2):
        agent.audit()
        assert {row[2:4] for row in held.waits.values()} == {(times, Cause.CONFIG)}


def test_what_is_back_in_place_waits_no_longer_also_for_a_guest_of_which_not_all_is_known(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(call: str, path: str) -> None:
        if call == "listdir" and path.endswith("/bus/vdpa/devices"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(held.scene.host, "called", fail)
    held.scene.domains.clear()
    held.scene.add_guest(VF0, "<interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/></interface>")
    held.hold()
    held.drift()
    held.scene.audit()
    assert set(held.waits) == {40}
    held.drift(40, "2-3")
    assert verdicts(held.scene.audit()) == {40: "ok", 41: "ok"}
    assert held.waits == {}


def test_another_target_waits_and_its_original_stays_exact(held: Held) -> None:
    held.hold(device=PciAddress.parse(VF0))
    held.auditor.policy = Policy(distribution=Distribution.SPREAD)
    assert verdicts(held.scene.audit()) == {40: "held", 41: "held"}
    assert {row[:2] for row in held.waits.values()} == {("2-3", "2"), ("2-3", "3")}
    assert {str(record.written) for record in held.scene.store.load().records[IRQ.device].values()} == {"2-3"}
    held.lift()
    held.scene.audit()
    assert {held.scene.host.smp(number) for number in (40, 41)} == {"2", "3"}
    held.auditor.reset()
    assert {held.scene.host.smp(number) for number in (40, 41)} == {"0-15"}


def test_a_dry_run_would_set_nothing_that_is_held(held: Held) -> None:
    held.hold()
    held.drift()
    saves = held.scene.saves
    outcome = held.scene.rehearse()
    assert (verdicts(outcome), outcome.exit_status()) == ({40: "held", 41: "ok"}, 0)
    assert (held.waits, held.scene.saves) == ({}, saves)


def test_an_interrupt_is_held_while_any_hold_covers_it(held: Held) -> None:
    held.hold(guest=parse_guest_id(GUEST))
    held.hold(device=PciAddress.parse(VF0))
    held.drift()
    held.scene.audit()
    assert held.waits[40][4] == 1
    lift_holds(held.scene.store, held.moment, lambda hold: hold.id == 1)
    assert verdicts(held.scene.audit())[40] == "held"
    assert held.waits[40] == ("0-7", "2-3", 2, Cause.DRIFT, 2)


def test_a_pass_for_another_device_leaves_the_rows_of_this_one(held: Held) -> None:
    held.scene.add_guest(VF1, uuid="22222222-2222-2222-2222-222222222222", pins=("4", "12"))
    held.hold()
    held.drift()
    held.scene.audit()
    held.auditor.look(parse_guest_id("22222222-2222-2222-2222-222222222222"))
    assert set(held.waits) == {40}


def test_a_reset_is_refused_until_it_is_forced(held: Held) -> None:
    held.hold(device=PciAddress.parse("0000:03:00.0"))
    with pytest.raises(HoldInForce, match=r"hold 1 \(why\) until 2026-11-20T13:00:00Z: lift it first"):
        held.auditor.reset()
    assert held.scene.host.smp(40) == "2-3"
    held.auditor.reset(is_forced=True)
    assert (held.scene.host.smp(40), held.waits) == ("0-15", {})
    assert set(held.scene.store.load().holds) == {1}


def test_rows_that_cannot_be_stored_are_reported(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    held.hold()
    held.drift()
    save = Store.save

    def fail(store: Store, changes: Changes) -> None:
        if changes.deferred:
            raise StateError("state.db cannot be written: No space left on device")
        save(store, changes)

    monkeypatch.setattr(Store, "save", fail)
    outcome = held.scene.audit()
    assert ("state.db" in (outcome.unsaved or ""), outcome.exit_status()) == (True, 1)


def test_the_clocks_are_those_of_the_host(tmp_path: Path) -> None:
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("5a7c0f5e-0000-4000-8000-000000000001\n")
    first, then = (read_moment(HostRoot(str(tmp_path), "/sys")) for _ in range(2))
    assert first.boot_id.strip() == "5a7c0f5e-0000-4000-8000-000000000001"
    assert first.boot_time <= then.boot_time
    assert first.now.tzinfo is timezone.utc
