# SPDX-License-Identifier: Apache-2.0
"""What netlink tells of the host's network interfaces, and of the settings of virtual functions. It only reads.

It reads the links itself, for there may be thousands, of which pyroute2 takes a second; pyroute2 reads the settings.
"""

import os
import socket
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from irqaffinity.model.sriov import VfSettings
from irqaffinity.model.text import clean
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.rtnetlink import Rtnetlink, attribute, attributes
from irqaffinity.observe.vf_info import parse_vf_list

_GET_LINK, _GET_ADDRESS = 18, 22
"""RTM_GETLINK and RTM_GETADDR (include/uapi/linux/rtnetlink.h)."""

_LINK = struct.Struct("=BxHiII")
"""Family, type, index, flags and change of a link (struct ifinfomsg)."""

_ADDRESS = struct.Struct("=BBBBi")
"""Family, prefix, flags, scope and index of the link of an address (struct ifaddrmsg)."""

_UP = 0x1
"""IFF_UP of include/uapi/linux/if.h."""

_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MASTER = 1, 3, 10
_IFLA_VFINFO_LIST, _IFLA_EXT_MASK, _IFLA_PERM_ADDRESS = 22, 29, 54

_WITH_VFS, _WITHOUT_STATISTICS = 1 << 0, 1 << 3
"""RTEXT_FILTER_VF and RTEXT_FILTER_SKIP_STATS: the second halves the size of the answer."""

_IPV6, _LINK_SCOPE = 10, 253
_SYSFS, _FOLDER = "/sys", "class/net"
_EVERYWHERE = frozenset({"lo", "bonding_masters"})
"""What the folder has in every network namespace."""


class Link(NamedTuple):
    """A network interface: its MAC and the one it was made with, and the settings of its virtual functions by index.

    `has_addresses` does not count IPv6 addresses of the link's scope: the kernel itself gives one to each interface
    that is up. `master` is the bridge, bond or the like that it is part of. `vfs` is empty for an interface without
    virtual functions; `trouble` is why it could not be read.
    """

    address: str | None = None
    is_up: bool = False
    has_addresses: bool = False
    master: str | None = None
    vfs: Mapping[int, VfSettings] = MappingProxyType({})
    permanent: str | None = None
    trouble: str | None = None


class _Message(NamedTuple):
    number: int
    name: str
    master: int
    link: Link


class Netlink(Protocol):
    """Tells of the network interfaces of a host."""

    def links(self) -> Mapping[str, Link]:
        """Return all interfaces by their names; raise OSError."""


def open_netlink(root: HostRoot) -> Netlink | None:
    """Return the netlink of the host that `root` is, None where that is not this host's own.

    Each mount of sysfs shows the interfaces of one network namespace, and has a number of its own for that.
    """
    try:
        is_own = os.stat(f"{root.sys}/{_FOLDER}").st_dev == os.stat(f"{_SYSFS}/{_FOLDER}").st_dev
        return KernelNetlink(root) if is_own and _is_same_namespace(root) else None
    except OSError:
        return None


class KernelNetlink:
    """What the kernel tells of the network namespace of this process."""

    def __init__(self, root: HostRoot, connect: Callable[[], Rtnetlink] = Rtnetlink) -> None:
        self._root = root
        self._connect = connect

    def links(self) -> Mapping[str, Link]:
        """Return all interfaces by their names; raise OSError, TimeoutError where the kernel does not answer."""
        with self._connect() as kernel:
            question = _LINK.pack(0, 0, 0, 0, 0)
            messages = [_read_link(body) for body in kernel.dump(_GET_LINK, question)]
            addressed = set(map(_index_of_address, kernel.dump(_GET_ADDRESS, _ADDRESS.pack(0, 0, 0, 0, 0))))
            names = {message.number: clean(message.name) for message in messages}
            return {
                names[message.number]: self._with_vfs(kernel, message)._replace(
                    has_addresses=message.number in addressed, master=names.get(message.master)
                )
                for message in messages
            }

    def _with_vfs(self, kernel: Rtnetlink, message: _Message) -> Link:
        """Return a link with the settings of its virtual functions.

        Each is asked for alone: the list of all links has no room for many virtual functions, and one driver that fails
        shall not hide what others tell.
        """
        count = self._count_vfs(message.name)
        if not count:
            return message.link
        question = _LINK.pack(0, 0, message.number, 0, 0)
        mask = attribute(_IFLA_EXT_MASK, struct.pack("=I", _WITH_VFS | _WITHOUT_STATISTICS))
        try:
            told = attributes(kernel.get(_GET_LINK, question + mask), _LINK.size).get(_IFLA_VFINFO_LIST)
            vfs = {} if told is None else parse_vf_list(told)
        except (OSError, ValueError) as error:
            return message.link._replace(trouble=str(error))
        trouble = None if not 0 < len(vfs) < count else f"the kernel tells only {len(vfs)} of {count}"
        return message.link._replace(vfs=vfs, trouble=trouble)

    def _count_vfs(self, name: str) -> int:
        """Return how many virtual functions the PCI device has now that a link stands on.

        It does not read sriov_numvfs, which waits while the kernel waits for the user of a function that it removes.
        The functions that are left then are not the first ones.
        """
        folder = f"{self._root.sys}/{_FOLDER}/{name}/device"
        try:
            if not self._root.read_if_there(f"{folder}/sriov_totalvfs"):
                return 0  # as of most links: a call for each is enough
            return sum(entry.startswith("virtfn") for entry in self._root.list_if_there(folder))
        except OSError:
            return 0


def _is_same_namespace(root: HostRoot) -> bool:
    """Tell whether sysfs shows the interfaces that this process sees: both have one of a name, or sysfs has none."""
    shown = set(root.list_if_there(f"{root.sys}/{_FOLDER}")) - _EVERYWHERE
    return not shown or not shown.isdisjoint(name for _, name in socket.if_nameindex())


def _read_link(body: bytes) -> _Message:
    _family, _kind, index, flags, _change = _LINK.unpack_from(body)
    found = attributes(body, _LINK.size)
    master = struct.unpack("=I", found[_IFLA_MASTER])[0] if _IFLA_MASTER in found else 0
    link = Link(_mac(found.get(_IFLA_ADDRESS)), bool(flags & _UP), permanent=_mac(found.get(_IFLA_PERM_ADDRESS)))
    return _Message(index, found.get(_IFLA_IFNAME, b"").rstrip(b"\0").decode(errors="surrogateescape"), master, link)


def _mac(value: bytes | None) -> str | None:
    return value.hex(":") if value else None


def _index_of_address(body: bytes) -> int | None:
    """Return the index of the link of an address, None for one that counts for no use."""
    family, _prefix, _flags, scope, index = _ADDRESS.unpack_from(body)
    return None if family == _IPV6 and scope == _LINK_SCOPE else int(index)
