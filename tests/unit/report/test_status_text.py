# SPDX-License-Identifier: Apache-2.0
"""The status as people read it."""

import errno
import json
from typing import Any

import pytest

from irqaffinity.model.only import Only
from irqaffinity.report.screen import Screen
from irqaffinity.report.status_report import describe_placement
from irqaffinity.report.status_text import render_status
from irqaffinity.report.width import display_width
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene
from tests.unit.cli.test_output import published

AWAY = {"state": "not connected", "peer": "h:5672", "since": "2026-11-20T12:00:00Z", "trouble": "it refuses"}
OFF = AWAY | {"state": "off", "trouble": "[metrics] enabled is false"}


@pytest.fixture
def status(scene: Scene) -> dict[str, Any]:
    """Three guests: of one an interrupt is pending, of one it is refused, and one is in error."""
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    scene.add_masked_guest("9", uuid="33333333-3333-3333-3333-333333333333", pins=("6",))
    names = ("instance-3", "instance-10", "instance-2")
    for number, name in enumerate(names):
        scene.domains[number] = scene.domains[number].replace(f"<name>instance-{number}<", f"<name>{name}<")
    scene.host.refuse(50, errno.ENOSPC)
    scene.host.quiet.add(41)
    found = published() | {"placement": describe_placement(scene.audit())}
    found["connections"] = {"broker": AWAY, "metrics": OFF}
    made: dict[str, Any] = json.loads(json.dumps(found))
    return made


def test_guests_go_by_name_and_what_has_to_be_looked_at_stands_last(status: dict[str, Any]) -> None:
    lines = render_status(status).splitlines()
    names = [line.split()[0] for line in lines if line.startswith("instance-")]
    assert names == ["instance-3", "instance-2", "instance-10"]
    assert lines[-1].endswith("1 failed (instance-10); 1 guest in error: instance-2")


def test_a_narrow_screen_breaks_lines_below_themselves(status: dict[str, Any]) -> None:
    text = render_status(status, screen=Screen(60))
    assert [line for line in text.splitlines() if display_width(line) > 60] == []
    assert "broker        not connected since 2026-11-20T12:00:00Z: it\n              refuses\n" in text
    assert " ".join(text.split()) == " ".join(render_status(status).split())


def test_what_is_wrong_has_its_colour(status: dict[str, Any]) -> None:
    text = render_status(status, screen=Screen(None, True))
    assert "\x1b[1;31mbroker        not connected" in text
    assert "\nmetrics       off" in text
    assert f"\x1b[1minstance-3\x1b[0m {GUEST}: " in text
    assert "\x1b[1;31minstance-2 " in text
    assert "\x1b[36m  0000:41:00.1  irqs 40-41 on CPUs 2-3: 1 set, 1 pending" in text
    assert f"\x1b[1;31m  {VF1} irq 50: no_vector: " in text


def test_only_narrows_guests_and_troubles_and_counts_all(status: dict[str, Any]) -> None:
    text = render_status(status, [Only.PENDING])
    assert [line.split()[0] for line in text.splitlines() if line.startswith("instance-")] == ["instance-3"]
    assert f"  {VF0} irq 41: pending: " in text
    assert "irq 50" not in text
    assert text.endswith("3 guests, 2 devices, 4 interrupts: 2 set, 1 pending, 1 failed (instance-10); 1 guest in "
                         "error: instance-2; showing 1 of 3 guests")  # fmt: skip


def test_the_status_of_an_older_agent_is_shown_too(status: dict[str, Any]) -> None:
    for guest in status["placement"]["guests"]:
        for name in ("name", "status", "is_error"):
            del guest[name]
    for device in status["placement"]["devices"]:
        del device["name"], device["reason"]
    text = render_status(status, screen=Screen(80, True))
    assert f"instance-3 {GUEST}: " in text
    assert render_status(status, list(Only)).endswith("; showing 2 of 3 guests")


@pytest.mark.parametrize(
    ("told", "trouble", "rivals", "is_rival"),
    [
        (True, None, ["irqbalance"], False),
        (True, None, ["irqbalance", "tuned"], True),
        (False, None, ["irqbalance"], True),
        (True, "it does not answer", ["irqbalance"], True),
    ],
)
def test_an_irqbalance_that_leaves_all_alone_is_no_rival(
    status: dict[str, Any], told: bool, trouble: str | None, rivals: list[str], is_rival: bool
) -> None:
    balancing = {"pid": 812, "told": told, "cpus": "2", "irqs": 1, "trouble": trouble}
    lines = render_status(status | {"rivals": rivals, "advice": "stop it", "irqbalance": balancing}).splitlines()
    assert any(line.startswith("rivals ") for line in lines) is is_rival
    quiet = "irqbalance    812 leaves alone: CPU 2 and 1 interrupt of guests"
    assert (quiet in lines) is (told and trouble is None)
    assert any(
        line.startswith("rivals ") for line in render_status(status | {"rivals": rivals, "advice": "x"}).split("\n")
    )


def test_each_hold_has_a_line_without_the_day_where_it_ends_today(status: dict[str, Any]) -> None:
    hold = {"id": 3, "guest": None, "device": None, "since": "", "until": "2026-11-20T14:00:00Z", "everything": False}
    hold["reason"] = "change \x1b[31m4711"
    others = [hold | {"id": 4, "guest": GUEST, "until": "2026-11-21T14:00:00Z"}, hold | {"id": 5, "device": VF1}]
    others[1]["everything"] = True
    text = render_status(status | {"updated": "2026-11-20T12:00:00Z", "holds": [hold, *others]})
    assert [line for line in text.splitlines() if line.startswith("hold ")] == [
        "hold          held until 14:00 UTC: change \\x1b[31m4711 (hold 3)",
        f"hold          guest instance-3 {GUEST} is held until 2026-11-21 14:00 UTC: change \\x1b[31m4711 (hold 4)",
        f"hold          device {VF1} is held, new interrupts too, until 14:00 UTC: change \\x1b[31m4711 (hold 5)",
    ]
