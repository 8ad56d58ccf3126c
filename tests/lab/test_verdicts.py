# SPDX-License-Identifier: Apache-2.0
"""Interrupts that are not like the others: the kernel's own, a shared line, and those of no device."""

from tests.lab.inside import guests, host, interrupts, program
from tests.lab.node import NIC0, NIC1, Node

PF = host.PFS[0]


def verdicts(report: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {str(irq["irq"]): irq["verdict"] for irq in report["irqs"]}


def test_the_queues_of_the_hosts_own_controller_are_the_kernels_and_are_tried_once(node: Node) -> None:
    uri = node.call(guests.on_paper, "claims-a-controller", [2], [PF])
    admin, *queues = node.call(interrupts.numbers_of, PF)
    before = {number: row[0] for number, row in node.call(interrupts.of_device, PF).items()}
    first = node.call(program.audit, "--libvirt-uri", uri)
    assert verdicts(first) == {admin: "set"} | dict.fromkeys(queues, "managed")
    assert first["exit"] == 0, "the kernel's own interrupts are no failure"
    opened = node.call(program.opened_to_write, "audit", "--once", "--libvirt-uri", uri)
    assert opened == [], "what is managed is remembered, what is in place is left"
    assert node.call(program.command, "reset")["status"] == 0
    after = {number: row[0] for number, row in node.call(interrupts.of_device, PF).items()}
    assert after == before, "on which of these CPUs it arrives is for the kernel to say"


def test_a_line_that_two_devices_share_is_left_alone_and_one_of_ones_own_is_placed(node: Node) -> None:
    node.call(guests.attach, "beta", NIC1)
    node.call(guests.tell, "alpha", "d")
    node.call(guests.tell, "beta", "d")
    report = node.call(program.audit)
    reasons = {device["address"]: device["reason"] for device in report["devices"]}
    lines = {device: node.call(interrupts.line_of, device) for device in (NIC0, NIC1)}
    if lines[NIC0] == lines[NIC1]:
        assert (reasons[NIC0], reasons[NIC1]) == ("shared_intx", "shared_intx")
    else:
        assert verdicts(report)[lines[NIC0]] in ("set", "pending")
    node.call(guests.pull_out, "beta", NIC1)
    node.call(interrupts.wait_gone, [NIC1])


def test_the_interrupt_of_the_iommu_is_nobodys(node: Node) -> None:
    number = node.call(interrupts.number_named, "dmar0")
    before = node.call(interrupts.row, number)
    node.call(program.audit)
    told = node.call(program.command, "explain", number)
    assert node.call(interrupts.row, number) == before
    assert "of no PCI device (dmar0)" in told["out"], told
