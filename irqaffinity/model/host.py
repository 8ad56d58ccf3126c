# SPDX-License-Identifier: Apache-2.0
"""A host at one moment, as far as the rules of placement look at it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import ClaimKind, Guest, LeftOut, UnreadableGuest
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.pci import PciAddress


@dataclass(frozen=True, slots=True)
class Device:
    """A PCI function as sysfs shows it.

    `interrupts` are its message-signalled interrupts, or its INTx line where that is the guest's alone;
    `shares_line` tells that the line serves others too. `numa_node` is the number in its file, None without a file.
    `vendor`, `product` and the netdevs (its own, and those of its physical function `parent`) are read only when a
    device_spec is configured. `trouble` is why its files could not be read, None where they could: what it has is
    unknown then.
    """

    address: PciAddress
    present: bool = True
    trouble: str | None = None
    driver: str | None = None
    numa_node: int | None = None
    interrupts: tuple[Interrupt, ...] = ()
    shares_line: bool = False
    parent: PciAddress | None = None
    vendor: str = ""
    product: str = ""
    netdevs: tuple[str, ...] = ()
    parent_netdevs: tuple[str, ...] = ()


class Function(NamedTuple):
    """What a PCI function has beside its interrupts, under the names that `Device` gives it."""

    driver: str | None
    numa_node: int | None
    parent: PciAddress | None
    vendor: str = ""
    product: str = ""
    netdevs: tuple[str, ...] = ()
    parent_netdevs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceClaim:
    """A device of a guest, by address, once it was looked up.

    `driver` is the driver that the device had when libvirt was asked: with another driver the device has left the guest
    since, or has not come to it yet. `is_doubted` says that the kernel has reported a change of the device since.
    """

    address: PciAddress
    kind: ClaimKind
    driver: str | None = None
    is_doubted: bool = False


@dataclass(frozen=True, slots=True)
class SeenGuest:
    """An active guest as it was read last, its PCI devices, and its elements that lead to none.

    An unreadable guest keeps those it had before. `is_unsure` says that it may have more devices, which could not be
    looked up at the moment.
    """

    guest: Guest | UnreadableGuest
    claims: tuple[DeviceClaim, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    is_unsure: bool = False

    @property
    def readable(self) -> Guest | None:
        """The guest itself, or as it was when it could be read last."""
        return self.guest if isinstance(self.guest, Guest) else self.guest.known


@dataclass(frozen=True, slots=True)
class Topology:
    """Which CPUs are online, and which belong to which NUMA node (empty where the host has no node folders).

    `distances` are those from a node to each other one, as the firmware tells them (10 is near), without the nodes
    whose distances cannot be read. `sockets` maps CPUs to their physical package, `cores` and `caches` to a number that
    the CPUs of one core (SMT siblings) and of one last-level cache share; each is read only where it is needed, and so
    is `isolated`: the CPUs of isolcpus= and nohz_full=.
    """

    online: CpuSet
    nodes: Mapping[int, CpuSet] = field(default_factory=dict)
    distances: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    sockets: Mapping[int, int] = field(default_factory=dict)
    cores: Mapping[int, int] = field(default_factory=dict)
    caches: Mapping[int, int] = field(default_factory=dict)
    isolated: CpuSet = CpuSet()


class MsiSource(Enum):
    """How the program learns of a new interrupt."""

    TRACE = "trace"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What holds for the whole host. `posted_interrupts`: host affinity matters only while the vCPU is not running."""

    posted_interrupts: bool = False
    msi_source: MsiSource = MsiSource.POLL
