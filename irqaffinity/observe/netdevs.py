# SPDX-License-Identifier: Apache-2.0
"""The network interfaces of the host: which PCI function each stands on, and which stand on others.

sysfs shows those of the network namespace that it was mounted in. What stands on an interface (a bond, a bridge, the
datapath of Open vSwitch, a VLAN, a macvtap) is linked to it as `lower_NAME`, and it to that as `upper_NAME`
(netdev_adjacent_sysfs_add in net/core/dev.c); nothing that stands on others is a PCI function's.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import device_of_netdev

_UP = 1
"""IFF_UP (netdevice(7))."""


@dataclass(frozen=True, slots=True)
class Netdevs:
    """Interfaces by the function that they stand on, and for each virtual one, those that it stands on."""

    by_function: Mapping[PciAddress, tuple[str, ...]] = field(default_factory=dict)
    lowers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def uppers(self) -> Mapping[str, tuple[str, ...]]:
        """Return what stands on each interface that something stands on."""
        found: dict[str, list[str]] = defaultdict(list)
        for upper, lowers in self.lowers.items():
            for lower in lowers:
                found[lower].append(upper)
        return {lower: tuple(uppers) for lower, uppers in found.items()}

    def functions_below(self, name: str) -> list[PciAddress]:
        """Return the functions that an interface stands on through others, sorted."""
        below, todo = {name}, [name]
        while todo:
            new = set(self.lowers.get(todo.pop(), ())) - below
            below |= new
            todo += new
        return sorted(address for address, names in self.by_function.items() if not below.isdisjoint(names))


def read_netdevs(root: HostRoot) -> Netdevs:
    """Return the interfaces that are there; raise OSError."""
    by_function: dict[PciAddress, list[str]] = defaultdict(list)
    lowers = {}
    for name in root.list_if_there(f"{root.sys}/class/net"):
        address = device_of_netdev(root, name)
        if address is not None:
            by_function[address].append(name)
        else:
            lowers[name] = tuple(_lowers(root, name))
    return Netdevs({address: tuple(names) for address, names in by_function.items()}, lowers)


def is_up(root: HostRoot, name: str) -> bool:
    """Tell whether an interface is up, whether or not it has a link; raise OSError."""
    try:
        return bool(int(root.read_if_there(f"{root.sys}/class/net/{name}/flags") or "0", 16) & _UP)
    except ValueError:
        return False


def master_of(root: HostRoot, name: str) -> str | None:
    """Return the interface that an interface is a port of, None where it is none's; raise OSError."""
    return (root.read_link(f"{root.sys}/class/net/{name}/master") or "").rpartition("/")[2] or None


def uppers_of(root: HostRoot, name: str) -> list[str]:
    """Return what stands on an interface, sorted; raise OSError."""
    entries = root.list_if_there(f"{root.sys}/class/net/{name}")
    return sorted(entry.removeprefix("upper_") for entry in entries if entry.startswith("upper_"))


def _lowers(root: HostRoot, name: str) -> Iterator[str]:
    try:
        entries = root.list_if_there(f"{root.sys}/class/net/{name}")
    except NotADirectoryError:
        return  # a file beside the interfaces (bonding_masters)
    yield from (entry.removeprefix("lower_") for entry in entries if entry.startswith("lower_"))
