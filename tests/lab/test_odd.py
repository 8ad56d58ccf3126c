# SPDX-License-Identifier: Apache-2.0
"""A machine with an unusual kernel command line: isolated CPUs, no interrupt remapping, and a locked-down kernel."""

from tests.lab.inside import guests, host, interrupts, program
from tests.lab.node import ALPHA, VF0, Node


def test_isolated_cpus_get_the_interrupts_of_the_guest_that_owns_them(odd: Node) -> None:
    odd.call(interrupts.wait_allowed, ALPHA)
    assert odd.call(host.isolated) == "1,5"


def test_a_quiet_interrupt_without_remapping_is_pending_and_no_failure(odd: Node) -> None:
    report = odd.call(program.audit)
    verdicts = {irq["verdict"] for irq in report["irqs"]}
    assert report["exit"] == 0
    assert "pending" in verdicts <= {"ok", "pending"}, verdicts
    assert {row[0] for row in odd.call(interrupts.of_device, VF0).values()} == {"1"}


def test_a_kernel_that_is_locked_down_tells_nothing_and_polling_takes_over(odd: Node) -> None:
    assert "locked down" in odd.call(program.link, "vectors")["trouble"]
    assert odd.call(program.log).count("new interrupts are polled for") == 1
    odd.call(guests.reset, "alpha")
    odd.call(interrupts.wait_allowed, ALPHA)
