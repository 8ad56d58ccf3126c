# SPDX-License-Identifier: Apache-2.0
"""A tree as that of the demo, with all else that a host may have."""

from collections.abc import Sequence
from pathlib import Path

from irqaffinity.demo import tree as demo


class HostTree(demo.HostTree):
    """The tree of the demo, whose devices may be of any kind and any driver, on any node or none."""

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
        files = {"vendor": vendor, "device": product, "irq": str(line)}
        if node is not None:
            files["numa_node"] = str(node)
        links = {}
        if driver is not None:
            links["driver"] = self.driver_folder(driver)
        if parent is not None:
            links["physfn"] = self.device_folder(parent)
        return self.add_function(address, files, links)

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

    def add_host_interrupt(
        self,
        number: int,
        action: str,
        cpus: str,
        effective: str | None = None,
        *,
        address: str | None = None,
        is_managed: bool = False,
    ) -> None:
        """Add an interrupt of the host's own, of a device that is there where an address is given.

        The kernel gives no permission to write one that it manages. For an INTx interrupt give no address here, and the
        number as the `line` of its device.
        """
        if address is not None:
            self.put(self.device_folder(address) / f"msi_irqs/{number}", "msix")
        self.add_interrupt(number, cpus, effective, action=action)
        if is_managed:
            (self.proc / f"irq/{number}/smp_affinity_list").chmod(0o444)

    def add_process(self, number: int, name: str, uid: int = 0, words: Sequence[str] = ()) -> None:
        """Add a process of a user's, started with these words."""
        self.put(self.proc / f"{number}/cmdline", "\0".join([*words, ""]))
        self.put(self.proc / f"{number}/comm", name)
        self.put(self.proc / f"{number}/status", f"Name:\t{name}\nUid:\t{uid}\t0\t0\t0")

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
