# SPDX-License-Identifier: Apache-2.0
"""The model itself, by examples that can be worked out by hand from the design."""

from typing import Any

import pytest

from tests.unit.lives.host import DISTANCES, NODES, SOCKETS
from tests.unit.lives.machine import parse_pins
from tests.unit.lives.model import (
    KEEP,
    PLACED,
    RELEASE,
    Cpus,
    DeviceFacts,
    Fate,
    GuestFacts,
    Rules,
    Topology,
    decide,
    find_place,
    find_target,
    judge_guest,
    parse_list,
    parse_mask,
    show,
)

MASK = "hw:pci_irq_affinity_mask"
DEDICATED = {"hw:cpu_policy": "dedicated"}
MIXED = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "2-3"}


def topology(online: str = "0-7") -> Topology:
    cpus = parse_list(online)
    distances = {node: dict(enumerate(row)) for node, row in DISTANCES.items()}
    return Topology(cpus, {node: found & cpus for node, found in NODES.items()}, distances, SOCKETS)


@pytest.mark.parametrize("text", ["", "0", "0-3", "0,2-3,7", "1-2,4-5,7"])
def test_lists_of_cpus_are_read_and_written_as_the_kernel_does(text: str) -> None:
    assert show(parse_list(text)) == text


@pytest.mark.parametrize(
    ("text", "vcpus", "said"),
    [
        ("1-4,^3,6", 8, frozenset({1, 2, 4, 6})),
        ("^3, 1-4", 8, frozenset({1, 2, 4})),
        (" 0 , 1,,", 2, frozenset({0, 1})),
        ("0-2", 2, "mask_out_of_range"),
        ("0,^2", 2, "mask_out_of_range"),
        ("3-1", 8, "mask_invalid"),
        ("x,9", 2, "mask_invalid"),
        ("0,^0", 2, "mask_empty"),
        ("", 2, "mask_empty"),
    ],
)
def test_a_mask(text: str, vcpus: int, said: Cpus | str) -> None:
    assert parse_mask(text, vcpus) == said


@pytest.mark.parametrize(
    ("pins", "specs", "image", "others", "status", "cpus"),
    [
        pytest.param("2 3 4-5", DEDICATED, {}, [], "placed", [2, 3], id="dedicated"),
        pytest.param("2 2 3", DEDICATED, {}, [], "placed", [3], id="two of one guest have one CPU"),
        pytest.param("0 0 4 5", MIXED, {}, [], "placed", [4, 5], id="mixed says which"),
        pytest.param("0 0 4 5", MIXED | {MASK: "0-1"}, {}, [], "mask_not_dedicated", [], id="the others do not serve"),
        pytest.param("4 5", MIXED | {"hw:cpu_dedicated_mask": "^0"}, {}, [], "placed", [5], id="all but"),
        pytest.param("4 5", {"hw:cpu_policy": "mixed"}, {}, ["4"], "placed", [5], id="mixed without a mask"),
        pytest.param("4 5", {}, {"hw_cpu_policy": "dedicated"}, ["4"], "placed", [4, 5], id="the image says it"),
        pytest.param("4 5", {"resources:PCPU": "2"}, {}, [], "placed", [4, 5], id="PCPUs"),
        pytest.param("4 5", {}, {}, [], "shared_cpus", [], id="nothing said is shared"),
        pytest.param("4 5", {}, None, ["4"], "placed", [5], id="an element is missing"),
        pytest.param("4 5", None, None, ["4-5"], "placed", [4, 5], id="no metadata"),
        pytest.param("4 5", None, None, ["4 5"], "shared_cpus", [], id="no metadata, and another has them"),
        pytest.param("4 5", {"hw:cpu_policy": "shared"}, {}, [], "shared_cpus", [], id="shared"),
    ],
)
def test_which_cpus_serve(pins: str, specs: Any, image: Any, others: list[str], status: str, cpus: list[int]) -> None:
    neighbours = [GuestFacts(parse_pins(other)) for other in others]
    found, serving = judge_guest(GuestFacts(parse_pins(pins), ("x",), specs, image), neighbours, Rules())
    assert (found, list(serving.values())) == (status, cpus)


@pytest.mark.parametrize(
    ("node", "online", "numa", "target"),
    [
        (0, "0-7", "preferred", (2, 1)),
        (0, "0,3-7", "preferred", (4,)),
        (0, "0,5-7", "preferred", (7,)),
        (2, "0-6", "preferred", (2, 4, 1)),
        (2, "0-6", "socket", ()),
        (0, "0,3-7", "socket", (4,)),
        (0, "0,3-7", "strict", ()),
        (3, "0-7", "strict", (2, 7, 4, 1)),
        (-1, "0-7", "strict", (2, 7, 4, 1)),
        (None, "0,7", "preferred", (7,)),
        (0, "0,3", "preferred", ()),
    ],
)
def test_which_of_them_are_near(node: int | None, online: str, numa: str, target: tuple[int, ...]) -> None:
    host = topology(online)
    assert set(find_target((2, 7, 4, 1), node, host, Rules(numa=numa))) == set(target)


def test_what_becomes_of_each_device() -> None:
    devices = {letter: DeviceFacts(None, has_interrupts=True) for letter in "abcdef"}
    guests = {
        "placed": GuestFacts(parse_pins("1 2"), ("a", "b", "f"), DEDICATED, {}),
        "skipped": GuestFacts(parse_pins("0-7"), ("c",)),
        "wrong": GuestFacts(parse_pins("4"), ("d",), DEDICATED | {MASK: "x"}, {}),
        "unknown": GuestFacts(parse_pins("5"), ("e", "f"), DEDICATED, {}),
    }
    statuses, fates = decide(guests, ["unknown"], devices, topology(), Rules(distribution="spread"))
    assert statuses == {
        "placed": "placed",
        "skipped": "shared_cpus",
        "wrong": "mask_invalid",
        "unknown": "xml_invalid",
    }
    kinds = {address: fate.kind for address, fate in fates.items()}
    assert kinds == {"a": PLACED, "b": PLACED, "c": RELEASE, "d": KEEP, "e": KEEP, "f": KEEP}
    assert [fates[address].rank for address in "ab"] == [0, 1]
    excluded = decide(guests, ["unknown"], devices, topology(), Rules(allowed=frozenset({"b"})))[1]
    assert {address for address, fate in excluded.items() if fate.kind == RELEASE} >= {"a", "c"}


def test_spread_turns_over_the_target() -> None:
    fate = Fate(PLACED, (2, 7, 4), 1)
    assert [find_place(fate, index, Rules(distribution="spread")) for index in range(3)] == [{7}, {4}, {2}]
    assert find_place(fate, 0, Rules()) == {2, 4, 7}
