# SPDX-License-Identifier: Apache-2.0
"""Which of the kernel's uevents wake whom."""

import pytest

from irqaffinity.listen.queue import WakeQueue
from irqaffinity.listen.uevents import heed
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
