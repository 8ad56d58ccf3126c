# SPDX-License-Identifier: Apache-2.0
"""What --only leaves of a report."""

import errno
import json
from dataclasses import replace
from typing import Any

import pytest

from irqaffinity.model.guest import GuestId
from irqaffinity.model.only import Only
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.policy import Numa, Policy
from irqaffinity.report.document import to_document
from irqaffinity.report.isolation import describe_isolation
from irqaffinity.report.outcome import Outcome
from irqaffinity.report.select import select, select_status
from irqaffinity.report.status_report import describe_placement
from irqaffinity.report.table import render_table
from tests.fakes.isolated import intruder, isolated, moved
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene

THIRD = "33333333-3333-3333-3333-333333333333"
VF2 = "0000:81:00.2"
VF3 = "0000:81:00.3"
FOURTH = "44444444-4444-4444-4444-444444444444"
IRQS2 = (60, 61)


@pytest.fixture
def outcome(scene: Scene) -> Outcome:
    """A guest with a refused and a pending interrupt, one in error, one skipped, and one with a remote device."""
    for address in (VF2, VF3):
        scene.host.add_device(address, 1)
    scene.host.add_vectors(VF2, IRQS2, "0-15")
    scene.add_guest(VF0)
    scene.host.refuse(40, errno.ERANGE)
    scene.host.quiet.add(41)
    scene.add_masked_guest("9", VF1, uuid=OTHER, pins=("4", "5"))
    scene.add_guest(VF2, uuid=THIRD, pins=("6", "7"))
    scene.add_guest(VF3, uuid=FOURTH, pins=("0-15", "0-15"), metadata="")
    return scene.audit()


def as_status(outcome: Outcome) -> dict[str, Any]:
    """Return what the agent publishes of an outcome."""
    found = {"placement": describe_placement(outcome), **describe_isolation(outcome.isolated)}
    made: dict[str, Any] = json.loads(json.dumps(found))
    return made


LEFT = {
    "error": ({GUEST, OTHER}, {VF0, VF1}, {40}),
    "changed": ({THIRD}, {VF2}, {60, 61}),
    "remote": ({THIRD}, {VF2}, {60, 61}),
    "pending": ({GUEST}, {VF0}, {41}),
    "held": (set(), set(), set()),
    "skipped": ({FOURTH}, {VF3}, set()),
    "intruders": (set(), set(), set()),
    "error skipped": ({GUEST, OTHER, FOURTH}, {VF0, VF1, VF3}, {40}),
}


@pytest.mark.parametrize(("text", "left"), LEFT.items())
def test_each_word_leaves_what_it_is_true_of(
    outcome: Outcome, text: str, left: tuple[set[str], set[str], set[int]]
) -> None:
    only = [Only(word) for word in text.split()]
    found = to_document(outcome, only)
    assert {guest["uuid"] for guest in found["guests"]} == left[0]
    assert {device["address"] for device in found["devices"]} == left[1]
    assert {irq["irq"] for irq in found["irqs"]} == left[2]
    assert found["only"] == text.split()
    assert found["summary"] == outcome.summary()
    shown = select_status(as_status(outcome), only)["placement"]
    assert {guest["uuid"] for guest in shown["guests"]} == left[0]
    assert {device["address"] for device in shown["devices"]} == left[1]


def test_guests_with_intruders_can_be_shown_alone(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4",))
    failed = moved(46, Verdict.NO_VECTOR)
    intruders = (intruder(9, "acpi", "4", guests=(GuestId(OTHER),)), intruder(8, "rtc0", "5", guests=(GuestId(THIRD),)))
    outcome = replace(scene.audit(), isolated=isolated("enforce", intruders=intruders, results=(failed, moved(44))))
    for found in (to_document(outcome, [Only.INTRUDERS]), select_status(as_status(outcome), [Only.INTRUDERS])):
        placed = found.get("placement", found)
        assert [guest["uuid"] for guest in placed["guests"]] == [OTHER]
        assert [device["address"] for device in placed["devices"]] == [VF1]
        assert [row["irq"] for row in found["isolation"]["irqs"]] == []
    assert [row["irq"] for row in to_document(outcome, [Only.INTRUDERS])["intruders"]] == [8, 9]


def test_what_was_moved_of_the_host_is_narrowed_by_its_verdict(scene: Scene) -> None:
    scene.add_guest(VF0)
    pending = intruder(7, "timer", "2", verdict=Verdict.PENDING, guests=(GuestId(OTHER),))
    results = (moved(46, Verdict.NO_VECTOR), moved(44), moved(45, Verdict.PENDING))
    others = (intruder(9, "acpi", "4", guests=(GuestId(OTHER),)), pending)
    outcome = replace(scene.audit(), isolated=isolated("enforce", intruders=others, results=results))
    left = {Only.ERROR: ([46], []), Only.PENDING: ([45], [7]), Only.REMOTE: ([], [])}
    for word, (numbers, intruders) in left.items():
        for found in (to_document(outcome, [word]), select_status(as_status(outcome), [word])):
            assert [row["irq"] for row in found["isolation"]["irqs"]] == numbers
            assert [row["irq"] for row in found["intruders"]] == intruders


def test_without_a_word_all_is_shown(outcome: Outcome) -> None:
    assert select(outcome, ()) is outcome
    assert "only" not in to_document(outcome)
    status = as_status(outcome)
    assert select_status(status, ()) is status


def test_the_line_of_a_device_is_of_all_its_interrupts(outcome: Outcome) -> None:
    lines = render_table(outcome, only=[Only.PENDING], each_irq=True).splitlines()
    assert [line.split()[2:6] for line in lines if VF0 in line] == [["40-41", "0-15", "0-15", "1"]]
    assert [line.split()[0] for line in lines if line.startswith("   ")] == ["41"]
    (device,) = to_document(outcome, [Only.PENDING])["devices"]
    assert device["verdicts"] == {"offline": 1, "pending": 1}


def test_a_device_that_strict_leaves_alone_is_remote_too(scene: Scene) -> None:
    scene.policy = Policy(numa=Numa.STRICT)
    scene.add_guest(VF1, pins=("2", "3"))
    found = to_document(scene.audit(), [Only.REMOTE])
    assert [device["reason"] for device in found["devices"]] == ["node_strict"]


def test_the_placement_of_another_agent_is_narrowed_by_what_it_says() -> None:
    device = {"address": VF0, "guest": GUEST, "verdicts": {"later": 1}}
    placement = {"guests": [{"uuid": GUEST, "status": "later"}], "devices": [device], "troubles": []}
    assert select_status({"placement": placement}, list(Only)) == {
        "placement": placement | {"guests": [], "devices": []}
    }
