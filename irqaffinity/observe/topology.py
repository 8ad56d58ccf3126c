# SPDX-License-Identifier: Apache-2.0
"""Reads which CPUs are online, the NUMA nodes, and what holds for the whole host."""

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.host import HostFacts, Topology
from irqaffinity.observe.root import HostRoot, HostUnreadable

_YES = frozenset({"Y", "1"})
_VTD_POSTED = 59
"""Bit PI of VT-d's capability register (Intel Virtualization Technology for Directed I/O, section 11.4.2)."""
_AMD_GUEST_APIC = 7
"""Bit GASup of the IOMMU's extended feature register (AMD I/O Virtualization Technology, MMIO offset 0030h)."""


def read_topology(root: HostRoot) -> Topology:
    """Return the CPUs that are online and those of each NUMA node; raise HostUnreadable."""
    online = _read_cpus(root, f"{root.sys}/devices/system/cpu/online")
    folder = f"{root.sys}/devices/system/node"
    nodes = {}
    for name in root.list_if_there(folder):
        if name.startswith("node") and name[4:].isascii() and name[4:].isdecimal():
            nodes[int(name[4:])] = _read_cpus(root, f"{folder}/{name}/cpulist")
    return Topology(online, nodes)


def _read_cpus(root: HostRoot, path: str) -> CpuSet:
    try:
        return CpuSet.parse(root.read(path))
    except (OSError, ValueError) as error:
        raise HostUnreadable(
            f"{path} cannot be read ({error}): point --sys or [host] sys at the sysfs of the host"
        ) from error


def read_facts(root: HostRoot) -> HostFacts:
    """Tell whether this host can post interrupts straight to vCPUs: VT-d with APICv, or AMD's IOMMU with AVIC."""
    if root.read_if_there(f"{root.sys}/module/kvm/parameters/enable_device_posted_irqs") == "N":
        return HostFacts(posted_interrupts=False)
    intel = _is_on(root, "kvm_intel", "enable_apicv") and _any_iommu(root, "dmar", "intel-iommu/cap", _VTD_POSTED)
    amd = _is_on(root, "kvm_amd", "avic") and _any_iommu(root, "ivhd", "amd-iommu/features", _AMD_GUEST_APIC)
    return HostFacts(posted_interrupts=intel or amd)


def _is_on(root: HostRoot, module: str, parameter: str) -> bool:
    return root.read_if_there(f"{root.sys}/module/{module}/parameters/{parameter}") in _YES


def _any_iommu(root: HostRoot, prefix: str, register: str, bit: int) -> bool:
    folder = f"{root.sys}/class/iommu"
    values = (
        root.read_if_there(f"{folder}/{name}/{register}")
        for name in root.list_if_there(folder)
        if name.startswith(prefix)
    )
    return any(_hex(value) >> bit & 1 for value in values)


def _hex(text: str | None) -> int:
    """Return the first word of a register's text; AMD prints two of them, divided by a colon."""
    try:
        return int((text or "0").split(":")[0], 16)
    except ValueError:
        return 0
