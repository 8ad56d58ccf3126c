# SPDX-License-Identifier: Apache-2.0
"""The agent and libvirt die in the middle of things, and nothing is lost."""

from tests.lab.inside import crash, guests, host, interrupts, program
from tests.lab.node import ALPHA, BETA, VF1, VF3, Node


def test_an_agent_that_is_killed_between_two_writes_forgets_no_origin(agent: Node) -> None:
    agent.call(guests.tell, "alpha", "d")
    killed = agent.call(crash.kill_agent_amid_births, "alpha", list(ALPHA))
    agent.call(program.wait_restarted, killed)
    agent.wait_placed(ALPHA | BETA)
    agent.call(program.stop_agent)
    assert agent.call(program.command, "reset")["status"] == 0
    for device in (*ALPHA, *BETA):
        node = "0-3" if device.startswith("0000:4") else "4-7"
        assert {row[0] for row in agent.call(interrupts.of_device, device).values()} == {node}


def test_a_libvirt_that_is_restarted_is_found_again_and_its_events_too(agent: Node) -> None:
    agent.call(host.restart_libvirt)
    agent.call(program.wait_connected, "libvirt")
    agent.call(guests.pin, "beta", 0, 2)
    agent.wait_placed({VF1: "2", VF3: "7"} | ALPHA)
    agent.call(guests.pin, "beta", 0, 3)
    agent.wait_placed(BETA)


def test_both_at_once(agent: Node) -> None:
    killed = agent.call(program.kill_agent)
    agent.call(host.restart_libvirt)
    agent.call(guests.tell, "alpha", "de")
    agent.call(program.wait_restarted, killed)
    agent.wait_placed(ALPHA | BETA)
    assert agent.call(program.wait_settled)["placement"]["summary"]["failed"] == 0
