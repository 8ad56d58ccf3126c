# SPDX-License-Identifier: Apache-2.0
"""The agent as a container sees the host: its interrupts and its sysfs are mounted elsewhere, and /proc is its own."""

from collections.abc import Iterator

import pytest

from tests.lab.inside import container, guests, interrupts, program
from tests.lab.node import ALPHA, BETA, Node


@pytest.fixture
def contained(node: Node) -> Iterator[Node]:
    node.call(container.make)
    yield node
    print(node.call(container.log))
    node.call(container.remove)


def test_an_agent_in_a_container_places_interrupts_and_hears_of_births(contained: Node) -> None:
    before = contained.call(interrupts.all_interrupts)
    contained.call(container.start_agent)
    contained.wait_placed(ALPHA | BETA)
    contained.call(guests.tell, "alpha", "de")
    contained.wait_placed(ALPHA | BETA)
    assert contained.call(container.status)["host_facts"]["msi_source"] == "trace"
    contained.call(container.stop_agent)
    assert contained.call(container.command, "reset")["status"] == 0
    after = contained.call(interrupts.all_interrupts)
    assert {number: row[0] for number, row in after.items()} == {number: row[0] for number, row in before.items()}
    assert not contained.call(program.has_state)
