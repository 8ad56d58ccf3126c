# SPDX-License-Identifier: Apache-2.0
"""What is left of the settings of physical and virtual functions under holds."""

from collections.abc import Iterator, Sequence

from irqaffinity.model.declared import Made, Step
from irqaffinity.model.guest import GuestId
from irqaffinity.model.hold import Hold
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import PhysicalFunction
from irqaffinity.plan.hold import find_hold, name_hold


def hold_setting(step: Step, holds: Sequence[Hold], pf: PhysicalFunction | None) -> Step:
    """Return a step of this physical function, `held` where a hold covers what it would change."""
    if step.made is not Made.WOULD_SET or pf is None or not holds:
        return step
    for guest, device in _touched(step, pf):
        hold = find_hold(holds, guest, device)
        if hold is not None:
            return step.became(Made.HELD, name_hold(hold))
    return step


def _touched(step: Step, pf: PhysicalFunction) -> Iterator[tuple[GuestId | None, PciAddress]]:
    """Give the devices that a step touches, each with the guest that has it; a count touches all."""
    yield None, pf.address
    for vf in pf.vfs:
        if step.vf is None or step.vf == vf.index:
            yield None if vf.use is None else vf.use.guest, vf.address
