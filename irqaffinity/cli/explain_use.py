# SPDX-License-Identifier: Apache-2.0
"""Explains who has an SR-IOV function that no active guest has."""

from collections.abc import Iterator

from irqaffinity.cli.session import Session
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, PhysicalFunction, Use, UseKind
from irqaffinity.observe.sysfs import device_folder, physical_function
from irqaffinity.plan.declared import name_use
from irqaffinity.report.explain import Rule
from irqaffinity.sriov.look import look_at_functions


def explain_use_of(address: PciAddress, session: Session) -> Iterator[Rule]:
    """Give the rule, none for a device that neither is a virtual function nor can have some; raise OSError.

    It is what `irqaffinity sriov` tells, which looks at all functions: some have their users together.
    """
    root = session.root
    parent = physical_function(root, address)
    if parent is None and not root.exists(f"{device_folder(root, address)}/sriov_totalvfs"):
        return
    inventory, _claimants = look_at_functions(root, session.hypervisor, ())
    functions: dict[PciAddress, PhysicalFunction | Function] = {pf.address: pf for pf in inventory.pfs}
    functions |= {vf.address: vf for pf in inventory.pfs for vf in pf.vfs}
    found = functions.get(address)
    if found is not None:
        yield "used by", "nobody: it is free" if found.use is None else name_use(found.use)
    elif parent is not None:
        listed = functions.get(parent)
        why = f"{parent} does not list it" if listed is None or listed.trouble is None else listed.trouble
        yield "used by", name_use(Use(UseKind.UNKNOWN, message=why))
