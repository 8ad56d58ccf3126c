# SPDX-License-Identifier: Apache-2.0
"""Isolation as people read it, in the table and in the status."""

import json
from dataclasses import replace
from typing import Any

import pytest

from irqaffinity.agent.status_shape import WHOLE
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.irq import DEFAULT
from irqaffinity.model.isolation import Headroom, Isolated, Kept
from irqaffinity.model.only import Only
from irqaffinity.model.shape import check_shape
from irqaffinity.model.verdict import IrqReason, Verdict
from irqaffinity.report.isolation import describe_isolation
from irqaffinity.report.isolation_text import MOST_ALIKE, MOST_GUESTS, MOST_MOVED
from irqaffinity.report.outcome import Outcome
from irqaffinity.report.screen import Screen
from irqaffinity.report.status_report import describe_placement
from irqaffinity.report.status_text import render_status
from irqaffinity.report.table import render_table
from irqaffinity.report.width import display_width
from tests.fakes.isolated import NIC, NVME, intruder, isolated, moved, queues
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene
from tests.unit.cli.test_output import published


@pytest.fixture
def outcome(scene: Scene) -> Outcome:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4",))
    return scene.rehearse()


def table(outcome: Outcome, found: Isolated, **options: Any) -> list[str]:
    return render_table(replace(outcome, isolated=found), **options).splitlines()


def below(lines: list[str], head: str) -> list[list[str]]:
    """Return the words of the lines below the one that begins like this, up to the next empty line."""
    start = next(place for place, line in enumerate(lines) if line.startswith(head))
    return [line.split(maxsplit=5) for line in lines[start + 1 : lines.index("", start)]]


def test_the_intruders_of_each_guest_stand_below_its_name(outcome: Outcome) -> None:
    others = intruder(40, "vfio-msix[0]", "4", VF0, guests=(GuestId(OTHER),), owner=GuestId(GUEST))
    hosts = [intruder(44, "eth0-rx-1", "2-3", NIC, arrived=30), intruder(9, "acpi", "2")]
    lines = table(outcome, isolated(intruders=(*hosts, others)))
    head = next(line for line in lines if line.startswith("Intruders: "))
    assert head == (
        "Intruders: 3 interrupts on the CPUs of guests that do not own them, 3 of them movable; [isolation] mode is "
        "report, so none is moved"
    )
    assert below(lines, "Intruders: ") == [
        ["IRQS", "NAME", "DEVICE", "CPUS", "MOVABLE", "ARRIVED"],
        ["instance-0", GUEST],
        ["44", "eth0-rx-1", NIC, "2-3", "yes", "30"],
        ["9", "acpi", "-", "2", "yes", "-"],
        ["instance-1", OTHER],
        ["40", "vfio-msix[0]", VF0, "4", "of", "guest instance-0       -"],
    ]


def test_names_that_differ_in_numbers_alone_share_a_line(outcome: Outcome) -> None:
    disks = [*queues(range(2, 4)), *queues(range(10, 12), device="0000:05:00.0", disk=1, first=200)]
    alone = [
        intruder(44, "eth0-rx-1", "2", NIC),
        intruder(45, "eth0-rx-1", "3", NIC),
        intruder(46, "eth0-tx-1", "3", NIC),
    ]
    odd = [intruder(1, "a#b", "2"), intruder(2, "a1b", "2")]
    found = isolated(intruders=(*disks, *alone, *odd))
    rows = [line.split()[:4] for line in table(outcome, found)]
    assert ["102-103,210-211", "nvme*q*", "2", "devices"] in rows
    assert ["44-45", "eth0-rx-1", NIC, "2-3"] in rows
    assert ["46", "eth0-tx-1", NIC, "3"] in rows
    assert ["1", "a#b", "-", "2"] in rows
    assert ["2", "a1b", "-", "2"] in rows
    each = [line.split() for line in table(outcome, found, each_irq=True)]
    assert [row[1] for row in each if row and row[0] in ("102", "103", "210", "211")] == [
        "nvme1q12",
        "nvme1q11",
        "nvme0q4",
        "nvme0q3",
    ]


def test_whether_an_intruder_can_move_is_said_in_a_word(outcome: Outcome) -> None:
    found = (
        intruder(1, "a", "2", is_movable=False, verdict=Verdict.MANAGED),
        intruder(2, "b", "2", is_movable=False, verdict=Verdict.IMMOVABLE),
        intruder(3, "c", "2", target=CpuSet.parse("0-1"), verdict=Verdict.WOULD_SET),
        intruder(4, "d", "2"),
        intruder(5, "e", "2", is_movable=False),
    )
    lines = table(outcome, isolated("enforce", intruders=found))
    words = {row[1]: " ".join(row[4:]).split("  ")[0] for row in below(lines, "Intruders: ") if row[0].isdigit()}
    assert words == {
        "a": "no: managed",
        "b": "no: immovable",
        "c": "yes: would_set to 0-1",
        "d": "yes: not moved",
        "e": "no: managed",
    }
    assert not any("mode is" in line for line in lines)


def test_a_large_host_has_the_first_lines_and_how_many_more_there_are(outcome: Outcome) -> None:
    many = [
        intruder(
            number,
            f"{chr(97 + number)}",
            "2",
            guests=(GuestId(f"{guest:08x}-0000-0000-0000-000000000000"),),
            arrived=guest,
        )
        for guest in range(MOST_GUESTS + 3)
        for number in range(MOST_ALIKE + 2)
    ]
    results = tuple(moved(300 + number, message=str(number)) for number in range(MOST_MOVED + 4))
    found = isolated("enforce", intruders=tuple(many), results=(*results, moved(999, Verdict.DENIED)))
    lines = table(outcome, found)
    assert sum(line.startswith("    ... and 2 more interrupts; -f json") for line in lines) == MOST_GUESTS
    assert "  ... and 3 more guests with intruders; -f json lists them" in lines
    assert "    ... and 5 more interrupts; -f json lists them" in lines
    shown = [line.split()[0] for line in lines if "0-15 -> 0-1" in line]
    assert shown == ["999", *(str(300 + number) for number in range(MOST_MOVED - 1))]
    uuids = [line.strip() for line in lines if line.endswith("-0000-0000-0000-000000000000")]
    assert uuids[0].startswith(f"{MOST_GUESTS + 2:08x}-")
    whole = table(outcome, found, each_irq=True)
    assert not any("more" in line for line in whole)
    assert sum("0-15 -> 0-1" in line for line in whole) == MOST_MOVED + 5


def test_what_was_moved_stands_with_the_default_affinity_first(outcome: Outcome) -> None:
    results = (
        moved(DEFAULT.number, after="0-1,8-9"),
        moved(44),
        moved(45),
        moved(46, Verdict.NO_VECTOR, message="no free vector on 0-1"),
        moved(47, before="0-1", after="0-15", reason=IrqReason.RELEASED),
    )
    names = {number: f"eth0-rx-{number - 43}" for number in range(44, 47)}
    lines = table(outcome, isolated("enforce", results=results, names=names))
    assert "Isolation: kept for guests are CPUs 2-4,10-11; housekeeping CPUs are 0-1,8-9" in lines
    text = [" ".join(row) for row in below(lines, "Isolation: ")]
    assert [" ".join(row.split()) for row in text] == [
        "IRQS NAME DEVICE CPUS VERDICT",
        "- default affinity - 0-15 -> 0-1,8-9 set",
        f"46 eth0-rx-3 {NIC} 0-15 -> 0-1 no_vector",
        f"44-45 eth0-rx-* {NIC} 0-15 -> 0-1 set",
        f"47 - {NIC} 0-1 -> 0-15 set",
        "46: no_vector: no free vector on 0-1",
        "47: released: goes back to where it was before it was moved",
    ]
    assert lines[-1].endswith("; of the host's own: 4 set, 1 no vector; dry run, nothing was written")


def test_the_lines_of_a_host_with_hundreds_of_queues_stay_short(outcome: Outcome) -> None:
    apart = range(200, 500, 3)
    found = isolated(
        "enforce",
        intruders=tuple(intruder(number, "eth0", "2", NIC) for number in apart),
        results=tuple(moved(number) for number in apart),
        names=dict.fromkeys(apart, "eth0"),
    )
    short = [line for line in table(outcome, found) if line.lstrip().startswith("200,203,")]
    assert len(short) == 2
    assert all(" and 88 more" in line and len(line) < 140 for line in short)


def test_interrupts_with_the_same_reason_share_a_line(outcome: Outcome) -> None:
    results = (
        moved(DEFAULT.number, Verdict.PENDING, message="is set"),
        *(moved(number, Verdict.PENDING, message="is set") for number in (44, 45, 47)),
        moved(48, Verdict.DENIED, message="is set"),
    )
    names = {44: "acpi", 45: "ttyS", 47: "rtc", 48: "nvme"}
    lines = table(outcome, isolated("enforce", results=results, names=names))
    assert [line for line in lines if line.endswith(": is set")] == [
        "    default affinity: pending: is set",
        "    48: denied: is set",
        "    44-45,47: pending: is set",
    ]


@pytest.mark.parametrize(
    ("kept", "house", "told"),
    [
        ("1", "0", "kept for guests is CPU 1; housekeeping CPU is 0"),
        ("", "0-1", "no CPU is kept for a guest; housekeeping CPUs are 0-1"),
        ("1", "", "kept for guests is CPU 1"),
    ],
)
def test_the_kept_cpus_are_told_in_words(outcome: Outcome, kept: str, house: str, told: str) -> None:
    found = replace(isolated("enforce"), kept=Kept({}, CpuSet.parse(kept)), housekeeping=CpuSet.parse(house))
    assert f"Isolation: {told}" in table(outcome, found)


def test_a_reset_in_enforce_says_what_goes_back_and_nothing_of_kept_cpus(outcome: Outcome) -> None:
    assert not any("solation" in line for line in table(outcome, Isolated("enforce")))
    found = Isolated("enforce", results=(moved(44, reason=IrqReason.RELEASED),), names={44: "acpi"})
    lines = table(outcome, found)
    assert [line for line in lines if "solation" in line] == ["Isolation: what was moved before goes back"]


def test_a_default_affinity_that_cannot_be_written_says_why(outcome: Outcome) -> None:
    refused = moved(DEFAULT.number, Verdict.DENIED, message="Read-only file system")
    assert "    default affinity: denied: Read-only file system" in table(
        outcome, isolated("enforce", results=(refused,))
    )


def test_why_nothing_is_moved_is_an_error(outcome: Outcome) -> None:
    text = "\n".join(table(outcome, isolated("enforce", trouble="1 CPU is online"), screen=Screen(None, True)))
    assert "\x1b[1;31mIsolation moves nothing: 1 CPU is online\x1b[0m" in text
    assert "; \x1b[1;31misolation moves nothing\x1b[0m; dry run" in text


def test_only_a_cpu_that_is_short_of_vectors_is_told(outcome: Outcome) -> None:
    headroom = (
        Headroom(0, 3, 12, 202, True),
        Headroom(1, 8, 0, 202, False),
        Headroom(2, 9, 21, 202, False),
        Headroom(None, 8, 20, 202, False),
    )
    lines = table(outcome, isolated(headroom=headroom))
    assert [line for line in lines if "vectors" in line] == [
        "CPU 3 of node 0 has 12 of 202 interrupt vectors free",
        "CPU 8 of node 1 has none of 202 interrupt vectors free",
        "CPU 8 has at most 20 of 202 interrupt vectors free",
    ]


def test_a_clean_host_has_no_line_more(outcome: Outcome) -> None:
    assert table(outcome, isolated()) == table(outcome, Isolated("off")) == render_table(outcome).splitlines()


def test_a_host_whose_last_guest_has_gone_tells_what_goes_back(scene: Scene) -> None:
    back = moved(44, before="0-1", after="0-15", reason=IrqReason.RELEASED)
    lines = table(scene.audit(), isolated("enforce", results=(back,)))
    assert any(line.split()[:1] == ["44"] for line in lines)
    assert lines[-1] == "0 guests, 0 devices, 0 interrupts; of the host's own: 1 set"


@pytest.mark.parametrize("mode", ["off", "report"])
def test_in_another_mode_it_is_told_why_something_goes_back(outcome: Outcome, mode: str) -> None:
    back = moved(44, before="0-1", after="0-15", reason=IrqReason.RELEASED)
    lines = table(outcome, isolated(mode, results=(back,)))
    head = f"Isolation: [isolation] mode is {mode}, so what was moved before goes back"
    assert lines[lines.index(head) + 2].split()[0] == "44"
    assert head in table(outcome, isolated(mode, results=(moved(DEFAULT.number),)))


def test_quiet_counts_the_intruders(outcome: Outcome) -> None:
    (line,) = table(outcome, isolated(intruders=(*queues(range(2, 4)), intruder(9, "acpi", "2"))), quiet=True)
    assert "; 3 intruders, 1 movable; " in line


def test_only_shows_the_guests_with_intruders_and_these(outcome: Outcome) -> None:
    found = isolated(intruders=(intruder(9, "acpi", "4", guests=(GuestId(OTHER),)),))
    lines = table(outcome, found, only=[Only.INTRUDERS])
    assert [line.split()[0] for line in lines if line.lstrip().startswith("instance-")] == ["instance-1"] * 2
    assert lines[-1].endswith("; 1 intruder, 1 movable; dry run, nothing was written; showing 1 of 2 guests")


@pytest.mark.parametrize("width", [100, 80, 60, 40])
def test_all_lines_fit_the_screen(outcome: Outcome, width: int) -> None:
    results = (moved(DEFAULT.number), *(moved(number) for number in range(60, 90, 2)))
    names = {number: f"a-rather-long-name-of-a-handler-{number}" for number in range(60, 90, 2)}
    found = isolated("enforce", intruders=tuple(queues(range(2, 16, 2))), results=results, names=names)
    lines = table(outcome, found, screen=Screen(width))
    start = next(place for place, line in enumerate(lines) if line.startswith("Intruders"))
    assert [line for line in lines[start:-1] if display_width(line) > width] == []
    assert any("nvme0q*" in line for line in lines)


def status(outcome: Outcome, found: Isolated) -> dict[str, Any]:
    outcome = replace(outcome, isolated=found)
    whole = published() | {"placement": describe_placement(outcome), **describe_isolation(found)}
    made: dict[str, Any] = json.loads(json.dumps(whole))
    check_shape(made, WHOLE)
    return made


def test_the_status_tells_the_same(outcome: Outcome) -> None:
    found = isolated(
        "enforce",
        intruders=tuple(queues(range(2, 4))),
        results=(moved(DEFAULT.number), moved(44)),
        headroom=(Headroom(0, 3, 12, 202, True),),
    )
    lines = table(outcome, found)
    told = lines[lines.index("") + 1 : -2]
    assert len(told) == 9
    shown = render_status(status(outcome, found)).splitlines()
    assert shown[-1 - len(told) : -1] == told
    assert "; 2 intruders, 0 movable; " in shown[-1]


def test_the_status_is_narrowed_too(outcome: Outcome) -> None:
    found = isolated(intruders=(intruder(9, "acpi", "4", guests=(GuestId(OTHER),)), intruder(8, "rtc0", "2")))
    shown = render_status(status(outcome, found), [Only.INTRUDERS])
    assert "instance-0" in shown
    assert render_status(status(outcome, found), [Only.ERROR]).count("rtc0") == 0


def test_a_status_that_somebody_else_wrote_is_printable(outcome: Outcome) -> None:
    hostile = status(outcome, isolated("enforce", intruders=(intruder(9, "acpi", "2", NVME),), results=(moved(44),)))
    for row in (*hostile["intruders"], *hostile["isolation"]["irqs"]):
        row.update({key: "\x1b[2J\u202ex" for key, value in row.items() if isinstance(value, str)})
        row["guests"] = ["\x1b[2J"]
    hostile["isolation"] |= {"mode": "enforce", "kept": "\x1b[2J", "message": None}
    text = render_status(hostile)
    assert all(char.isprintable() or char == "\n" for char in text)
    assert text.count("\\x1b[2J") >= 5
    narrow = render_status(hostile, screen=Screen(60)).splitlines()
    rows = [place for place, line in enumerate(narrow) if line.split()[:1] in (["9"], ["44"])]
    assert len(rows) == 2
    assert not any(narrow[place + 1].startswith("      ") for place in rows), "a row is cut, and never broken"


def test_the_status_of_an_agent_without_isolation_is_shown_as_before(outcome: Outcome) -> None:
    old = published() | {"placement": describe_placement(outcome)}
    assert "solation" not in render_status(old)
    assert "ntruder" not in render_status(old, [Only.INTRUDERS])
