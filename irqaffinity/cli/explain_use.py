# SPDX-License-Identifier: Apache-2.0
"""Explains who has an SR-IOV function that no active guest has."""

from collections.abc import Iterator

from irqaffinity.cli.session import Session
from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.netlink import Link, open_netlink
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import device_folder, physical_function
from irqaffinity.plan.declared import name_use
from irqaffinity.report.explain import Rule
from irqaffinity.sriov.claimants import read_claimants
from irqaffinity.sriov.uses import find_uses


def explain_use_of(address: PciAddress, session: Session) -> Iterator[Rule]:
    """Give the rule, none for a device that neither is a virtual function nor can have some; raise OSError."""
    root = session.root
    if physical_function(root, address) is None and not root.exists(f"{device_folder(root, address)}/sriov_totalvfs"):
        return
    use = find_uses(root, read_claimants(root, session.hypervisor), _read_links(root), [address]).get(address)
    yield "used by", "nobody: it is free" if use is None else name_use(use)


def _read_links(root: HostRoot) -> dict[str, Link] | None:
    """Return the network interfaces, None where nobody tells of them."""
    netlink = open_netlink(root)
    try:
        return None if netlink is None else dict(netlink.links())
    except OSError:
        return None
