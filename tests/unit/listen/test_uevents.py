# SPDX-License-Identifier: Apache-2.0
"""Which of the kernel's uevents wake whom."""

import contextlib
import errno
import os
import random
import socket
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from irqaffinity.listen.queue import WakeQueue
from irqaffinity.listen.retry import STEADY, Retry
from irqaffinity.listen.uevents import UeventListener, heed, open_kernel_socket, parse
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


def message(action: str, path: str, subsystem: str) -> bytes:
    """Return a uevent as the kernel writes it (Linux, lib/kobject_uevent.c)."""
    fields = [f"{action}@{path}", f"ACTION={action}", f"DEVPATH={path}", f"SUBSYSTEM={subsystem}", "SEQNUM=7"]
    return "".join(f"{field}\0" for field in fields).encode()


BIND = message("bind", DEVICE, "pci")
OTHER = BIND.replace(b"00.1", b"00.2")


def test_a_message_is_read_into_its_keys_and_values() -> None:
    assert parse(BIND + b"MODALIAS=pci:v=1\0") == {
        "ACTION": "bind",
        "DEVPATH": DEVICE,
        "SUBSYSTEM": "pci",
        "SEQNUM": "7",
        "MODALIAS": "pci:v=1",
    }


class Sockets:
    """Gives sockets that fail as told, and ends the test with the last one."""

    def __init__(self, *received: OSError | tuple[bytes, tuple[int, int]]) -> None:
        self.received = list(received)
        self.opened = self.closed = 0

    def __call__(self) -> "Sockets":
        self.opened += 1
        return self

    def recvfrom(self, _size: int) -> tuple[bytes, tuple[int, int]]:
        if not self.received:
            raise KeyboardInterrupt
        received = self.received.pop(0)
        if isinstance(received, OSError):
            raise received
        return received

    def close(self) -> None:
        self.closed += 1


def listen(sockets: Sockets, retry: Retry | None = None) -> tuple[WakeQueue, UeventListener]:
    """Listen until nothing more is to be received."""
    queue = WakeQueue()
    listener = UeventListener(queue, cast(Callable[[], socket.socket], sockets))
    listener.retry = retry or listener.retry
    with pytest.raises(KeyboardInterrupt):
        listener.run()
    return queue, listener


def test_a_socket_that_lost_events_is_replaced_and_everything_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("irqaffinity.listen.uevents.time.sleep", lambda _seconds: None)
    sockets = Sockets(OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS)), (BIND, (0, 1)))
    queue, listener = listen(sockets)
    taken = queue.take(0)
    assert (sockets.opened, sockets.closed, listener.link.losses, listener.lost) == (2, 2, 1, 1)
    assert (taken.everything, len(taken.devices)) == (True, 1)


def test_a_socket_that_fails_otherwise_has_lost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("irqaffinity.listen.uevents.time.sleep", lambda _seconds: None)
    _queue, listener = listen(Sockets(OSError(errno.EIO, os.strerror(errno.EIO))))
    assert (listener.link.losses, listener.lost) == (1, 0)


def test_the_waits_are_short_again_after_a_socket_that_lasted(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = 1000.0, list[float]()
    lost = OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
    lasts = iter([0.0, 0.0, STEADY, 0.0, STEADY - 1])

    class Lasting(Sockets):
        def recvfrom(self, size: int) -> tuple[bytes, tuple[int, int]]:
            nonlocal now
            now += next(lasts, 0.0)
            return super().recvfrom(size)

    monkeypatch.setattr("random.uniform", lambda _low, _high: 1.0)
    monkeypatch.setattr("irqaffinity.listen.uevents.time.sleep", slept.append)
    listen(Lasting(*[lost] * 5), Retry(lambda: now))
    assert slept == [1, 2, 1, 2, 4]


def odd_messages() -> Iterator[bytes]:
    """Give messages that are almost those of the kernel, and some that are nothing of the kind."""
    dice = random.Random(13)
    keys = [b"ACTION", b"DEVPATH", b"SUBSYSTEM", b"", b"\xff", b"\n"]
    values = [b"add", b"online", b"pci", DEVICE.encode(), b"/devices/system/cpu/cpu3", b"", b"=", b"x" * 9000]
    odd = [b"\n", b"\r\nforged: add", b"\x1b[31m", b"\xd9\xa3", b"\xff\xfe\x80", b"/", b"0", b"\xe2\x80\xae"]
    for _ in range(30_000):
        fields = [b"add@" + DEVICE.encode()]
        for _ in range(dice.randrange(9)):
            tail = dice.choice([b"", b"", b"", dice.choice(odd), dice.randbytes(3)])
            fields.append(dice.choice(keys) + b"=" + dice.choice(values) + tail)
        yield dice.choice([b"\0", b"\0", b"\0", b""]).join(fields)
        yield dice.randbytes(dice.randrange(99))


def test_no_bytes_of_the_kernels_raise_an_error_or_forge_a_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    queue = WakeQueue()
    for odd in odd_messages():
        heed(parse(odd), queue)
    assert {message.replace("\n", "<newline>") for message in caplog.messages} == {
        "0000:41:00.1: uevent add",
        "/devices/system/cpu/cpu3: uevent online",
        "/devices/system/cpu/cpu30: uevent online",
    }


@pytest.mark.parametrize(
    "malformed",
    [
        b"",
        b"\0",
        b"bind",
        b"@" * 8192,
        OTHER.replace(b"bind@", b"bind"),
        OTHER.replace(b"=", b"", 2),
        OTHER.replace(b"00.2", b"00.\xff"),
    ],
)
def test_what_is_malformed_is_passed_over(malformed: bytes) -> None:
    queue, listener = listen(Sockets((malformed, (0, 1)), (BIND, (0, 1))))
    assert (set(queue.take(0).devices), listener.link.losses) == ({PciAddress.parse("0000:41:00.1")}, 0)


@pytest.mark.parametrize("sender", [(4711, 1), (4711, 0), (0, 2), (0, 0)], ids=str)
def test_only_the_kernel_is_heeded(sender: tuple[int, int]) -> None:
    queue, _listener = listen(Sockets((BIND, sender)))
    assert not queue.take(0).devices


def test_a_real_socket_opens_without_any_right_and_holds_more_than_others() -> None:
    with contextlib.closing(open_kernel_socket()) as opened, socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as other:
        sizes = [each.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) for each in (opened, other)]
        assert opened.getsockname()[1] == 1
    assert sizes[0] > sizes[1] or os.geteuid() != 0
