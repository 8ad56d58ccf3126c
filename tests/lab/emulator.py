# SPDX-License-Identifier: Apache-2.0
"""The command lines of QEMU: what the machine is made of."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.lab import parts

_QEMU = "qemu-system-x86_64"
_NVME = (
    "max_ioqpairs=18,msix_qsize=13,sriov_max_vfs=4,sriov_vq_flexible=16,sriov_vi_flexible=8,"
    "sriov_max_vi_per_vf=2,sriov_max_vq_per_vf=4"
)
_COMMAND_LINE = "console=ttyS0 intel_iommu=on iommu=pt panic=-1 quiet"
_WITHOUT_WEIGHT = "mitigations=off init_on_alloc=0 apparmor=0 audit=0 nowatchdog"
"""What costs an emulated processor much, and shows nothing here."""

_WITHOUT_HASTE = "no_timer_check rcupdate.rcu_cpu_stall_suppress=1"
"""Without it a kernel panics whose processor stands still for ten ticks of its timer, as it does on a busy machine."""

Command = list[str | os.PathLike[str]]


def command(kernel: parts.Kernel, folder: Path, append: str = "", sriov_nics: Sequence[int] = ()) -> Command:
    """Return the command that boots a machine whose files are in `folder`.

    `sriov_nics` are the nodes that get an igb NIC, with seven virtual functions; it takes a newer QEMU.
    """
    words: Command = (
        [*parts.newer_emulator()] if sriov_nics else [shutil.which("qemu-system-x86_64") or "qemu-system-x86_64"]
    )
    words += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    words += ["-machine", "q35", "-accel", "tcg,thread=single", "-cpu", "qemu64"]
    words += _processors_and_memory()
    words += ["-device", "intel-iommu,intremap=on,caching-mode=on"]
    words += ["-kernel", kernel.image, "-initrd", parts.host_initramfs(kernel)]
    words += ["-append", f"{_COMMAND_LINE} {_WITHOUT_WEIGHT} {_WITHOUT_HASTE} {append}"]
    words += ["-serial", f"file:{folder}/serial.log"]
    for tag, path, options in (("root", "/", ",readonly=on"), ("lab", folder / "share", "")):
        words += ["-fsdev", f"local,id={tag},path={path},security_model=none,multidevs=remap{options}"]
        words += ["-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
    words += ["-chardev", f"socket,id=runner,path={folder}/runner", "-device", "virtio-serial-pci"]
    words += ["-device", "virtserialport,chardev=runner,name=runner"]
    words += ["-monitor", f"unix:{folder}/monitor,server=on,wait=off"]
    words += ["-netdev", "user,id=lan", "-device", "virtio-net-pci,netdev=lan"]
    for node in (0, 1):
        words += ["-device", f"pxb-pcie,id=bridge{node},bus=pcie.0,bus_nr={64 * (node + 1)},numa_node={node}"]
        words += _controller(node)
        words += _nic(node, 2, "nic", "e1000e")
        if node in sriov_nics:
            words += _nic(node, 3, "igb", "igb")
    return words


def _processors_and_memory() -> Command:
    words: Command = ["-m", "6G", "-smp", "8,sockets=2,cores=4,threads=1"]
    for node, cpus in enumerate(("0-3", "4-7")):
        words += ["-object", f"memory-backend-ram,id=memory{node},size=3G"]
        words += ["-numa", f"node,nodeid={node},cpus={cpus},memdev=memory{node}"]
    return [*words, "-numa", "dist,src=0,dst=1,val=20"]


def _controller(node: int) -> Command:
    """Return an NVMe controller with virtual functions, and its disk that holds nothing."""
    disk = f"if=none,id=disk{node},file.driver=null-co,file.size=16M,file.read-zeroes=on,format=raw"
    return [
        *_port(node, 1, "nvme"),
        *("-device", f"nvme-subsys,id=subsystem{node}"),
        *("-device", f"nvme,id=nvme{node},bus=nvmeport{node},serial=nvme{node},subsys=subsystem{node},{_NVME}"),
        *("-drive", disk),
        *("-device", f"nvme-ns,bus=nvme{node},drive=disk{node},shared=off"),
    ]


def _nic(node: int, slot: int, kind: str, model: str) -> Command:
    return [
        *_port(node, slot, kind),
        *("-netdev", f"user,id={kind}{node}", "-device", f"{model},netdev={kind}{node},bus={kind}port{node}"),
    ]


def _port(node: int, slot: int, kind: str) -> Command:
    number = 2 * slot + node
    return ["-device", f"pcie-root-port,id={kind}port{node},bus=bridge{node},chassis={number},slot={number}"]
