# SPDX-License-Identifier: Apache-2.0
"""Messages of rtnetlink(7) as the kernel writes them, byte by byte from its headers, and a kernel that sends them.

They are made here and not by the library that reads them: an error of that would else be in both.
"""

import errno
import struct
from collections.abc import Iterable, Mapping, Sequence

from irqaffinity.model.sriov import LinkState, VfSettings
from irqaffinity.observe.netlink import Link
from irqaffinity.observe.root import HostRoot

NOT_TOLD = 0xFFFFFFFF
LINK_STATES = {LinkState.AUTO: 0, LinkState.ENABLE: 1, LinkState.DISABLE: 2}

_MAC, _VLAN, _TX_RATE, _SPOOFCHK, _LINK_STATE, _RATE, _RSS, _STATS, _TRUST = range(1, 10)
_VLAN_LIST, _BROADCAST = 12, 13


def attribute(kind: int, value: bytes) -> bytes:
    """Return a struct nlattr (linux/netlink.h) with its value, padded to four bytes."""
    return struct.pack("=HH", len(value) + 4, kind) + value + bytes(-len(value) % 4)


def vf_info(index: int, settings: VfSettings, *, is_old: bool = False) -> bytes:
    """Return an IFLA_VF_INFO as rtnl_fill_vfinfo() makes it; an old kernel's (3.15) has one rate alone and no trust.

    What a driver does not tell is -1, as the kernel sets it before it asks.
    """
    told = [NOT_TOLD if value is None else int(value) for value in (settings.spoofchk, settings.trust)]
    vlan, qos = (NOT_TOLD if value is None else value for value in (settings.vlan, settings.qos))
    least, most = (NOT_TOLD if value is None else value for value in (settings.min_tx_rate, settings.max_tx_rate))
    mac = bytes.fromhex((settings.mac or "").replace(":", "")).ljust(32, b"\0")
    state = 7 if settings.link_state is None else LINK_STATES[settings.link_state]
    parts = [
        attribute(_MAC, struct.pack("=I", index) + mac),
        attribute(_BROADCAST, b"\xff" * 32),
        attribute(_VLAN, struct.pack("=III", index, vlan, qos)),
        attribute(_TX_RATE, struct.pack("=II", index, most)),
        attribute(_SPOOFCHK, struct.pack("=II", index, told[0])),
        attribute(_LINK_STATE, struct.pack("=II", index, state)),
    ]
    if not is_old:
        tag = attribute(1, struct.pack("=III", index, vlan, qos) + struct.pack(">HH", 0x8100, 0))
        parts += [
            attribute(_RATE, struct.pack("=III", index, least, most)),
            attribute(_RSS, struct.pack("=II", index, NOT_TOLD)),
            attribute(_TRUST, struct.pack("=II", index, told[1])),
            attribute(_VLAN_LIST | 0x8000, tag),
        ]
    return attribute(1 | 0x8000, b"".join(parts))


def vf_list(settings: Mapping[int, VfSettings], *, is_old: bool = False) -> bytes:
    """Return the value of an IFLA_VFINFO_LIST."""
    return b"".join(vf_info(index, each, is_old=is_old) for index, each in settings.items())


def message(kind: int, body: bytes, sequence: int = 1, flags: int = 2) -> bytes:
    """Return a message with its header (struct nlmsghdr), padded to four bytes."""
    return struct.pack("=IHHII", len(body) + 16, kind, flags, sequence, 0) + body + bytes(-len(body) % 4)


class FakeSocket:
    """A socket whose kernel gives these packets, one after the other, and then nothing any more."""

    def __init__(self, packets: Iterable[bytes], port: int = 0) -> None:
        self.sent: list[bytes] = []
        self.is_closed = False
        self._packets = iter(packets)
        self._port = port

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def send(self, data: bytes) -> int:
        self.sent.append(data)
        return len(data)

    def recvfrom_into(self, buffer: bytearray, _length: int, _flags: int) -> tuple[int, tuple[int, int]]:
        packet = next(self._packets, None)
        if packet is None:
            raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")
        kept = packet[: len(buffer)]
        buffer[: len(kept)] = kept
        return len(packet), (self._port, 0)

    def close(self) -> None:
        self.is_closed = True


class FakeNetlink:
    """Tells of these links, or fails with this errno; `asked` counts how often."""

    def __init__(self, links: Mapping[str, Link], code: int = 0) -> None:
        self._links = links
        self._code = code
        self.asked = 0

    def open(self, _root: HostRoot) -> "FakeNetlink":
        return self

    def links(self) -> Mapping[str, Link]:
        self.asked += 1
        if self._code:
            raise OSError(self._code, "no luck")
        return self._links


def settings_of(*macs: str) -> Sequence[VfSettings]:
    """Return the settings of new virtual functions with these MACs."""
    return [VfSettings(mac, 0, 0, 0, 0, True, LinkState.AUTO, False) for mac in macs]
