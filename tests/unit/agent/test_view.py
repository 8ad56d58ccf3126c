# SPDX-License-Identifier: Apache-2.0
"""What the agent shows of its passes."""

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from irqaffinity.agent.view import View
from irqaffinity.model.guest import GuestId
from irqaffinity.model.host import MsiSource
from irqaffinity.observe.moment import read_moment
from irqaffinity.passes.holds import add_hold, lift_holds
from irqaffinity.passes.made import Pass
from irqaffinity.plan.policy import Scope
from irqaffinity.report.outcome import Part
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene

MOMENT = datetime(2026, 11, 20, 12, 0, 0, tzinfo=timezone.utc)


class Viewed:
    """Two guests, their passes, and what is shown of these."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.view = View("cmp-12")
        scene.add_guest(VF0)
        scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))

    def audit(self, seconds: float = 1.5) -> Pass:
        made = replace(self.scene.auditor.audit(), time=MOMENT)
        self.view.saw(made, seconds, is_full=True)
        return made

    def look(self, uuid: str = GUEST) -> Pass:
        made = self.scene.auditor.audit_guest(GuestId(uuid))
        self.view.saw(made, 0.1, is_full=False)
        return made

    @property
    def error(self) -> object:
        return self.view.describe()["last_audit"]["error"]

    @property
    def guests(self) -> list[str]:
        return [guest.uuid for guest in self.view.outcome.guests]


@pytest.fixture
def viewed(scene: Scene) -> Viewed:
    return Viewed(scene)


def test_before_the_first_pass_there_is_nothing(viewed: Viewed) -> None:
    shown = viewed.view.describe()
    assert shown["last_audit"] == {"time": None, "seconds": 0.0, "error": None}
    assert shown["host_facts"] == {"posted_interrupts": False, "msi_source": "poll"}
    assert shown["placement"]["summary"]["guests"] == 0
    assert (viewed.view.version, viewed.view.rivals, viewed.view.last_audit) == (0, (), None)
    assert viewed.view.outcome.host == "cmp-12"


def test_a_full_pass_is_shown_whole_with_its_time(viewed: Viewed) -> None:
    made = viewed.audit(1.23456789)
    shown = viewed.view.describe()
    assert shown["last_audit"] == {"time": "2026-11-20T12:00:00Z", "seconds": 1.234568, "error": None}
    assert viewed.view.last_audit == MOMENT
    assert viewed.view.outcome == replace(made.outcome, host="cmp-12")
    assert shown["placement"]["summary"]["set"] == 4


def test_a_look_replaces_what_is_shown_of_its_guest_alone(viewed: Viewed) -> None:
    viewed.audit()
    viewed.look()
    assert viewed.guests == [GUEST, OTHER]
    assert [result.verdict.value for result in viewed.view.outcome.results] == ["ok", "ok", "set", "set"]
    assert viewed.view.describe()["last_audit"]["time"] == "2026-11-20T12:00:00Z"
    assert viewed.view.describe()["last_audit"]["seconds"] == 1.5


def test_the_time_and_the_facts_are_those_of_the_last_pass(viewed: Viewed) -> None:
    viewed.audit()
    viewed.scene.auditor.learn_from(MsiSource.TRACE)
    made = viewed.look()
    assert viewed.view.outcome.time == made.time != MOMENT
    assert viewed.view.describe()["host_facts"]["msi_source"] == "trace"


def test_what_a_full_pass_no_longer_has_is_no_longer_shown(viewed: Viewed) -> None:
    viewed.audit()
    viewed.scene.host.put(viewed.scene.host.proc / "irq/40/smp_affinity_list", "5")
    del viewed.scene.domains[0]
    viewed.audit()
    assert (viewed.guests, [str(device.address) for device in viewed.view.outcome.devices]) == ([OTHER], [VF0, VF1])
    viewed.audit()
    assert (viewed.guests, [str(device.address) for device in viewed.view.outcome.devices]) == ([OTHER], [VF1])


def test_a_guest_that_a_look_finds_gone_is_shown_while_something_is_given_back(viewed: Viewed) -> None:
    viewed.audit()
    del viewed.scene.domains[0]
    viewed.look()
    assert len(viewed.view.outcome.results) == 4
    viewed.look()
    assert len(viewed.view.outcome.results) == 2


def test_a_guest_of_which_nothing_is_to_be_said_is_not_kept(viewed: Viewed) -> None:
    made = replace(viewed.audit(), parts={GuestId(GUEST): Part(None, (), ())})
    viewed.view.saw(made, 0.1, is_full=True)
    assert viewed.view._parts == {}
    viewed.view.saw(made, 0.1, is_full=False)
    assert viewed.view._parts == {}


def test_it_is_put_together_once_while_nothing_comes(viewed: Viewed) -> None:
    viewed.audit()
    outcome = viewed.view.outcome
    assert viewed.view.outcome is outcome
    viewed.look()
    assert viewed.view.outcome is not outcome


def test_what_is_shown_is_not_changed_by_the_passes_that_follow(viewed: Viewed) -> None:
    made = viewed.audit()
    before = dict(made.parts)
    viewed.look()
    assert made.parts == before


def test_full_passes_writes_and_failures_are_news(viewed: Viewed) -> None:
    versions = []
    for happen in (
        viewed.audit,
        viewed.audit,
        viewed.look,
        lambda: viewed.scene.host.put(viewed.scene.host.proc / "irq/40/smp_affinity_list", "5"),
        viewed.look,
        lambda: viewed.view.audit_failed("libvirt is away"),
        lambda: viewed.view.fail("the state"),
    ):
        happen()
        versions.append(viewed.view.version)
    assert versions == [1, 2, 2, 2, 3, 4, 5]


def test_why_no_full_pass_could_be_made_is_shown_until_one_is(viewed: Viewed) -> None:
    viewed.audit()
    viewed.view.audit_failed("libvirt is away")
    viewed.look()
    assert viewed.error == "libvirt is away"
    viewed.view.fail("the state is full")
    assert viewed.error == "libvirt is away"
    viewed.audit()
    assert viewed.error is None


def test_why_a_pass_could_not_be_made_is_shown_until_one_is(viewed: Viewed) -> None:
    viewed.audit()
    viewed.view.fail("the state is full")
    assert viewed.error == "the state is full"
    viewed.look()
    assert viewed.error is None


def test_a_narrowed_pass_shows_the_guest_of_its_scope(viewed: Viewed) -> None:
    viewed.view.saw(viewed.scene.auditor.audit(Scope(guest=GuestId(OTHER))), 0.1, is_full=False)
    assert viewed.guests == [OTHER]


def test_the_holds_of_the_last_pass_are_shown_and_their_coming_and_going_is_news(viewed: Viewed) -> None:
    viewed.audit()
    assert viewed.view.describe()["holds"] == []
    moment = read_moment(viewed.scene.host.root)
    until = datetime(2098, 1, 1, tzinfo=timezone.utc)
    hold = add_hold(viewed.scene.store, moment, until, "change", guest=GuestId(GUEST))
    version = viewed.view.version
    viewed.look(GUEST)
    assert viewed.view.version == version + 1
    (row,) = viewed.view.describe()["holds"]
    assert (row["id"], row["guest"], row["until"]) == (hold.id, GUEST, "2098-01-01T00:00:00Z")
    viewed.look(GUEST)
    assert viewed.view.version == version + 1
    lift_holds(viewed.scene.store, moment, lambda _hold: True)
    viewed.look(GUEST)
    assert (viewed.view.version, viewed.view.describe()["holds"]) == (version + 2, [])
