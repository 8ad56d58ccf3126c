# SPDX-License-Identifier: Apache-2.0
"""Listens to the kernel's uevents: PCI devices that come, go and change drivers, and CPUs that go on- and offline."""

import contextlib
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from irqaffinity.listen.link import Link
from irqaffinity.listen.queue import WakeQueue
from irqaffinity.listen.retry import delays
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import clean

LOG = logging.getLogger(__name__)

_CPU = re.compile(r"/devices/system/cpu/cpu\d+")
_DEVICE_ACTIONS = frozenset({"add", "remove", "bind", "unbind"})
_CPU_ACTIONS = frozenset({"online", "offline"})


def open_kernel_socket() -> Any:
    """Return a socket that hears the kernel's uevents; raise OSError.

    pyroute2 is imported here, in the listener's own thread: it is two fifths of what the agent imports.
    """
    from pyroute2.netlink.uevent import MONITOR_GROUP_KERNEL, UeventSocket  # noqa: PLC0415

    socket = UeventSocket()
    socket.bind(groups=MONITOR_GROUP_KERNEL)
    return socket


class UeventListener:
    """One netlink socket after the other. `run` is the life of a thread; it ends with the process."""

    def __init__(self, queue: WakeQueue, open_socket: Callable[[], Any] = open_kernel_socket) -> None:
        self.link = Link("uevents", "the kernel")
        self._wakes = queue
        self._open = open_socket

    def run(self) -> None:
        """Listen without end. A socket that lost events, or failed otherwise, is replaced, and a full pass made."""
        waits = delays()
        while True:
            try:
                self._listen()
            except OSError as error:
                self.link.down(
                    f"no uevents ({error}); allow netlink sockets, or leave to the audits what these would tell"
                )
            time.sleep(next(waits))  # a daemon thread may sleep: nobody waits for its end

    def _listen(self) -> None:
        with contextlib.closing(self._open()) as socket:
            self.link.up("the kernel")
            self._wakes.wake_all()
            while True:
                for event in socket.get():
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
