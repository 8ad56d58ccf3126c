# SPDX-License-Identifier: Apache-2.0
"""How many interrupt vectors are free, and where there is room for one more."""

import pytest

from irqaffinity.model.host import Topology
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.isolation import Headroom, VectorUse
from irqaffinity.plan.headroom import Room, Shortage, count_vectors, find_headroom, find_shortages
from tests.fakes.snapshots import cpus


def interrupt(smp: str | None, effective: str | None, *, writable: bool = True, action: str = "eth0") -> Interrupt:
    both = (None if text is None else cpus(text) for text in (smp, effective))
    return Interrupt(40, *both, writable, action)


@pytest.mark.parametrize(
    ("each", "takes"),
    [
        (interrupt("0-3", "2"), "2"),
        (interrupt("0-3", ""), ""),
        (interrupt("0-3", None), ""),
        (interrupt("2", None), "2"),
        (interrupt(None, None), ""),
        (interrupt("0-3", "2", writable=False), "0-3"),
        (interrupt("0-3", "2", writable=False, action="vfio-msix[0](0000:41:00.1)"), "2"),
        (interrupt("1-9", "1", writable=False), "1-3"),
        (interrupt("8-9", "9"), ""),
    ],
)
def test_an_interrupt_takes_a_vector_where_it_is_served_and_a_managed_one_wherever_it_may_be(
    each: Interrupt, takes: str
) -> None:
    use = count_vectors(cpus("0-3"), [each], 202)
    assert use.used == {cpu: int(cpu in cpus(takes)) for cpu in range(4)}
    assert (use.capacity, use.is_exact) == (dict.fromkeys(range(4), 202), False)


def test_the_fullest_cpu_of_each_node_is_told_and_last_that_of_the_others() -> None:
    topology = Topology(cpus("0-6"), {1: cpus("2-3"), 0: cpus("0-1"), 2: cpus("6-7"), 3: cpus("")})
    use = VectorUse({0: 5, 1: 9, 2: 7, 3: 7, 4: 1, 5: 300, 7: 100}, dict.fromkeys([*range(6), 7], 100), True)
    assert find_headroom(topology, use) == (
        Headroom(0, 1, 91, 100, True),
        Headroom(1, 2, 93, 100, True),
        Headroom(None, 5, 0, 100, True),
    )


def test_without_a_limit_there_is_no_headroom_to_tell() -> None:
    assert find_headroom(Topology(cpus("0-3"), {0: cpus("0-3")}), VectorUse()) == ()
    assert find_shortages(VectorUse(), [cpus("0-3")]) == ()


def test_a_target_is_short_when_less_than_a_tenth_of_all_its_vectors_is_free() -> None:
    use = VectorUse({0: 100, 1: 80, 2: 95, 3: 86}, dict.fromkeys(range(4), 100))
    targets = [cpus("0-1"), cpus("2-3"), cpus("0"), cpus("1,9"), cpus("0,9"), cpus("9"), cpus("0")]
    assert find_shortages(use, targets) == (
        Shortage(cpus("2-3"), 19, 200, False),
        Shortage(cpus("0"), 0, 100, False),
        Shortage(cpus("0,9"), 0, 100, False),
    )
    assert find_shortages(use._replace(used={0: 90}), [cpus("0")]) == ()
    assert find_shortages(use._replace(used={0: 91}), [cpus("0")]) == (Shortage(cpus("0"), 9, 100, False),)


def test_half_of_a_cpu_is_the_most_that_it_gets() -> None:
    room = Room(cpus("0-1"), VectorUse({0: 2, 1: 4}, {0: 10, 1: 10}))
    taken = [room.take(cpus("0-1"), cpus("7")) for _ in range(5)]
    assert taken == [True, True, True, True, False]
    assert not room.take(cpus("1"), None)


def test_what_is_served_within_its_new_affinity_moves_nowhere_and_always_has_room() -> None:
    full = Room(cpus("0-1"), VectorUse({0: 9, 1: 9}, {0: 10, 1: 10}))
    assert full.take(cpus("0-1"), cpus("1"))
    assert not full.take(cpus("0-1"), cpus("1-2"))
    assert not full.take(cpus("0-1"), cpus(""))


def test_cpus_whose_vectors_are_not_known_have_room() -> None:
    assert Room(cpus("0-1"), VectorUse()).take(cpus("0"), cpus("1"))
    assert Room(cpus("0-1"), VectorUse({5: 9}, {5: 10})).take(cpus("5"), cpus("1"))
