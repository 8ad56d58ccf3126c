# SPDX-License-Identifier: Apache-2.0
"""A host as a tree of files, laid out as /proc and /sys are."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.root import HostRoot


class HostTree:
    """The files of one host below `folder`; the methods add devices and interrupts."""

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
        """Set how far each node is from all nodes, in their order: `10 21` for the first of two."""
        for node, columns in distances.items():
            self.put(self.sys / f"devices/system/node/node{node}/distance", columns)

    @property
    def root(self) -> HostRoot:
        """The tree in the form that a pass takes."""
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

    def device_folder(self, address: str) -> Path:
        """Return the real folder of a PCI function."""
        return self._pci / str(PciAddress.parse(address))

    def driver_folder(self, driver: str) -> Path:
        """Return the folder of a driver of PCI functions."""
        return self.sys / "bus/pci/drivers" / driver

    def add_device(self, address: str, node: int) -> Path:
        """Add a virtual function that vfio-pci drives, and return its folder."""
        files = {"vendor": "0x8086", "device": "0x10ed", "irq": "0", "numa_node": str(node)}
        return self.add_function(address, files, {"driver": self.driver_folder("vfio-pci")})

    def add_function(self, address: str, files: Mapping[str, str], links: Mapping[str, Path]) -> Path:
        """Add a PCI function with these files and links, and return its folder; list it in sysfs last of all."""
        folder = self.device_folder(address)
        for name, text in files.items():
            self.put(folder / name, text)
        for name, target in links.items():
            self.link(folder / name, target)
        self.link(self.sys / "bus/pci/devices" / address, folder)
        return folder

    def add_vectors(self, address: str, numbers: Sequence[int], cpus: str) -> None:
        """Give a device MSI-X interrupts as vfio names them, all with the same affinity."""
        for index, number in enumerate(numbers):
            self.put(self.device_folder(address) / f"msi_irqs/{number}", "msix")
            self.put(self.proc / f"irq/{number}/smp_affinity_list", cpus)
            self.put(self.sys / f"kernel/irq/{number}/actions", f"vfio-msix[{index}]({address})")
            self.put(self.sys / f"kernel/irq/{number}/hwirq", str(index))
