# SPDX-License-Identifier: Apache-2.0
"""Listens to the kernel's uevents: PCI devices that come, go and change drivers, and CPUs that go on- and offline."""

import contextlib
import errno
import logging
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping

from irqaffinity.listen.link import Link
from irqaffinity.listen.queue import WakeQueue
from irqaffinity.listen.retry import Retry
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import clean

LOG = logging.getLogger(__name__)

_CPU = re.compile(r"/devices/system/cpu/cpu[0-9]+")
_DEVICE_ACTIONS = frozenset({"add", "remove", "bind", "unbind"})
_CPU_ACTIONS = frozenset({"online", "offline"})

_NETLINK_KOBJECT_UEVENT = 15
"""The family of uevents (Linux, include/uapi/linux/netlink.h)."""

_KERNEL = (0, 1)
"""The port that the kernel sends from, and its group; udev's own messages are in group 2."""

_LARGEST = 8192
"""Bytes of a message; the kernel makes none of more than 2048 behind its path (UEVENT_BUFFER_SIZE)."""

_SO_RCVBUFFORCE = 33
"""include/uapi/asm-generic/socket.h; where it has another number the kernel refuses this one."""

_BUFFER = 1 << 20
"""Bytes that may wait to be read: a card that makes hundreds of virtual functions sends some thousand messages."""


def open_kernel_socket() -> socket.socket:
    """Return a socket that hears the kernel's uevents; raise OSError."""
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_KOBJECT_UEVENT)
    try:
        try:
            opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        except OSError:  # it needs CAP_NET_ADMIN; without, the kernel gives what net.core.rmem_max allows
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        opened.bind(_KERNEL)
    except OSError:
        opened.close()
        raise
    return opened


def receive(opened: socket.socket) -> Iterator[Mapping[str, str]]:
    """Give the keys and values of each uevent without end; raise OSError, with ENOBUFS when some were lost."""
    while True:
        message, sender = opened.recvfrom(_LARGEST)
        if sender == _KERNEL:
            yield parse(message)


def parse(message: bytes) -> Mapping[str, str]:
    """Return the keys and values of a message, empty where it is malformed.

    It is `action@devpath` and KEY=VALUE as often as needed, each ended by a zero byte; action and path are there once
    more as ACTION and DEVPATH (Linux, lib/kobject_uevent.c).
    """
    head, *fields = message.decode(errors="replace").split("\0")
    if "@" not in head:
        return {}
    return {key: value for key, is_pair, value in (field.partition("=") for field in fields) if is_pair}


class UeventListener:
    """One netlink socket after the other. `run` is the life of a thread; it ends with the process."""

    def __init__(self, queue: WakeQueue, open_socket: Callable[[], socket.socket] = open_kernel_socket) -> None:
        self.link = Link("uevents", "the kernel")
        self.retry = Retry()
        self.lost = 0
        """How often uevents were lost, because the socket's buffer was full; how many each time, nobody knows."""
        self._wakes = queue
        self._open = open_socket

    def run(self) -> None:
        """Listen without end. A socket that lost events, or failed otherwise, is replaced, and a full pass made."""
        while True:
            try:
                self._listen()
            except OSError as error:
                self.lost += error.errno == errno.ENOBUFS
                self.link.down(f"no uevents ({error}); allow netlink sockets, or rely on the audits alone")
            time.sleep(self.retry.failed())  # a daemon thread may sleep: nobody waits for its end

    def _listen(self) -> None:
        with contextlib.closing(self._open()) as opened:
            self.link.up("the kernel")
            self.retry.worked()
            self._wakes.wake_all()
            for event in receive(opened):
                heed(event, self._wakes)


def heed(event: Mapping[str, str], queue: WakeQueue) -> None:
    """Wake the owner of the PCI device that an event names; a CPU that comes or goes concerns every guest.

    The kernel moves an interrupt away when its last CPU goes offline, and does not bring it back
    (Linux, kernel/irq/cpuhotplug.c).
    """
    action, path = event.get("ACTION"), event.get("DEVPATH") or ""
    if action in _DEVICE_ACTIONS and event.get("SUBSYSTEM") == "pci":
        try:
            address = PciAddress.parse(path.rpartition("/")[2])
        except ValueError:
            return
        LOG.debug("%s: uevent %s", address, action)
        queue.wake_owner(address)
    elif action in _CPU_ACTIONS and _CPU.fullmatch(path):
        LOG.debug("%s: uevent %s", clean(path), action)
        queue.wake_all()
