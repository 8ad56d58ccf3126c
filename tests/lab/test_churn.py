# SPDX-License-Identifier: Apache-2.0
"""Guests that let their vectors go and take them again: the kernel gives the same numbers with a fresh affinity."""

import pytest

from tests.lab.inside import guests, host, interrupts, program
from tests.lab.node import ALPHA, BETA, NIC0, NIC1, VF0, VF2, Node


@pytest.mark.parametrize(
    ("letters", "vectors"),
    [("de", {VF0: 2, VF2: 2, NIC0: 5}), ("d1", {VF0: 1, VF2: 1, NIC0: 1}), ("d3", {VF0: 2, VF2: 2, NIC0: 3})],
    ids=["as many", "fewer", "more"],
)
def test_every_vector_ends_in_its_place(agent: Node, letters: str, vectors: dict[str, int]) -> None:
    for _ in range(3):
        agent.call(guests.tell, "alpha", letters)
        agent.wait_placed(ALPHA, vectors)
    agent.wait_placed(BETA)


def test_vectors_that_are_unmasked_one_by_one_end_in_their_place(agent: Node) -> None:
    numbers = agent.call(interrupts.numbers_of, NIC0)
    drifts = agent.call(program.status_after_pass)["counters"]["drifts"]
    agent.call(guests.tell, "alpha", "dg")
    agent.wait_placed(ALPHA)
    assert set(numbers) & set(agent.call(interrupts.numbers_of, NIC0)), "the kernel gives the same numbers again"
    assert agent.call(program.status_after_pass)["counters"]["drifts"] == drifts, "a rebirth is no drift"


def test_a_driver_of_the_host_that_takes_a_number_over_keeps_its_affinity(agent: Node) -> None:
    placed = {number for device in ALPHA for number in agent.call(interrupts.numbers_of, device)}
    agent.call(guests.tell, "alpha", "d")
    agent.call(interrupts.wait_gone, list(ALPHA))
    agent.call(host.give_to_host, NIC1)
    taken = agent.call(interrupts.of_device, NIC1)
    assert placed & taken.keys(), "the host's driver got a number that the program had written"
    agent.call(program.wake_agent)
    assert agent.call(program.command, "reset", "--force")["status"] == 0
    assert agent.call(interrupts.of_device, NIC1) == taken
    agent.call(host.take_from_host)
