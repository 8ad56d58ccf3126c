# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity audit --once` on a real kernel: two guests, devices on both nodes, a mask on one of them."""

from tests.lab.inside import interrupts, program
from tests.lab.node import ALPHA, BETA, VECTORS, VF0, Node


def smp(node: Node) -> dict[str, str]:
    """Return where every interrupt of the machine is allowed."""
    return {number: row[0] for number, row in node.call(interrupts.all_interrupts).items()}


def test_every_vector_goes_to_its_place_nothing_else_moves_and_reset_puts_it_back(node: Node) -> None:
    before = smp(node)
    report = node.call(program.audit)
    targets = ALPHA | BETA
    assert report["exit"] == 0
    assert {device["address"]: device["target"] for device in report["devices"]} == targets
    assert report["summary"]["set"] == report["summary"]["irqs"] == sum(VECTORS[device] for device in targets)
    node.wait_placed(targets)
    ours = {number for device in targets for number in node.call(interrupts.of_device, device)}
    after = smp(node)
    assert {number: cpus for number, cpus in after.items() if number not in ours} == {
        number: cpus for number, cpus in before.items() if number not in ours
    }
    assert node.call(program.opened_to_write, "audit", "--once") == []
    again = node.call(program.audit)
    assert (again["summary"]["ok"], again["summary"]["set"]) == (len(ours), 0)
    assert node.call(program.command, "reset")["status"] == 0
    assert smp(node) == before


def test_the_installed_program_tells_what_it_would_do(node: Node) -> None:
    told = node.call(program.installed, "audit", "--once", "--dry-run", "--device", VF0)
    assert told["status"] == 2, told
    assert "would_set  the CPU of vCPU 0 on node 0" in told["out"]
    assert {row[0] for row in node.call(interrupts.of_device, VF0).values()} == {"0-3"}
