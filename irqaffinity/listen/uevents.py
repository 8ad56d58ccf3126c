# SPDX-License-Identifier: Apache-2.0
"""Listens to the kernel's uevents: PCI devices that come, go and change drivers, and CPUs that go on- and offline."""

import logging
import re
from collections.abc import Mapping

from pyroute2.netlink.uevent import MONITOR_GROUP_KERNEL, UeventSocket

from irqaffinity.listen.link import Link
from irqaffinity.listen.queue import WakeQueue
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import clean

LOG = logging.getLogger(__name__)

_CPU = re.compile(r"/devices/system/cpu/cpu\d+")
_DEVICE_ACTIONS = frozenset({"add", "remove", "bind", "unbind"})
_CPU_ACTIONS = frozenset({"online", "offline"})


class UeventListener:
    """One netlink socket. `run` is the life of a thread; it ends with the process."""

    def __init__(self, queue: WakeQueue) -> None:
        self.link = Link("uevents", "the kernel")
        self._wakes = queue

    def run(self) -> None:
        """Listen without end; without the right to it, say so and leave that to the other listeners."""
        try:
            socket = UeventSocket()
            socket.bind(groups=MONITOR_GROUP_KERNEL)
        except OSError as error:
            self.link.down(f"no netlink socket: {error}; run in the host's network namespace, or rely on the audit")
            return
        self.link.up("the kernel")
        while True:
            try:
                for event in socket.get():
                    heed(event, self._wakes)
            except OSError as error:
                LOG.warning("uevents were lost (%s): a full pass makes up for them", error)
                self._wakes.wake_all()


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
