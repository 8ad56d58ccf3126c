# SPDX-License-Identifier: Apache-2.0
"""Which interrupts count as born with the narrowed default affinity."""

import pytest

from irqaffinity.model.guest import HOST
from irqaffinity.model.host import Topology
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.isolation import HostInterrupt
from irqaffinity.model.pci import NO_DEVICE
from irqaffinity.model.record import Record
from irqaffinity.plan.newborn import find_origin
from tests.fakes.snapshots import NODES, cpus


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
