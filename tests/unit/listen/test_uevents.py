# SPDX-License-Identifier: Apache-2.0
"""Which of the kernel's uevents wake whom."""

import contextlib
import errno
import os

import pytest

from irqaffinity.listen.queue import WakeQueue
from irqaffinity.listen.uevents import UeventListener, heed, open_kernel_socket
from irqaffinity.model.pci import PciAddress

DEVICE = "/devices/pci0000:40/0000:40:01.0/0000:41:00.1"


@pytest.mark.parametrize("action", ["bind", "unbind", "add", "remove"])
def test_a_pci_device_wakes_its_owner(action: str) -> None:
    queue = WakeQueue()
    heed({"ACTION": action, "DEVPATH": DEVICE, "SUBSYSTEM": "pci", "DRIVER": "vfio-pci"}, queue)
    taken = queue.take(0)
    assert (set(taken.devices), taken.everything) == ({PciAddress.parse("0000:41:00.1")}, False)


@pytest.mark.parametrize("action", ["online", "offline"])
def test_a_cpu_concerns_everybody(action: str) -> None:
    queue = WakeQueue()
    heed({"ACTION": action, "DEVPATH": "/devices/system/cpu/cpu3", "SUBSYSTEM": "cpu"}, queue)
    assert queue.take(0).everything


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"ACTION": "change", "DEVPATH": DEVICE, "SUBSYSTEM": "pci"},
        {"ACTION": "bind", "DEVPATH": DEVICE, "SUBSYSTEM": "vfio"},
        {"ACTION": "bind", "DEVPATH": "/devices/pci0000:40", "SUBSYSTEM": "pci"},
        {"ACTION": "add", "DEVPATH": "/devices/system/cpu/cpu3", "SUBSYSTEM": "cpu"},
        {"ACTION": "online", "DEVPATH": "/devices/system/memory/memory3", "SUBSYSTEM": "memory"},
    ],
)
def test_everything_else_wakes_nobody(event: dict[str, str]) -> None:
    queue = WakeQueue()
    heed(event, queue)
    assert not queue.take(0)


class Sockets:
    """Gives sockets that fail as told, and ends the test with the last one."""

    def __init__(self, *events: OSError | dict[str, str]) -> None:
        self.events = list(events)
        self.opened = self.closed = 0

    def __call__(self) -> "Sockets":
        self.opened += 1
        return self

    def get(self) -> list[dict[str, str]]:
        if not self.events:
            raise KeyboardInterrupt
        event = self.events.pop(0)
        if isinstance(event, OSError):
            raise event
        return [event]

    def close(self) -> None:
        self.closed += 1


def test_a_socket_that_lost_events_is_replaced_and_everything_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("irqaffinity.listen.uevents.time.sleep", lambda _seconds: None)
    queue = WakeQueue()
    event = {"ACTION": "bind", "DEVPATH": DEVICE, "SUBSYSTEM": "pci"}
    sockets = Sockets(OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS)), event)
    listener = UeventListener(queue, sockets)
    with pytest.raises(KeyboardInterrupt):
        listener.run()
    taken = queue.take(0)
    assert (sockets.opened, sockets.closed, listener.link.losses) == (2, 2, 1)
    assert (taken.everything, len(taken.devices)) == (True, 1)


def test_a_real_socket_opens_without_any_right() -> None:
    with contextlib.closing(open_kernel_socket()) as socket:
        assert socket.fileno() >= 0
