# SPDX-License-Identifier: Apache-2.0
"""CPUs that go offline under a guest, and come back."""

from collections.abc import Iterator

import pytest

from tests.lab.inside import host, interrupts, program
from tests.lab.node import ALPHA, BETA, NIC0, VF0, VF2, Node


@pytest.fixture
def offline(agent: Node) -> Iterator[Node]:
    """The agent at work, and every CPU online again at the end."""
    yield agent
    for cpu in range(1, 8):
        agent.call(host.set_online, cpu, True)


def test_a_target_that_goes_offline_moves_to_the_other_node_and_comes_back(offline: Node) -> None:
    offline.call(host.set_online, 1, False)
    offline.wait_placed({VF0: "5", NIC0: "5", VF2: "5"} | BETA)
    report = offline.call(program.audit, "--dry-run")
    reasons = {device["address"]: device["reason"] for device in report["devices"]}
    assert (reasons[VF0], reasons[VF2]) == ("remote_node", None)
    offline.call(host.set_online, 1, True)
    offline.wait_placed(ALPHA | BETA)


def test_interrupts_whose_every_cpu_is_offline_are_left_until_one_returns(offline: Node) -> None:
    for cpu in (1, 5):
        offline.call(host.set_online, cpu, False)
    offline.call(program.wake_agent)
    report = offline.call(program.audit, "--dry-run")
    assert {row["address"]: row["reason"] for row in report["devices"] if row["address"] in ALPHA} == dict.fromkeys(
        ALPHA, "no_online_cpu"
    )
    left = offline.call(interrupts.of_device, VF0)
    offline.call(program.wake_agent)
    assert offline.call(interrupts.of_device, VF0) == left
    for cpu in (1, 5):
        offline.call(host.set_online, cpu, True)
    offline.wait_placed(ALPHA | BETA)
