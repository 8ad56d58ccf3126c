# SPDX-License-Identifier: Apache-2.0
"""Whether the guests of a host need Nova's notifications."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from irqaffinity.agent.need import KEEP_EVERY, Need, have_specs
from irqaffinity.model.guest import Guest, GuestId, UnreadableGuest, parse_guest_id
from irqaffinity.model.host import SeenGuest
from irqaffinity.model.proof import LONGEST_GAP, Proof
from irqaffinity.observe.guests import Seen

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
A, B, C = (parse_guest_id(digit * 32) for digit in "abc")
FOREIGN = Guest(A, "virsh", 2, {})
"""A domain that somebody made without Nova."""

OLD = replace(FOREIGN, name="instance-1", flavor="nfv", display_name="vnf")
NEW = replace(OLD, extra_specs={})


def seen(**guests: Guest | UnreadableGuest | None) -> Seen:
    uuids = {"a": A, "b": B, "c": C}
    return {uuids[name]: SeenGuest(guest) for name, guest in guests.items() if guest is not None}


def unreadable(known: Guest | None) -> UnreadableGuest:
    return UnreadableGuest(GuestId(A), "instance-1", "no XML", known)


@pytest.mark.parametrize(
    ("guests", "found"),
    [
        (seen(), None),
        (seen(a=FOREIGN), None),
        (seen(a=NEW), True),
        (seen(a=NEW, b=FOREIGN), True),
        (seen(a=replace(FOREIGN, extra_specs={"hw:x": "y"})), True),
        (seen(a=OLD), False),
        (seen(a=NEW, b=OLD, c=NEW), False),
        (seen(a=replace(FOREIGN, display_name="vnf")), False),
        (seen(a=replace(FOREIGN, image_properties={})), False),
        (seen(a=NEW, b=unreadable(None)), None),
        (seen(a=NEW, b=unreadable(NEW)), None),
        (seen(a=NEW, b=unreadable(OLD)), False),
        (seen(a=unreadable(None), b=OLD), False),
    ],
)
def test_what_guests_tell(guests: Seen, found: bool | None) -> None:
    assert have_specs(guests) is found


class Host:
    """A host whose guests and clock the test moves, and what its agent stored."""

    def __init__(self) -> None:
        self.now = NOON
        self.stored: Proof | None = None
        self.times = 0
        self.need = self.begin()

    def begin(self) -> Need:
        """Start the agent anew."""
        self.need = Need(self.stored, self._keep, lambda: self.now)
        return self.need

    def _keep(self, proof: Proof) -> None:
        self.stored, self.times = proof, self.times + 1

    def live(self, guests: Seen, time: timedelta, step: timedelta = 10 * MINUTE) -> None:
        """Let time pass, with these guests."""
        end = self.now + time
        self.need.look(guests)
        while self.now < end:
            self.now = min(self.now + step, end)
            self.need.look(guests)


@pytest.fixture
def host() -> Host:
    return Host()


def test_nobody_needs_them_after_days_of_guests_with_specs_alone(host: Host) -> None:
    host.live(seen(a=NEW, b=FOREIGN), 7 * DAY - MINUTE)
    assert not host.need.is_over(7)
    host.live(seen(a=NEW), MINUTE)
    assert host.need.is_over(7)
    assert not host.need.is_over(8)


def test_the_first_guest_without_ends_it_at_once_and_the_count_begins_anew(host: Host) -> None:
    host.live(seen(a=NEW), 8 * DAY)
    host.need.look(seen(a=NEW, b=OLD))
    assert not host.need.is_over(7)
    assert host.stored == Proof(host.now, host.now)
    host.live(seen(a=NEW), 6 * DAY)
    assert not host.need.is_over(7)
    host.live(seen(a=NEW), DAY)
    assert host.need.is_over(7)


def test_a_host_without_guests_proves_nothing_and_forgets_nothing(host: Host) -> None:
    host.live(seen(), 30 * DAY)
    assert not host.need.is_over(0)
    host.live(seen(a=NEW), 4 * DAY)
    host.live(seen(), 30 * DAY)
    host.live(seen(b=NEW), 3 * DAY - MINUTE)
    assert not host.need.is_over(7)
    host.live(seen(b=NEW), MINUTE)
    assert host.need.is_over(7)
    host.live(seen(), 30 * DAY)
    assert host.need.is_over(7)


def test_a_guest_that_cannot_be_read_proves_nothing(host: Host) -> None:
    host.live(seen(a=NEW), 4 * DAY)
    host.live(seen(a=NEW, b=unreadable(None)), 30 * DAY)
    assert not host.need.is_over(7)


def test_the_count_goes_on_after_a_restart_and_is_over_before_libvirt_has_answered(host: Host) -> None:
    host.live(seen(a=NEW), 4 * DAY)
    host.begin()
    host.live(seen(a=NEW), 3 * DAY)
    assert host.need.is_over(7)
    assert host.begin().is_over(7)
    host.now += 30 * DAY
    assert host.begin().is_over(7)
    host.begin().look(seen(a=OLD))
    assert not host.need.is_over(7)
    assert not host.begin().is_over(7)


def test_days_in_which_no_agent_looked_do_not_count(host: Host) -> None:
    host.live(seen(a=NEW), 4 * DAY)
    host.now += 30 * DAY
    host.begin()
    host.live(seen(a=NEW), 2 * DAY)
    assert not host.need.is_over(7)


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("back", [timedelta(seconds=1), 20 * 365 * DAY])
def test_a_clock_that_is_set_back_brings_nobody_back(host: Host, restarts: bool, back: timedelta) -> None:
    """A second is what a time server may take away on all hosts at once."""
    host.live(seen(a=NEW), 7 * DAY)
    host.now -= back
    if restarts:
        host.begin()
    host.need.look(seen(a=NEW))
    assert host.need.is_over(7)
    assert host.stored == Proof(host.now - 7 * DAY, host.now)
    host.live(seen(a=NEW), DAY)
    assert host.need.is_over(8)
    host.need.look(seen(a=OLD))
    assert not host.need.is_over(1)


def test_the_count_is_stored_seldom(host: Host) -> None:
    assert KEEP_EVERY < LONGEST_GAP
    host.live(seen(a=OLD), DAY, step=MINUTE)
    assert host.times <= 1 + DAY / KEEP_EVERY
    before = host.times
    host.live(seen(a=NEW), DAY, step=MINUTE)
    assert host.times - before <= 2 + DAY / KEEP_EVERY
