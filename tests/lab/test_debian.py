# SPDX-License-Identifier: Apache-2.0
"""A guest with Debian's kernel and drivers: it uses its devices, and gives them back when it is asked."""

from tests.lab.inside import guests, interrupts, program
from tests.lab.node import NIC0, VF0, Node

PLACES = {VF0: "1", NIC0: "1"}


def test_its_interrupts_arrive_on_the_target_and_nowhere_else(debian: Node) -> None:
    born = {device: len(debian.call(interrupts.numbers_of, device)) for device in PLACES}
    assert born[VF0] == 2, "one for the administration and one for the one processor"
    debian.wait_placed(PLACES, born)
    before = debian.call(interrupts.counts_of, VF0)
    after = debian.call(interrupts.wait_for_more, VF0, before)
    grown = {
        cpu
        for number, counts in after.items()
        for cpu, (old, new) in enumerate(zip(before[number], counts, strict=True))
        if new > old
    }
    assert grown == {1}


def test_a_suspend_as_nova_does_it_ends_with_every_interrupt_in_its_place(debian: Node) -> None:
    debian.call(guests.detach, "debian", NIC0)
    debian.call(guests.detach, "debian", VF0)
    debian.call(interrupts.wait_gone, [VF0, NIC0])
    debian.call(guests.save_and_restore, "debian")
    debian.call(guests.attach, "debian", VF0)
    debian.wait_placed({VF0: "1"})
    assert debian.call(program.wait_settled)["placement"]["summary"]["failed"] == 0
