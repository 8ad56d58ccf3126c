# SPDX-License-Identifier: Apache-2.0
"""What irqbalance is told: the union with its own bans, as much as it keeps, and nothing when nothing changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irqaffinity.model.balance import Bans
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.isolation import Told
from irqaffinity.plan.balance import ROOMS, Order, confirm, decide, find_own, give_back, note

ONLINE = CpuSet(range(16))
NOTHING = Bans()


def bans(cpus: str, *irqs: int) -> Bans:
    """Return bans as they are written."""
    return Bans(CpuSet.parse(cpus), irqs)


@pytest.mark.parametrize(
    ("wish", "own", "has", "cpus", "irqs"),
    [
        (bans("2-15", 30, 31), NOTHING, NOTHING, "2-15", "30 31"),
        (bans("2-15", 30, 31), NOTHING, bans("2-15", 30, 31), None, None),
        (bans("4-7", 31), bans("8-9", 5), bans("8-9", 5), "4-9", "5 31"),
        (bans("4-7", 31), bans("8-9", 5), bans("4-9", 5), None, "5 31"),
        (bans("4-7", 5), bans("4-9", 5, 6), bans("4-9", 5, 6), None, None),
        (NOTHING, NOTHING, bans("4-7", 31), "NULL", "NONE"),
        (NOTHING, bans("8-9", 5), bans("4-9", 5, 31), "8-9", "5"),
        (bans("4", 9), bans("", 0, 7), bans("", 0, 7), "4", "0 7 9"),
        (bans("4", 0, 9), bans("", 7), bans("", 7), "4", "0 7 9"),
    ],
    ids=[
        "first",
        "told",
        "beside its own",
        "cpus told",
        "has it anyway",
        "back",
        "back to its own",
        "its own 0",
        "0 first",
    ],
)
def test_what_is_sent(wish: Bans, own: Bans, has: Bans, cpus: str | None, irqs: str | None) -> None:
    order = decide(wish, own, has, ONLINE, ROOMS[0])
    assert (order.cpus, order.irqs, order.trouble) == (cpus, irqs, None)
    assert order.is_empty == (cpus is None and irqs is None)


def test_it_is_never_left_without_a_cpu() -> None:
    order = decide(bans("2-15", 30), bans("0-1"), bans("0-1"), ONLINE, ROOMS[0])
    assert (order.cpus, order.irqs, order.goal) == (None, "30", bans("0-1", 30))
    assert order.trouble == "it is not told the CPUs of guests, because no other CPU is online"


def test_a_list_that_is_too_long_has_its_own_interrupts_first_and_whole_numbers() -> None:
    wish = Bans(CpuSet([3]), tuple(range(1000, 1300)))
    order = decide(wish, bans("", 2000, 2001), bans("", 2000, 2001), ONLINE, 255)
    assert order.irqs is not None
    assert order.irqs.startswith("2000 2001 1000 1001 ")
    assert len(order.irqs) <= 255
    assert len(order.goal.irqs) == 51
    assert order.trouble is not None
    assert order.trouble.startswith("it keeps only 51 of 302 interrupts")
    assert "--banmod=vfio" in order.trouble


def test_a_list_of_cpus_that_is_too_long_is_not_sent_at_all() -> None:
    wish = Bans(CpuSet(range(0, 400, 2)), (30,))
    order = decide(wish, NOTHING, NOTHING, CpuSet(range(400)), 480)
    assert (order.cpus, order.irqs) == (None, "30")
    assert (
        order.trouble
        == f"it is not told the CPUs of guests, because it cuts a list of {len(str(wish.cpus))} characters"
    )


numbers = st.sets(st.integers(1, 40), max_size=12).map(lambda found: tuple(sorted(found)))
cpu_sets = st.sets(st.integers(0, 15), max_size=10).map(CpuSet)
any_bans = st.builds(Bans, cpu_sets, numbers)


@given(own=any_bans, wishes=st.lists(any_bans, max_size=4), killed=st.integers(0, 8))
def test_what_it_had_comes_back_wherever_the_program_is_killed(own: Bans, wishes: list[Bans], killed: int) -> None:
    """Steps are: the state is stored, the order sent and kept by a scan, the state confirmed; or no step at all."""
    told, has, step = None, own, 0
    for wish in wishes:
        order = decide(wish, find_own(told, has), has, ONLINE, ROOMS[0])
        new = note(told, own, order), order.goal, confirm(own, order)
        for what in range(3):
            if step == killed:
                break
            told, has = (new[0], has) if what == 0 else (told, new[1]) if what == 1 else (new[2], has)
            step += 1
    assert find_own(told, has) == own
    back = decide(NOTHING, find_own(told, has), has, ONLINE, ROOMS[0])
    assert back.goal == own
    assert decide(NOTHING, own, back.goal, ONLINE, ROOMS[0]).is_empty


def test_what_somebody_else_bans_meanwhile_is_kept_and_what_they_allow_is_allowed() -> None:
    told = Told(CpuSet([0, 1]), (5, 6), CpuSet(range(8)), (5, 6, 30))
    assert find_own(told, bans("1-9", 6, 30, 44)) == bans("1,8-9", 6, 44)


@pytest.mark.parametrize(
    ("told", "cpus", "irqs"),
    [
        (Told(None, (), CpuSet([3]), (30,)), "NULL", "NONE"),
        (Told(CpuSet([8, 9]), (5, 6), CpuSet([3, 8, 9]), (5, 6, 30)), "8-9", "5 6"),
    ],
)
def test_it_is_given_back_what_it_had(told: Told, cpus: str, irqs: str) -> None:
    assert give_back(told) == Order(Bans(told.cpus_before or CpuSet(), told.irqs_before), cpus, irqs)
