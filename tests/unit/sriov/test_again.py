# SPDX-License-Identifier: Apache-2.0
"""Who takes a free function between a look and a write: libvirt's own test driver, on a host of files."""

import errno
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest

from irqaffinity.hypervisor.connection import Hypervisor
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, PhysicalFunction, Use, UseKind
from irqaffinity.sriov.again import look_again
from tests.fakes.domains import domain, hostdev, make_libvirt
from tests.fakes.holding import open_file, put_in_group, show_host_processes
from tests.fakes.host import FakeHost
from tests.fakes.snapshots import guest_id

PF, VFIO, IAVF = "0000:41:00.0", "0000:41:00.1", "0000:41:00.2"
FREE = Function(1, PciAddress.parse(IAVF), "iavf", netdev="vf1")
FREE_VFIO = Function(0, PciAddress.parse(VFIO), "vfio-pci")


class Host(FakeHost):
    """A host that lists what was read, and refuses to show what ends with `refused`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.seen: list[str] = []
        self.refused = "\0"

    def called(self, _call: str, path: str) -> None:
        self.seen.append(path)
        if path.endswith(self.refused):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path / "host")
    show_host_processes(made)
    made.add_device(PF, 0, driver="ice")
    made.add_device(VFIO, 0, driver="vfio-pci", parent=PF)
    put_in_group(made, VFIO, 12)
    enable(made, 0)
    made.add_device(IAVF, 0, driver="iavf", parent=PF)
    made.add_netdev("vf1", IAVF)
    made.seen.clear()
    return made


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Any]:
    """A libvirt in which one guest runs; the test driver keeps its domains as long as somebody is connected."""
    connection = libvirt.open(make_libvirt(tmp_path / "libvirt", [domain("one", guest_id(1), ["2"])]))
    yield connection
    connection.close()


def enable(host: FakeHost, count: int) -> None:
    host.put(host.device_folder(VFIO) / "enable", f"{count}\n")


def again(
    host: FakeHost, libvirt_: Any, function: Function | PhysicalFunction, known: Collection[str] = (guest_id(1),)
) -> Use | None:
    hypervisor = Hypervisor("unused")
    hypervisor._connection = libvirt_
    return look_again(host.root, hypervisor, known, function)


def test_what_nobody_has_taken_is_free_and_that_costs_few_looks(host: Host, running: Any) -> None:
    for function in (FREE, FREE_VFIO, PhysicalFunction(PciAddress.parse(PF), driver="ice")):
        assert again(host, running, function) is None
    assert len(host.seen) < 10
    assert not [path for path in host.seen if path.startswith(str(host.proc))], "it looks at no process"


def test_another_driver_is_the_first_sign_of_a_guest_that_starts(host: Host, running: Any) -> None:
    (host.device_folder(IAVF) / "driver").unlink()
    use = again(host, running, FREE)
    assert use == Use(UseKind.UNKNOWN, message="its driver was iavf a moment ago, and is none now")


def test_a_guest_that_has_started_since_has_it(host: Host, running: Any) -> None:
    running.createXML(domain("two", guest_id(2), ["4"], [hostdev(IAVF)]))
    use = again(host, running, FREE)
    assert use is not None
    assert (use.kind, use.guest, use.name) == (UseKind.HOSTDEV, guest_id(2), "two")
    assert again(host, running, FREE_VFIO) is None
    assert again(host, running, FREE, {guest_id(1), guest_id(2)}) is None, "those that ran before are not read again"


def test_a_guest_that_has_started_since_and_cannot_be_read_may_have_it(
    host: Host, running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libvirt.virDomain, "XMLDesc", lambda *_: "<domain>")
    use = again(host, running, FREE, ())
    assert use == Use(UseKind.UNKNOWN, message=f"guest one ({guest_id(1)}) has just started with it, maybe")


def test_a_program_that_holds_it_is_named(host: Host, running: Any) -> None:
    open_file(host, 4711, "/dev/vfio/12")
    enable(host, 1)
    use = again(host, running, FREE_VFIO)
    assert use is not None
    assert (use.kind, use.pid, use.process) == (UseKind.PROCESS, 4711, "testpmd")
    enable(host, 0)
    host.refused = "/enable"
    again_use = again(host, running, FREE_VFIO)
    assert again_use == use, "where the kernel does not tell that it is open, the processes do"


def test_a_netdev_that_something_stands_on_by_now_is_the_hosts(host: Host, running: Any) -> None:
    for name in ("macvtap7", "br0"):
        host.link(host.sys / f"class/net/vf1/upper_{name}", host.sys / f"class/net/{name}")
    assert again(host, running, FREE) == Use(UseKind.HOST, name="vf1", message="br0, macvtap7 on it")


def test_in_doubt_it_is_not_free(host: Host, running: Any) -> None:
    host.refused = f"{IAVF}/driver"
    use = again(host, running, FREE)
    assert use is not None
    assert use.kind is UseKind.UNKNOWN
    use = look_again(host.root, Hypervisor("test:///nowhere/at/all.xml"), (), FREE_VFIO)
    assert use is not None
    assert (use.kind, (use.message or "")[:34]) == (UseKind.UNKNOWN, "libvirt at test:///nowhere/at/all.")
