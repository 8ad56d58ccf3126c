# SPDX-License-Identifier: Apache-2.0
"""Which CPUs are kept for guests, and which do the host's work."""

import pytest

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.host import SeenGuest, Topology
from irqaffinity.plan.dedicated import survey
from irqaffinity.plan.kept import find_housekeeping, find_kept
from irqaffinity.plan.policy import Isolation, Policy
from tests.fakes.snapshots import cpus, guest_id, make_guest, make_unreadable


def test_the_dedicated_cpus_of_each_guest_are_kept_for_it() -> None:
    first, second = make_guest(1, ["2", "3"]), make_guest(2, ["3", "4-5"])
    kept = find_kept(survey([first, second], None), [SeenGuest(first), SeenGuest(second)], None)
    assert (str(kept.cpus), kept.is_whole) == ("2", True)
    assert kept.guests_on(cpus("0-7")) == (guest_id(1),)


def test_a_guest_that_nobody_has_ever_read_may_have_more() -> None:
    assert not find_kept(survey([], None), [SeenGuest(make_unreadable(1))], None).is_whole


@pytest.mark.parametrize(
    ("named", "dedicated", "isolated", "found"),
    [
        (None, None, "", ""),
        (None, "2-7", "", "0-1"),
        ("0-3", "2-7", "", "0-3"),
        ("0-3,12", None, "1", "0,2-3"),
    ],
)
def test_housekeeping_cpus_are_online_and_not_isolated(
    named: str | None, dedicated: str | None, isolated: str, found: str
) -> None:
    topology = Topology(cpus("0-7"), isolated=CpuSet.parse(isolated))
    isolation = Isolation(housekeeping_cpus=None if named is None else cpus(named))
    policy = Policy(isolation=isolation, dedicated_cpus=None if dedicated is None else cpus(dedicated))
    assert str(find_housekeeping(topology, policy)) == found
