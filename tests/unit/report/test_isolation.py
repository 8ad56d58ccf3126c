# SPDX-License-Identifier: Apache-2.0
"""Isolation as plain values, in the audit and in the status."""

from dataclasses import replace

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.irq import DEFAULT
from irqaffinity.model.isolation import Headroom, Isolated
from irqaffinity.model.verdict import IrqReason, Verdict
from irqaffinity.report.isolation import describe_isolation
from tests.fakes.isolated import NIC, NVME, intruder, isolated, moved
from tests.fakes.scene import GUEST, OTHER, VF0, Scene, document

OFF = {"mode": "off", "kept": None, "housekeeping": None, "moved": 0, "message": None, "default": None, "irqs": []}


def test_the_intruders_of_which_most_arrived_come_first_and_the_unknown_ones_last() -> None:
    found = describe_isolation(
        isolated(
            intruders=(
                intruder(36, "nvme0q4", "2", NVME),
                intruder(99, "acpi", "2", arrived=0),
                intruder(44, "eth0-rx-1", "2", NIC, arrived=7),
                intruder(8, "rtc0", "3", arrived=7),
                intruder(35, "nvme0q3", "3", NVME),
            )
        )
    )
    assert [(row["irq"], row["arrived"]) for row in found["intruders"]] == [
        (8, 7),
        (44, 7),
        (99, 0),
        (35, None),
        (36, None),
    ]


def test_an_intruder_has_the_fields_of_the_contract(scene: Scene) -> None:
    scene.add_guest(VF0)
    other = intruder(40, "vfio-msix[0](0000:41:00.1)", "4", VF0, guests=(GuestId(OTHER),), owner=GuestId(GUEST))
    hosts = intruder(44, "eth0-rx-1", "2-3", NIC, arrived=30, target=CpuSet.parse("0-1"), verdict=Verdict.WOULD_SET)
    managed = intruder(36, "nvme0q4", "3", NVME, is_movable=False, verdict=Verdict.MANAGED)
    timer = intruder(2, "timer", "2")
    found = document(replace(scene.audit(), isolated=isolated(intruders=(other, hosts, managed, timer))))
    first, *rest = found["intruders"]
    assert first == {
        "irq": 44,
        "name": "eth0-rx-1",
        "device": NIC,
        "cpus": "2-3",
        "guests": [GUEST],
        "owner": None,
        "movable": True,
        "arrived": 30,
        "target": "0-1",
        "verdict": "would_set",
    }
    assert [(row["irq"], row["device"], row["owner"], row["movable"], row["verdict"]) for row in rest] == [
        (2, None, None, True, None),
        (36, NVME, None, False, "managed"),
        (40, VF0, GUEST, True, None),
    ]
    assert list(found)[-5:] == ["irqs", "intruders", "isolation", "headroom", "holds"]


def test_what_was_moved_stands_beside_the_cpus_that_are_kept(scene: Scene) -> None:
    refused = moved(45, Verdict.NO_VECTOR, message="no free vector")._replace(handler="eth0-rx-2")
    results = (moved(DEFAULT.number, before="0-15", after="0-1,8-9"), moved(44), refused, moved(46, device=None))
    found = document(replace(scene.audit(), isolated=isolated("enforce", results=results, names={44: "eth0-rx-1"})))[
        "isolation"
    ]
    assert found["default"] == {"current": "0-15", "target": "0-1,8-9", "verdict": "set", "message": None}
    assert {key: found[key] for key in ("mode", "kept", "housekeeping", "message")} == {
        "mode": "enforce",
        "kept": "2-4,10-11",
        "housekeeping": "0-1,8-9",
        "message": None,
    }
    assert found["irqs"][0] == {
        "irq": 44,
        "name": "eth0-rx-1",
        "device": NIC,
        "current": "0-15",
        "target": "0-1",
        "effective": "0",
        "verdict": "set",
        "reason": None,
        "message": None,
    }
    assert [(row["irq"], row["name"], row["device"], row["verdict"], row["message"]) for row in found["irqs"][1:]] == [
        (45, "eth0-rx-2", NIC, "no_vector", "no free vector"),
        (46, None, None, "set", None),
    ]


def test_what_was_given_back_says_so(scene: Scene) -> None:
    back = moved(44, before="0-1", after="0-15", reason=IrqReason.RELEASED)
    found = document(replace(scene.audit(), isolated=isolated("enforce", results=(back,))))["isolation"]["irqs"]
    assert [(row["current"], row["target"], row["reason"]) for row in found] == [("0-1", "0-15", "released")]


def test_the_reason_why_nothing_is_moved_is_shown() -> None:
    found = describe_isolation(isolated("enforce", trouble="1 housekeeping CPU is online, 2 are the minimum"))
    assert found["isolation"]["message"] == "1 housekeeping CPU is online, 2 are the minimum"


def test_the_fullest_cpu_of_each_node_is_told(scene: Scene) -> None:
    headroom = (Headroom(0, 3, 12, 202, True), Headroom(None, 40, 0, 202, False))
    found = document(replace(scene.audit(), isolated=isolated(headroom=headroom)))["headroom"]
    assert found == [
        {"node": 0, "cpu": 3, "free": 12, "capacity": 202, "exact": True},
        {"node": None, "cpu": 40, "free": 0, "capacity": 202, "exact": False},
    ]


def test_all_fields_are_there_where_nobody_looks_or_has_looked() -> None:
    assert describe_isolation(Isolated("off")) == {"intruders": [], "isolation": OFF, "headroom": []}
    assert describe_isolation(None) == {"intruders": [], "isolation": OFF | {"mode": None}, "headroom": []}
