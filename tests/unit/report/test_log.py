# SPDX-License-Identifier: Apache-2.0
"""What the log says of what a pass wrote."""

import logging
from datetime import datetime, timezone
from typing import Any

import pytest

from irqaffinity.model.action import Action, Result
from irqaffinity.model.change import Change, Settled
from irqaffinity.model.guest import HOST
from irqaffinity.model.irq import DEFAULT, IrqId
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.verdict import Cause, Verdict
from irqaffinity.report.log import find_troubles, log_each, log_settled, log_troubles
from irqaffinity.report.outcome import Part
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene
from tests.fakes.snapshots import cpus, guest_id


def told(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    """Return the lines of one level since the last call."""
    lines = [record.getMessage() for record in caplog.records if record.levelno == level]
    caplog.clear()
    return lines


def test_what_is_placed_and_what_is_given_back_are_not_the_same_news(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    scene.add_guest(VF0)
    scene.audit()
    guest = f"guest {GUEST} (instance-0):"
    assert told(caplog) == [f"{guest} placed 2 interrupts (40-41) of {VF0} from 0-15 to 2-3: audit"]
    scene.domains.clear()
    scene.add_guest(VF1)
    scene.audit()
    assert told(caplog) == [
        f"{guest} gave back 2 interrupts (40-41) of {VF0} from 2-3 to 0-15: audit",
        f"{guest} placed 2 interrupts (50-51) of {VF1} from 0-15 to 10-11: audit",
    ]
    scene.audit()
    assert told(caplog) == []
    scene.auditor.reset()
    assert told(caplog) == [f"{guest} gave back 2 interrupts (50-51) of {VF1} from 10-11 to 0-15: reset"]


def change(number: int, cause: Cause = Cause.BIRTH, **others: Any) -> Change:
    """Return a change of one interrupt, of a device of its own."""
    made = Change(
        datetime(2026, 11, 20, 12, tzinfo=timezone.utc),
        guest_id(1),
        "vm",
        PciAddress(0, 0x41, number, 0),
        (number,),
        cpus("0-15"),
        cpus("2-3"),
        cause,
        Verdict.SET,
        False,
        1,
    )
    return made._replace(**others)


def test_each_change_is_a_line_with_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    one, two = change(1), change(2, Cause.GONE, is_release=True, before=None)
    assert log_settled(Settled(one.guest, "vm", (one, two), 0), 32.0) == 2
    assert [(record.levelno, vars(record)["change"]) for record in caplog.records] == [
        (logging.INFO, one.fields()),
        (logging.INFO, two.fields()),
    ]
    assert told(caplog) == [
        f"guest {one.guest} (vm): placed 1 interrupt (1) of 0000:41:01.0 from 0-15 to 2-3: birth",
        f"guest {one.guest} (vm): gave back 1 interrupt (2) of 0000:41:02.0 to 2-3: gone",
    ]


def hosts(*numbers: int, device: PciAddress = NO_DEVICE, **others: Any) -> Change:
    cause = others.pop("cause", Cause.ISOLATION)
    return change(0, cause, guest=HOST, name=None, numbers=numbers, device=device, writes=len(numbers), **others)


def test_what_is_done_for_the_host_names_no_guest(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    changes = (
        hosts(DEFAULT.number),
        hosts(8, 9),
        hosts(36, device=PciAddress.parse(VF0)),
        hosts(DEFAULT.number, is_release=True),
        hosts(9, cause=Cause.DRIFT),
    )
    assert log_settled(Settled(HOST, None, changes, 0), 32.0) == 5
    fields = [record.change for record in caplog.records]  # type: ignore[attr-defined]
    way = f"from {changes[0].before} to {changes[0].after}"
    assert [record.getMessage() for record in caplog.records] == [
        f"host: set default_smp_affinity {way}: isolation",
        f"host: moved away 2 interrupts (8-9) {way}: isolation",
        f"host: moved away 1 interrupt (36) of {VF0} {way}: isolation",
        f"host: gave back default_smp_affinity {way}: isolation",
        f"host: put back 1 interrupt (9) {way}: drift",
    ]
    assert [(each["guest"], each["name"], each["device"], each["irqs"]) for each in fields] == [
        (None, None, None, "default_smp_affinity"),
        (None, None, None, "8-9"),
        (None, None, VF0, "36"),
        (None, None, None, "default_smp_affinity"),
        (None, None, None, "9"),
    ]


def test_many_changes_for_the_host_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    released = [hosts(number, is_release=True) for number in (8, DEFAULT.number)]
    changes = (hosts(DEFAULT.number), hosts(9), hosts(36, device=PciAddress.parse(VF0)), *released)
    assert log_settled(Settled(HOST, None, changes, 0), 1.0) == 1
    (line,) = told(caplog)
    moved = f"host: set default_smp_affinity; moved away 2 interrupts of {VF0}; "
    released = "gave back 1 interrupt and default_smp_affinity"
    assert line == f"{moved}{released}; irqaffinity history shows each change"


def test_the_log_names_the_host_for_what_cannot_be_moved(caplog: pytest.LogCaptureFixture) -> None:
    def failed(irq: IrqId) -> Result:
        action = Action(irq.number, irq.device, HOST, cpus("0-15"), None, cpus("0-1"))
        return Result(action, Verdict.DENIED, cpus("0-1"), cpus("0-15"), None, message="no")

    names = {
        DEFAULT: "default_smp_affinity",
        IrqId(PciAddress.parse(VF0), 36): f"{VF0} irq 36",
        IrqId(NO_DEVICE, 9): "irq 9",
    }
    caplog.set_level(logging.DEBUG)
    for irq, name in names.items():
        part = Part(None, (), (failed(irq),))
        log_troubles(find_troubles(part), {})
        assert told(caplog, logging.WARNING) == [f"host: {name} stays on 0-15: denied: no"]
        log_each(part)
        assert told(caplog, logging.DEBUG) == [f"host: {name}: had 0-15, belongs on 0-1, has 0-15, effective None: no"]


def test_what_others_moved_is_one_warning_with_the_rivals_and_a_fight_says_what_comes_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    drift, fight = change(1, Cause.DRIFT, before=cpus("5")), change(2, Cause.FIGHT, before=cpus("5"))
    log_settled(Settled(drift.guest, None, (drift, fight), 0), 32.0, ("irqbalance", "tuned"))
    rivals, again = "irqbalance, tuned run on this host", "put back once a minute, logged once an hour"
    assert told(caplog, logging.WARNING) == [
        f"guest {drift.guest}: put back 1 interrupt (1) of 0000:41:01.0 from 5 to 2-3: drift; {rivals}",
        f"guest {drift.guest}: put back 1 interrupt (2) of 0000:41:02.0 from 5 to 2-3: fight; {again}; {rivals}",
    ]


def test_what_failed_is_left_to_the_warning_that_it_has(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    failed = change(1, Cause.ERROR, verdict=Verdict.NO_VECTOR)
    assert log_settled(Settled(failed.guest, "vm", (failed,), 0), 32.0) == 0
    assert caplog.records == []


@pytest.mark.parametrize("left", [3.9, 1.0, -5.0])
def test_more_changes_than_the_log_takes_are_one_line_that_names_the_history(
    caplog: pytest.LogCaptureFixture, left: float
) -> None:
    caplog.set_level(logging.INFO)
    changes = (change(1), change(2), change(3, writes=4), change(4, Cause.GONE, is_release=True))
    assert log_settled(Settled(changes[0].guest, "vm", changes, 0), left) == 1
    placed = "placed 3 interrupts of 0000:41:01.0, 0000:41:02.0, 0000:41:03.0, with 6 writes"
    freed = "gave back 1 interrupt of 0000:41:04.0"
    told_of = f"guest {changes[0].guest} (vm): {placed}; {freed}; irqaffinity history shows each change"
    assert told(caplog) == [told_of]


def test_one_line_for_many_changes_warns_of_those_that_others_caused(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    changes = (change(1), change(2, Cause.DRIFT))
    log_settled(Settled(changes[0].guest, "vm", changes, 0), 1.0, ("irqbalance",))
    (line,) = told(caplog, logging.WARNING)
    assert line.endswith(
        "put back 1 interrupt of 0000:41:02.0; irqbalance runs on this host; irqaffinity history shows each change"
    )


def test_one_change_is_told_however_little_the_log_takes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert log_settled(Settled(change(1).guest, "vm", (change(1),), 0), 0.0) == 1
    assert told(caplog)[0].endswith(" from 0-15 to 2-3: birth")


def test_a_line_is_not_made_long_by_many_interrupts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    many = change(1, numbers=tuple(range(0, 8000, 2)))
    log_settled(Settled(many.guest, "vm", (many,), 0), 32.0)
    (line,) = told(caplog)
    assert "placed 4000 interrupts (0,2,4," in line
    assert len(line) < 500


def test_what_is_left_out_is_told_once_and_again_when_it_comes_back(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    odd = "<interface type='vdpa'><source dev='/dev/mine'/></interface>"
    for devices in ((VF0, odd), (VF0, odd), (VF0,), (VF0, odd)):
        scene.domains.clear()
        scene.add_guest(*devices)
        scene.audit()
    first, second = told(caplog, logging.WARNING)
    assert first == second
    assert first.startswith(f"guest {GUEST}: instance-0: left out: <interface type='vdpa'>: unresolved: ")
    assert "/dev/mine" in first


def test_guests_that_overlap_are_told_once_each(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER)
    for _ in range(2):
        scene.audit()
    assert [line.partition(" another")[0] for line in told(caplog, logging.WARNING)] == [
        f"guest {GUEST}: instance-0: cpus_overlap:",
        f"guest {OTHER}: instance-1: cpus_overlap:",
    ]


def test_a_device_that_cannot_be_read_is_told_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    (scene.host.device_folder(VF0) / "msi_irqs").rename(scene.folder / "away")
    (scene.host.device_folder(VF0) / "msi_irqs").touch()
    scene.add_guest(VF0)
    for _ in range(2):
        scene.audit()
    (line,) = told(caplog, logging.WARNING)
    assert VF0 in line
    assert "Not a directory" in line
