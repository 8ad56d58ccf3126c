# SPDX-License-Identifier: Apache-2.0
"""What is wrong, the gravest first."""

from typing import Any

import pytest

from irqaffinity.model.verdict import DeviceReason, GuestReason, IrqReason, LeftOutReason, Status, Term, Verdict
from irqaffinity.report.page.read import read_document
from irqaffinity.report.page.troubles import Item, Trouble, Weight, explain_word, find_troubles, weigh
from tests.unit.report.page.documents import (
    ARRIVALS,
    OTHER,
    VF0,
    VF1,
    make_device,
    make_document,
    make_guest,
    make_irq,
)


def troubles(**changed: Any) -> dict[str, Trouble]:
    found = find_troubles(read_document(make_document(**changed)))
    assert [trouble.weight for trouble in found] == sorted(
        (trouble.weight for trouble in found), key=list(Weight).index
    )
    return {trouble.word: trouble for trouble in found}


def test_nothing_is_wrong_where_all_is_in_its_place() -> None:
    assert troubles() == {}


def test_a_guest_in_error_is_named_with_what_is_wrong() -> None:
    broken = make_guest(status="mask_empty", message="mask ^0-3: it leaves no vCPU", irq_vcpus=None, irq_pcpus=None)
    assert troubles(guests=[broken])["mask_empty"] == Trouble(
        Weight.ERROR,
        "mask_empty",
        "1 guest",
        Status.MASK_EMPTY.sentence,
        (Item("instance-0000000a", "g0", "mask ^0-3: it leaves no vCPU"),),
    )


def test_interrupts_of_one_kind_are_one_trouble_with_a_line_for_each_device() -> None:
    irqs = [make_irq(40), make_irq(41, verdict="denied", message="Permission denied"), make_irq(50, VF1)]
    irqs += [make_irq(42, verdict="denied", message="Permission denied"), make_irq(51, VF1, verdict="denied")]
    found = troubles(irqs=irqs)
    assert found["denied"] == Trouble(
        Weight.ERROR,
        "denied",
        "3 interrupts",
        Verdict.DENIED.sentence,
        (
            Item(f"{VF0} of instance-0000000a", "d0", "irq 41-42: Permission denied"),
            Item(f"{VF1} of instance-0000000a", "d1", "irq 51"),
        ),
    )


def test_what_arrives_outside_the_target_is_an_error_from_a_tenth_on() -> None:
    found = troubles(arrivals=ARRIVALS)
    outside, foreign = found["arrives outside"], found["foreign interrupts"]
    assert (outside.weight, outside.amount) == (Weight.ERROR, "1 device")
    assert outside.items == (Item(f"{VF1} of instance-0000000a", "d1", "10 % on 5, target 12"),)
    assert foreign.items == (Item("CPU 5", "cpu5", "30/s: irq 36 nvme0q4"),)
    assert foreign.weight is Weight.NOTE


def test_a_few_arrivals_outside_the_target_are_a_warning() -> None:
    devices = [ARRIVALS["devices"][0] | {"outside": 0.0999}, ARRIVALS["devices"][1] | {"outside": 1.0}]  # type: ignore[index]
    host = read_document(make_document(arrivals=ARRIVALS | {"devices": devices}))
    found = [trouble for trouble in find_troubles(host) if trouble.word == "arrives outside"]
    assert [(trouble.weight, trouble.amount) for trouble in found] == [
        (Weight.ERROR, "1 device"),
        (Weight.WARNING, "1 device"),
    ]
    assert found[1].items[0].anchor == "d0"


def test_of_what_is_as_grave_a_guest_in_error_comes_before_what_arrives_elsewhere() -> None:
    guests = [make_guest(), make_guest(OTHER, status="mask_empty")]
    irqs = [make_irq(40, verdict="denied")]
    host = read_document(make_document(guests=guests, irqs=irqs, arrivals=ARRIVALS, state_unsaved="disk full"))
    words = [trouble.word for trouble in find_troubles(host) if trouble.weight is Weight.ERROR]
    assert words == ["state unsaved", "mask_empty", "denied", "arrives outside"]


def test_a_vcpu_on_an_offline_cpu_is_a_warning() -> None:
    found = troubles(guests=[make_guest(vcpu_pins={"0": "7"})])["offline CPU"]
    assert (found.weight, found.items) == (Weight.WARNING, (Item("CPU 7", "cpu7", "vCPU 0 of instance-0000000a"),))


def test_what_holds_for_the_host_is_told() -> None:
    facts = {"posted_interrupts": True, "msi_source": "trace"}
    found = troubles(state_unsaved="disk full", rivals=["irqbalance"], pass_error="libvirt is away", host_facts=facts)
    assert {word: trouble.weight.value for word, trouble in found.items()} == {
        "no pass": "error",
        "state unsaved": "error",
        "rival": "warning",
        "posted interrupts": "note",
    }


def test_reasons_of_guests_devices_and_elements_are_told() -> None:
    left = {"element": "interface type='vdpa'", "reason": "unresolved", "message": "no such vdpa"}
    guests = [make_guest(reason="cpus_overlap", message="both", left_out=[left]), make_guest(OTHER, status="no_mask")]
    device = make_device(reason="remote_node", message=DeviceReason.REMOTE_NODE.sentence)
    found = troubles(guests=guests, devices=[device])
    assert found["unresolved"].items == (Item("instance-0000000a", "g0", "<interface type='vdpa'>: no such vdpa"),)
    assert found["cpus_overlap"].weight is Weight.WARNING
    assert found["remote_node"].items == (Item(f"{VF0} of instance-0000000a", "d0", ""),)
    assert found["no_mask"].weight is Weight.NOTE


@pytest.mark.parametrize("kind", [Status, GuestReason, LeftOutReason, DeviceReason, Verdict, IrqReason])
def test_each_word_has_a_weight_and_its_sentence(kind: type[Term]) -> None:
    for term in kind:
        assert explain_word(kind, str(term.value)) == term.sentence
        assert weigh(kind, str(term.value)) in Weight
        if getattr(term, "is_error", False):
            assert weigh(kind, str(term.value)) is Weight.ERROR


def test_a_word_of_a_newer_program_is_to_be_looked_at() -> None:
    found = troubles(irqs=[make_irq(40, verdict="asleep")])["asleep"]
    assert (found.weight, found.sentence) == (Weight.WARNING, "")
