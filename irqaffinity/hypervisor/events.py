# SPDX-License-Identifier: Apache-2.0
"""Listens to libvirt's events on the connection that also answers questions."""

import contextlib
import logging
from typing import Any

import libvirt

from irqaffinity.listen.queue import WakeQueue
from irqaffinity.model.guest import parse_guest_id

LOG = logging.getLogger(__name__)

KEEPALIVE = (5, 3)
"""Seconds between two keepalives, and how many may stay without an answer."""

_TICK = 5000
"""Milliseconds after which the loop comes round: it blocks for ever while nothing is registered."""

_EVENTS = {
    "lifecycle": libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
    "device-added": libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
    "device-removed": libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
    "tunable": libvirt.VIR_DOMAIN_EVENT_ID_TUNABLE,
    "reboot": libvirt.VIR_DOMAIN_EVENT_ID_REBOOT,
    "agent-lifecycle": libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE,
}
_PAUSES = frozenset({libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_RESUMED})
"""A guest that is paused or goes on keeps its devices and their interrupts."""


class LibvirtEvents:
    """The event loop, and the callbacks on each connection that is opened. `run` is the life of a thread.

    It has to be made before the first connection is opened, or that one has no events (virEventRegisterDefaultImpl).
    """

    def __init__(self, queue: WakeQueue) -> None:
        self._wakes = queue
        self._registered: dict[int, list[int]] = {}
        libvirt.virEventRegisterDefaultImpl()
        libvirt.virEventAddTimeout(_TICK, lambda _timer, _opaque: None, None)

    def run(self) -> None:
        """Run the loop without end; the callbacks only put wake-ups into the queue."""
        while True:
            libvirt.virEventRunDefaultImpl()

    def attach(self, connection: Any) -> None:
        """Register for the events of a new connection, without those that its driver does not have."""
        registered = self._registered[id(connection)] = []
        for name, number in _EVENTS.items():
            with contextlib.suppress(libvirt.libvirtError):
                registered.append(connection.domainEventRegisterAny(None, number, self._heed, name))
        with contextlib.suppress(libvirt.libvirtError):
            connection.registerCloseCallback(self._closed, None)
        with contextlib.suppress(libvirt.libvirtError):
            connection.setKeepAlive(*KEEPALIVE)

    def detach(self, connection: Any) -> None:
        """Take the callbacks off again: a connection that still has some is never freed."""
        for number in self._registered.pop(id(connection), ()):
            with contextlib.suppress(libvirt.libvirtError):
                connection.domainEventDeregisterAny(number)
        with contextlib.suppress(libvirt.libvirtError):
            connection.unregisterCloseCallback()

    def _heed(self, _connection: Any, domain: Any, *details: Any) -> None:
        """Wake the guest of an event; the pass looks up what happened, and the event itself decides nothing."""
        name = details[-1]
        if name == "lifecycle" and details[0] in _PAUSES:
            return
        uuid = parse_guest_id(domain.UUIDString())
        LOG.debug("guest %s: libvirt event %s", uuid, name)
        self._wakes.wake(uuid)

    def _closed(self, _connection: Any, _reason: int, _opaque: Any) -> None:
        self._wakes.wake_all("libvirt")
