# SPDX-License-Identifier: Apache-2.0
"""Which interrupts count as born with the narrowed default affinity."""

from dataclasses import replace

import pytest

from irqaffinity.model.guest import HOST
from irqaffinity.model.host import Topology
from irqaffinity.model.irq import DEFAULT, Interrupt, IrqId
from irqaffinity.model.isolation import HostInterrupt
from irqaffinity.model.pci import NO_DEVICE
from irqaffinity.model.record import Record, State
from irqaffinity.plan.newborn import find_ended, find_origin
from tests.fakes.snapshots import NODES, cpus, guest_id


def origin(
    smp: str | None,
    *,
    node: int | None = None,
    wide: str | None = "0-15",
    written: str = "0-5,8-13",
    previous: str | None = None,
    online: str = "0-15",
) -> str | None:
    topology = Topology(cpus(online), {number: cpus(text) for number, text in NODES.items()})
    record = Record(HOST, None, wide and cpus(wide), cpus(written), previous and cpus(previous))
    found = HostInterrupt(Interrupt(40, None if smp is None else cpus(smp), None), NO_DEVICE, None, node)
    cpus_before = find_origin(found, record, topology)
    return None if cpus_before is None else str(cpus_before)


@pytest.mark.parametrize(
    ("smp", "node", "expected"),
    [
        ("0-5,8-13", None, "0-15"),
        ("0-5,8-13", 0, "0-15"),
        ("0-5", 0, "0-7"),
        ("8-13", 1, "8-15"),
        ("0-5", 1, None),
        ("0-5", None, None),
        ("0-5", 7, None),
        ("0-15", None, None),
        ("0-4,8-13", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_the_narrowed_default_or_the_part_on_the_node_is_what_a_newborn_gets(
    smp: str | None, node: int | None, expected: str | None
) -> None:
    assert origin(smp, node=node) == expected


def test_cpus_that_went_offline_after_its_birth_hide_no_newborn() -> None:
    assert origin("0-5", node=0, online="0-2,6-15") == "0-7"
    assert origin("0-2", node=0, online="0-2,6-15") == "0-7"
    assert origin("0-4", node=0, online="0-2,6-15") is None


def test_a_node_that_lost_nothing_gives_nothing_back() -> None:
    assert origin("8-15", node=1, written="0-5,8-15") is None


def test_without_a_cpu_of_the_default_on_the_node_a_newborn_gets_all_of_it() -> None:
    assert origin("0-7", node=1, written="0-7") == "8-15"
    assert origin("0-7", node=1, written="0-7", wide="0-9") == "8-9"
    assert origin("0-7", node=1, written="0-6", previous="0-7", online="0-7") == "0-15"


def test_offline_cpus_of_the_default_are_not_in_a_first_affinity() -> None:
    assert origin("0-4", written="0-5", online="0-4,6-15") == "0-15"
    assert origin("0-4", written="0-5", online="0-4,6-15", node=0) == "0-7"


def test_the_value_before_the_last_counts_but_the_wide_default_itself_does_not() -> None:
    assert origin("0-3", previous="0-3") == "0-15"
    assert origin("0-15", previous="0-15") is None
    assert origin("0-2,4-7", written="0-15", online="0-2,4-15", node=0) is None


def test_without_a_known_default_nobody_was_born_with_it() -> None:
    assert origin("0-5,8-13", wide=None) is None
    assert find_origin(HostInterrupt(Interrupt(40, cpus("0"), None), NO_DEVICE), None, Topology(cpus("0-3"))) is None


W, N = cpus("0-15"), cpus("0-5,8-13")
MOVED = Record(HOST, None, W, cpus("1"), action="q")


@pytest.mark.parametrize(
    ("smp", "record", "has_ended", "is_other"),
    [
        ("1", MOVED, True, False),
        ("1", MOVED, False, False),
        ("4", MOVED, True, True),
        ("4", MOVED, False, False),
        (None, MOVED, True, True),
        ("0-5,8-13", replace(MOVED, written=N), True, True),
        ("0-5,8-13", replace(MOVED, written=N), False, False),
        ("4", replace(MOVED, owner=guest_id(1)), True, False),
        ("4", None, True, False),
    ],
)
def test_a_record_holds_for_what_was_moved_since_and_for_nothing_that_may_have_been_born_so(
    smp: str | None, record: Record | None, has_ended: bool, is_other: bool
) -> None:
    records = {DEFAULT.number: Record(HOST, None, W, N)} | ({} if record is None else {40: record})
    found = HostInterrupt(Interrupt(40, None if smp is None else cpus(smp), None), NO_DEVICE)
    ended = find_ended([found], {40} if has_ended else (), State({NO_DEVICE: records}), Topology(W, {}))
    assert ended == ({IrqId(NO_DEVICE, 40): None} if is_other else {})
