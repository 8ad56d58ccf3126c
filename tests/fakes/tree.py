# SPDX-License-Identifier: Apache-2.0
"""A tree as that of the demo, with all else that a host may have."""

import os
from collections.abc import Sequence
from pathlib import Path

from irqaffinity.demo import tree as demo

_AFFINITY = "_affinity_list"


class HostTree(demo.HostTree):
    """The tree of the demo, whose devices may be of any kind and any driver, on any node or none."""

    @staticmethod
    def put(path: Path, text: str) -> None:
        """Write a file as the kernel changes its own: an agent that reads it meanwhile never finds it empty."""
        try:
            fd = os.open(path, os.O_WRONLY)
        except FileNotFoundError:
            whole = path.with_name(f"new-{path.name}") if path.name.endswith(_AFFINITY) else path
            demo.HostTree.put(whole, text)
            whole.rename(path)
            return
        data = f"{text}\n".encode()
        try:
            size = os.fstat(fd).st_size
            os.pwrite(fd, b"\n" * (len(data) - size), size)  # it grows before it has more to say
            os.pwrite(fd, data.ljust(size, b"\n"), 0)
            os.ftruncate(fd, len(data))
        finally:
            os.close(fd)

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

    def add_physical_function(
        self,
        address: str,
        node: int | None,
        driver: str | None = "ice",
        *,
        netdev: str | None = None,
        total: int = 64,
        product: str = "0x1592",
        vf_product: str | None = None,
        speed: int | None = 25000,
    ) -> Path:
        """Add a PCI function that can have `total` virtual ones, and return its folder; `speed` None is a link down.

        A kernel before 4.14 does not tell the product of the virtual ones there (None).
        """
        folder = self.add_device(address, node, driver, product=product)
        self.put(folder / "sriov_totalvfs", str(total))
        self.put(folder / "sriov_numvfs", "0")
        self.put(folder / "sriov_drivers_autoprobe", "1")
        if vf_product is not None:
            self.put(folder / "sriov_vf_device", vf_product)
        if netdev is not None:
            self.add_netdev(netdev, address)
            self.put(folder / "net" / netdev / "operstate", "down" if speed is None else "up")
            self.put(folder / "net" / netdev / "speed", "-1" if speed is None else str(speed))
        return folder

    def add_virtual_function(
        self,
        parent: str,
        index: int,
        address: str,
        driver: str | None = "iavf",
        *,
        netdev: str | None = None,
        product: str = "0x1889",
    ) -> Path:
        """Add the virtual function `index` of a physical one, on its node, and return its folder."""
        above = self.device_folder(parent)
        node = above / "numa_node"
        folder = self.add_device(
            address, int(node.read_text()) if node.exists() else None, driver, product=product, parent=parent
        )
        self.link(above / f"virtfn{index}", folder)
        self.put(above / "sriov_numvfs", str(int((above / "sriov_numvfs").read_text()) + 1))
        if netdev is not None:
            self.add_netdev(netdev, address)
        return folder


def sriov_host(host: HostTree) -> None:
    """Add a NIC with four virtual functions, a port without a link that has none, and an NVMe controller with two.

    Of the NIC's functions 0 and 1 are bound to vfio, the first with interrupts 70 and 71; the others have a netdev.
    """
    host.add_physical_function("0000:41:00.0", 0, netdev="ens1f0", total=8, vf_product="1889")
    host.add_physical_function("0000:41:00.1", 0, netdev="ens1f1", speed=None)
    for index in range(4):
        is_vfio = index < 2
        netdev = None if is_vfio else f"ens1f0v{index}"
        address = f"0000:41:02.{index}"
        driver = "vfio-pci" if is_vfio else "iavf"
        host.add_virtual_function("0000:41:00.0", index, address, driver, netdev=netdev)
    host.add_vectors("0000:41:02.0", (70, 71), "4-5", "4")
    host.add_physical_function("0000:81:00.0", 1, "nvme", total=32, product="0xa824")
    host.add_virtual_function("0000:81:00.0", 0, "0000:81:00.1", "nvme", product="0xa824")
    host.add_virtual_function("0000:81:00.0", 1, "0000:81:00.2", None, product="0xa824")
