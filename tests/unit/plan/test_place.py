# SPDX-License-Identifier: Apache-2.0
"""The actions of a device that has a target, and the records they leave."""

from dataclasses import replace

import pytest

from irqaffinity.model.guest import HOST
from irqaffinity.model.host import Device, Topology
from irqaffinity.model.irq import IrqId
from irqaffinity.model.record import Fixed, Record
from irqaffinity.model.verdict import Verdict
from irqaffinity.plan.distribute import Share
from irqaffinity.plan.place import Births, Handled, place_device
from tests.fakes.snapshots import VF, VF2, cpus, guest_id, make_device, make_record

TARGET = cpus("2-3")
TOPOLOGY = Topology(cpus("0-15"), {0: cpus("0-7"), 1: cpus("8-15")})
NARROWED = Record(HOST, None, cpus("0-15"), cpus("0-1,8-9"), cpus("0-1,8-11"))
"""The record of the default affinity, narrowed twice."""


def place(
    device: Device,
    known: Record | None = None,
    *,
    shares: dict[int, Share] | None = None,
    fixed: dict[IrqId, Fixed] | None = None,
    default: Record | None = None,
) -> Handled:
    records, births = {} if known is None else {50: known}, Births(default, TOPOLOGY)
    return place_device(device, guest_id(1), TARGET, shares or {}, records, fixed or {}, births)


def test_every_interrupt_gets_an_action_also_one_in_place() -> None:
    device = make_device(numbers=[50, 51])
    first, second = device.interrupts
    device = replace(device, interrupts=(first, second._replace(smp=TARGET, effective=cpus("3"))))
    actions = place(device).actions
    assert [(action.number, action.device, action.owner) for action in actions] == [
        (50, VF, guest_id(1)),
        (51, VF, guest_id(1)),
    ]
    assert [action.current for action in actions] == [cpus("0-15"), TARGET]
    assert [action.effective for action in actions] == [None, cpus("3")]
    assert {action.target for action in actions} == {TARGET}
    assert not any(action.is_release or action.foregone or action.spares for action in actions)


def test_a_share_narrows_the_target_and_the_record() -> None:
    share = Share(cpus("3"), (cpus("2"),))
    handled = place(make_device(numbers=[50]), shares={50: share})
    action = handled.actions[0]
    assert (action.target, action.spares) == (cpus("3"), (cpus("2"),))
    assert handled.records[50].written == cpus("3")


@pytest.mark.parametrize(("smp", "original"), [("0-15", "0-15"), ("2", "2"), ("2-3", None)])
def test_a_new_record_has_what_was_read_unless_it_was_found_in_place(smp: str | None, original: str | None) -> None:
    records = place(make_device(numbers=[50], smp=smp)).records
    assert records == {50: make_record(1, original=original, written="2-3")}


@pytest.mark.parametrize(
    ("smp", "original"),
    [("0-1,8-9", "0-15"), ("0-1,8-11", "0-15"), ("8-9", "8-15"), ("4", "4"), ("0-15", "0-15"), ("2-3", None)],
)
def test_what_was_born_with_the_narrowed_default_came_from_the_wide_one(smp: str, original: str | None) -> None:
    device = replace(make_device(numbers=[50], smp=smp), numa_node=1)
    assert place(device, default=NARROWED).records == {50: make_record(1, original=original, written="2-3")}
    assert place(device, make_record(1, original="7"), default=NARROWED).records == {50: make_record(1, original="7")}


@pytest.mark.parametrize("written", ["0-1", "2-3"])
def test_what_was_moved_for_the_host_goes_to_the_guest_with_its_original(written: str) -> None:
    hosts = make_record(original="0-15", written=written, owner=HOST, action="iavf-0")
    previous = None if written == "2-3" else written
    for default in (None, NARROWED):
        handled = place(make_device(numbers=[50], smp=written), hosts, default=default)
        assert handled.records == {50: make_record(1, original="0-15", written="2-3", previous=previous)}


def test_what_was_moved_for_the_host_under_another_driver_is_another_interrupt() -> None:
    hosts = make_record(original="0-7", written="0-1", owner=HOST, driver="iavf", action="iavf-0")
    assert place(make_device(numbers=[50], smp="4"), hosts).records == {50: make_record(1, original="4")}


@pytest.mark.parametrize("smp", ["2-3", "0-15", "7"])
def test_a_record_of_the_same_target_stays_as_it_is_whatever_was_read(smp: str) -> None:
    known = make_record(1, original="0-31", written="2-3", previous="4-5")
    assert place(make_device(numbers=[50], smp=smp), known).records == {50: known}


def test_another_target_keeps_the_original_and_remembers_the_value_before() -> None:
    known = make_record(1, original="0-31", written="4-5", previous="6", spread_over=cpus("4-5"))
    records = place(make_device(numbers=[50], smp="4-5"), known).records
    assert records == {50: make_record(1, original="0-31", written="2-3", previous="4-5")}


@pytest.mark.parametrize(("over", "next_cpu"), [("2-3", True), ("3-4", False)])
def test_a_next_cpu_is_one_of_the_same_target_alone(over: str, next_cpu: bool) -> None:
    known = make_record(9, written="3", spread_over=cpus(over), next_cpu=True)
    record = place(make_device(numbers=[50], smp="3"), known, shares={50: Share(cpus("3"))}).records[50]
    assert (record.owner, record.spread_over, record.next_cpu) == (guest_id(1), TARGET, next_cpu)


@pytest.mark.parametrize("written", ["2-3", "4-5"])
def test_another_owner_keeps_the_original(written: str) -> None:
    known = make_record(9, original="0-31", written=written)
    record = place(make_device(numbers=[50], smp=written), known).records[50]
    assert (record.owner, record.original, record.written) == (guest_id(1), cpus("0-31"), TARGET)


@pytest.mark.parametrize(("smp", "original"), [("0-15", "0-15"), ("2-3", None)])
def test_under_another_driver_it_is_another_interrupt(smp: str, original: str | None) -> None:
    known = make_record(1, original="0-31", written="4-5", previous="6", driver="iavf")
    records = place(make_device(numbers=[50], smp=smp), known).records
    assert records == {50: make_record(1, original=original, written="2-3")}


def test_records_of_numbers_that_the_device_no_longer_lists_go() -> None:
    assert place(make_device(numbers=[51]), make_record()).records.keys() == {51}


def test_the_value_that_is_in_place_stays_ours_when_one_write_after_the_other_was_refused() -> None:
    after_one_refusal = make_record(1, original="0-15", written="6-7", previous="4-5")
    record = place(make_device(numbers=[50], smp="4-5"), after_one_refusal).records[50]
    assert record.accounts_for(TARGET)
    assert record.accounts_for(cpus("4-5"))


@pytest.mark.parametrize(
    ("action", "verdict"), [("nvme0q1", Verdict.MANAGED), ("vfio-msix[0](0000:41:00.1)", Verdict.IMMOVABLE)]
)
def test_an_interrupt_without_write_permission_will_not_be_tried_and_has_no_record(
    action: str, verdict: Verdict
) -> None:
    device = make_device(numbers=[50])
    device = replace(device, interrupts=(device.interrupts[0]._replace(writable=False, action=action),))
    handled = place(device, make_record())
    assert [action.foregone for action in handled.actions] == [verdict]
    assert handled.records == {}


@pytest.mark.parametrize("known", [None, make_record(2, original="4-7")])
def test_an_interrupt_that_could_not_be_read_keeps_its_record_and_gets_none(known: Record | None) -> None:
    handled = place(make_device(numbers=[50], smp=None), known)
    assert handled.records == ({} if known is None else {50: known})
    assert [action.current for action in handled.actions] == [None]


@pytest.mark.parametrize("verdict", [Verdict.MANAGED, Verdict.IMMOVABLE])
@pytest.mark.parametrize(
    ("irq", "name", "is_known"),
    [
        (IrqId(VF, 50), "nvme0q1", True),
        (IrqId(VF, 50), "nvme0q2", False),
        (IrqId(VF, 50), "", False),
        (IrqId(VF, 51), "nvme0q1", False),
        (IrqId(VF2, 50), "nvme0q1", False),
    ],
)
def test_what_is_known_of_an_interrupt_that_cannot_be_moved_holds_for_device_number_and_name(
    irq: IrqId, name: str, is_known: bool, verdict: Verdict
) -> None:
    device = make_device(numbers=[50])
    device = replace(device, interrupts=(device.interrupts[0]._replace(action="nvme0q1"),))
    handled = place(device, fixed={irq: Fixed(name, verdict)})
    assert [action.foregone for action in handled.actions] == [verdict if is_known else None]
    assert bool(handled.records) is not is_known
