# SPDX-License-Identifier: Apache-2.0
"""A host as a tree of files, laid out as /proc and /sys are."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.root import HostRoot


class HostTree:
    """The files of one host below `folder`: add to them what the host is to have."""

    def __init__(self, folder: Path, nodes: Mapping[int, str], online: str) -> None:
        """Make a host with these NUMA nodes (number to CPU list, may be empty) and online CPUs."""
        self.proc = folder / "proc"
        self.sys = folder / "sys"
        self._pci = self.sys / "devices/pci0000:00"
        self.put(self.sys / "devices/system/cpu/online", online)
        self.put(self.proc / "irq/default_smp_affinity", "ffff")
        (self.sys / "bus/pci/devices").mkdir(parents=True)
        for node, cpus in nodes.items():
            self.put(self.sys / f"devices/system/node/node{node}/cpulist", cpus)

    def set_distances(self, distances: Mapping[int, str]) -> None:
        """Say how far each node is from all nodes, in their order: `10 21` for the first of two."""
        for node, columns in distances.items():
            self.put(self.sys / f"devices/system/node/node{node}/distance", columns)

    @property
    def root(self) -> HostRoot:
        """The tree as what a pass reads."""
        return HostRoot(str(self.proc), str(self.sys))

    @staticmethod
    def put(path: Path, text: str) -> None:
        """Write `text` and a newline to a file, and make the folders above it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")

    @staticmethod
    def link(path: Path, target: Path) -> None:
        """Make `path` a relative link to `target`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(os.path.relpath(target, path.parent))

    def add_device(
        self,
        address: str,
        node: int | None,
        driver: str | None = "vfio-pci",
        *,
        vendor: str = "0x8086",
        product: str = "0x10ed",
        parent: str | None = None,
        line: int = 0,
    ) -> Path:
        """Add a PCI function and return its folder; `parent` makes it virtual, `line` is its INTx interrupt."""
        folder = self.device_folder(address)
        facts = {"vendor": vendor, "device": product, "irq": str(line)}
        if node is not None:
            facts["numa_node"] = str(node)
        for name, text in facts.items():
            self.put(folder / name, text)
        if driver is not None:
            self.link(folder / "driver", self.sys / "bus/pci/drivers" / driver)
        if parent is not None:
            self.link(folder / "physfn", self.device_folder(parent))
        self.link(self.sys / "bus/pci/devices" / address, folder)
        return folder

    def device_folder(self, address: str) -> Path:
        """Return the real folder of a PCI function."""
        return self._pci / str(PciAddress.parse(address))

    def add_vectors(self, address: str, numbers: Sequence[int], cpus: str, effective: str | None = None) -> None:
        """Give a device MSI-X interrupts as vfio names them, all with the same affinity."""
        for index, number in enumerate(numbers):
            self.put(self.device_folder(address) / f"msi_irqs/{number}", "msix")
            self.add_interrupt(number, cpus, effective, action=f"vfio-msix[{index}]({address})", hwirq=index)

    def add_interrupt(
        self, number: int, cpus: str, effective: str | None = None, *, action: str = "", hwirq: int | None = None
    ) -> None:
        """Add an interrupt that no device lists yet; without `effective` it has no such file, as on some kernels."""
        folder = self.proc / f"irq/{number}"
        self.put(folder / "smp_affinity_list", cpus)
        if effective is not None:
            self.put(folder / "effective_affinity_list", effective)
        self.put(self.sys / f"kernel/irq/{number}/actions", action)
        if hwirq is not None:
            self.put(self.sys / f"kernel/irq/{number}/hwirq", str(hwirq))

    def add_netdev(self, name: str, address: str) -> None:
        """Add a network interface that stands on a PCI function."""
        folder = self.device_folder(address) / "net" / name
        folder.mkdir(parents=True)
        self.link(folder / "device", self.device_folder(address))
        self.link(self.sys / "class/net" / name, folder)

    def add_vdpa(self, name: str, vhost: str, address: str) -> None:
        """Add a vdpa device of a PCI function and its character device."""
        folder = self.device_folder(address) / name
        (folder / vhost).mkdir(parents=True)
        self.link(self.sys / "bus/vdpa/devices" / name, folder)

    def add_mdev(self, uuid: str, address: str) -> None:
        """Add a mediated device of a PCI function."""
        folder = self.device_folder(address) / uuid
        folder.mkdir(parents=True)
        self.link(self.sys / "bus/mdev/devices" / uuid, folder)
