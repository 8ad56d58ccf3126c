# SPDX-License-Identifier: Apache-2.0
"""The table of a host of 64 guests, on screens of every width."""

import contextlib
import errno
import re
from dataclasses import replace

import pytest

from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.model.only import Only
from irqaffinity.passes.auditor import Auditor
from irqaffinity.plan.policy import Policy
from irqaffinity.report.layout import Row, arrange
from irqaffinity.report.outcome import Outcome
from irqaffinity.report.screen import Screen
from irqaffinity.report.table import render_table
from irqaffinity.report.width import display_width
from irqaffinity.state.memory import MemoryStore
from tests.fakes.crowd import GUESTS, IN_ERROR, REMOTE, WIDE, WIDE_NAME, make_crowd
from tests.fakes.scene import OTHER, VF0, VF1, Scene

SGR = re.compile("\x1b\\[[0-9;]*m")


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What a dry pass finds on the host."""
    made = make_crowd(tmp_path_factory.mktemp("crowd"))
    with contextlib.closing(Hypervisor(made.uri)) as hypervisor:
        return Auditor("cmp-12", made.tree.root, hypervisor, Policy(), MemoryStore()).rehearse().outcome


@pytest.mark.parametrize("each_irq", [False, True])
@pytest.mark.parametrize("width", [60, 72, 80, 96, 120, 132, 200])
def test_no_line_but_the_summary_is_longer_than_the_screen(crowd: Outcome, width: int, each_irq: bool) -> None:
    *lines, summary = render_table(crowd, each_irq=each_irq, screen=Screen(width)).splitlines()
    assert [line for line in lines if display_width(line) > width] == []
    assert lines[-1] == ""
    assert summary.startswith(f"{GUESTS} guests, {GUESTS} devices, 236 interrupts: ")


def words(text: str) -> list[str]:
    return sorted(re.findall(r"instance-\d+|[0-9a-f:.-]{12,}|error|remote_node|pending|\(at character 1\)", text))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_narrow_screen_loses_no_guest_no_device_and_no_reason(crowd: Outcome, width: int) -> None:
    guests_alone = replace(crowd, isolated=None)
    narrow = render_table(guests_alone, screen=Screen(width))
    assert words(re.sub(r"\n +", " ", narrow)) == words(re.sub(r"\n +", " ", render_table(guests_alone)))


def test_eighty_columns_have_a_line_a_device(crowd: Outcome) -> None:
    lines = render_table(crowd, screen=Screen(80)).splitlines()
    assert lines[:7] == [
        "DEVICE          IRQS       CPUS                VERDICT    WHY",
        "instance-0 00000000-1111-4111-8111-000000000000: 2 vCPUs, mask 0-1 from",
        "  metadata: vCPUs 0-1 on CPUs 4-5 serve its interrupts",
        "  0000:41:01.0  1000-1003  0-127 -> 4-5        would_set  vCPUs 0-1, node 0",
        "instance-1 9e3779b1-1111-4111-8111-000000000001: 2 vCPUs, mask 0-1 from",
        "  metadata: vCPUs 0-1 on CPUs 132-133 serve its interrupts",
        "  0000:81:01.0  1004-1007  128-255 -> 132-133  would_set  vCPUs 0-1, node 1",
    ]
    place = next(place for place, line in enumerate(lines) if line.startswith(f"instance-{REMOTE} "))
    assert lines[place + 2 : place + 5] == [
        "  0000:81:02.2  1084-1087  128-255 -> 152-153  would_set",
        "      remote_node: no chosen CPU is on its NUMA node; all of them serve, for the",
        "        distances of the nodes are unknown",
    ]


def test_a_screen_that_is_wide_enough_has_all_columns(crowd: Outcome) -> None:
    assert render_table(crowd, screen=Screen(200)) == render_table(crowd)
    lines = render_table(crowd, screen=Screen(120)).splitlines()
    assert lines[0] == "DEVICE          NODE  IRQS       CPUS BEFORE  CPUS AFTER  VERDICT    WHY"
    place = next(place for place, line in enumerate(lines) if "remote_node" in line)
    start = lines[0].index("WHY")
    assert lines[place + 1][:start].strip() == ""
    assert lines[place + 1][start:].startswith("of them serve")


def headlines(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines() if re.match(f"instance-|{WIDE_NAME}", line)]


def test_guests_go_by_name_and_those_in_error_stand_last(crowd: Outcome) -> None:
    placed = [number for number in range(GUESTS) if number not in (*IN_ERROR, WIDE)]
    names = [*(f"instance-{number}" for number in placed), WIDE_NAME, *(f"instance-{number}" for number in IN_ERROR)]
    assert headlines(render_table(crowd)) == names
    assert headlines(render_table(crowd, screen=Screen(80))) == names
    uuids = [guest.uuid for guest in crowd.guests]
    assert uuids == sorted(uuids)


def test_a_guest_whose_interrupt_failed_stands_below_what_is_given_back(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "5", "12", "13"))
    scene.host.refuse(50, errno.ENOSPC)
    lines = [line for line in render_table(scene.audit()).splitlines()[1:] if line[:1] not in ("", " ")]
    assert [line.split()[0] for line in lines] == ["given", "instance-0", "1"]
    assert lines[-1].endswith(" failed (instance-0)")


def test_colours_are_never_the_only_sign(crowd: Outcome) -> None:
    for width in (None, 80):
        plain, coloured = (render_table(crowd, screen=Screen(width, colours)) for colours in (False, True))
        assert "\x1b" not in plain
        assert SGR.sub("", coloured) == plain
    for seen in (
        "\x1b[33mwould_set\x1b[0m",
        "\x1b[1minstance-0\x1b[0m ",
        "\x1b[35mremote_node",
    ):
        assert seen in render_table(crowd, screen=Screen(None, True))
    assert "\x1b[1;31m4 guests in error: instance-9, " in coloured


@pytest.mark.parametrize("width", [62, 80])
def test_long_lists_go_on_below_themselves(width: int) -> None:
    numbers = ",".join(map(str, range(1000, 1032, 2)))
    row = Row(
        "  0000:41:00.1", "0", numbers, "0-7,64-71,128-135", "2,66,130", "15 would_set, 1 no_vector", "whatever it is"
    )
    lines = list(arrange([row, row._replace(why="")], Screen(width)))
    assert max(map(display_width, lines)) <= width
    lines.remove("      whatever it is")
    start, end = lines[0].index("IRQS"), lines[0].index("CPUS")
    assert "".join(line[start:end].strip() for line in lines[1:]) == numbers * 2
    assert "" not in [line.strip() for line in lines]


def test_the_summary_names_a_few_and_counts_the_rest(crowd: Outcome) -> None:
    summary = render_table(crowd, quiet=True)
    assert "4 guests in error: instance-9, instance-33, instance-40 and 1 more; dry run" in summary
    narrowed = render_table(crowd, quiet=True, only=[Only.REMOTE])
    assert narrowed == f"{summary}; showing 1 of {GUESTS} guests"
