# SPDX-License-Identifier: Apache-2.0
"""SR-IOV of a host: physical functions, their virtual functions, what these are set to, and who uses them."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress


class LinkState(enum.Enum):
    """What a virtual function sees as its link (rtnetlink(7), IFLA_VF_LINK_STATE): that of the port, or a fixed one."""

    AUTO = "auto"
    ENABLE = "enable"
    DISABLE = "disable"


class VfSettings(NamedTuple):
    """What the driver of the physical function keeps for a virtual one; None for what it does not tell.

    The rates are in Mbit/s, 0 is no limit. `vlan` 0 is none, `qos` is the priority in its tag.
    """

    mac: str | None = None
    vlan: int | None = None
    qos: int | None = None
    min_tx_rate: int | None = None
    max_tx_rate: int | None = None
    spoofchk: bool | None = None
    link_state: LinkState | None = None
    trust: bool | None = None


class UseKind(enum.Enum):
    """By what a PCI function is used; `unknown` where that cannot be told."""

    HOSTDEV = "hostdev"
    MACVTAP = "macvtap"
    VDPA = "vdpa"
    MDEV = "mdev"
    RESERVED = "reserved"
    PROCESS = "process"
    HOST = "host"
    UNKNOWN = "unknown"


class Use(NamedTuple):
    """Who uses a PCI function: a guest (stopped where the kind is `reserved`), a process, the host, or nobody knows.

    `name` is the guest's, or the netdev or disk that the host uses; `process` the name of the process, with its `pid`.
    `message` is one line that says more: the right that is missing where the kind is `unknown`, the switch that a
    process serves.
    """

    kind: UseKind
    guest: GuestId | None = None
    name: str | None = None
    pid: int | None = None
    process: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Function:
    """A virtual function, the `index`-th of its physical one, as sysfs and netlink show it.

    `settings` is None where nobody can tell them: the physical function has no netdev, or netlink is not this host's.
    `use` is None where it is free. `irqs` are its interrupts' numbers, `cpus` where these may arrive, None where that
    is not known. `spec` is the number of the device_spec that matches it, from 1, None where none does, and `tags` are
    that one's. `trouble` is why its files could not be read, None where they could. `other_netdevs` are those beside
    `netdev`, where it has several.
    """

    index: int
    address: PciAddress
    driver: str | None = None
    vendor: str = ""
    product: str = ""
    numa_node: int | None = None
    netdev: str | None = None
    settings: VfSettings | None = None
    use: Use | None = None
    irqs: tuple[int, ...] = ()
    cpus: CpuSet | None = None
    spec: int | None = None
    tags: Mapping[str, Any] = field(default_factory=dict)
    trouble: str | None = None
    other_netdevs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PhysicalFunction:
    """A PCI device that can have virtual functions (it has `sriov_totalvfs`), with those that it has now, by index.

    `link` is `up` or `down`, `speed` is in Mbit/s; both None without a netdev, or where the link is down. `autoprobe`
    tells whether the host's drivers take new virtual functions. `use` is that of the device itself, None where it is
    free; `spec` and `tags` are as those of a virtual function. `other_netdevs` are those beside `netdev`: further
    ports, or what a switch in the NIC has for its functions.
    """

    address: PciAddress
    netdev: str | None = None
    driver: str | None = None
    vendor: str = ""
    product: str = ""
    numa_node: int | None = None
    total_vfs: int = 0
    num_vfs: int = 0
    link: str | None = None
    speed: int | None = None
    autoprobe: bool | None = None
    use: Use | None = None
    spec: int | None = None
    tags: Mapping[str, Any] = field(default_factory=dict)
    vfs: tuple[Function, ...] = ()
    trouble: str | None = None
    other_netdevs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inventory:
    """All physical functions of a host, by address, and one line for each thing that could not be read or told."""

    pfs: tuple[PhysicalFunction, ...] = ()
    notes: tuple[str, ...] = ()


class Pool(NamedTuple):
    """PCI functions that are alike for Nova's scheduler, as in its pci_stats pools, and how many of them are in use."""

    physical_network: str | None
    vendor: str
    product: str
    numa_node: int | None
    dev_type: str
    tags: Mapping[str, Any]
    total: int
    used: int

    @property
    def free(self) -> int:
        """How many a new guest could get."""
        return self.total - self.used
