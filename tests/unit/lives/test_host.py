# SPDX-License-Identifier: Apache-2.0
"""The kernel of the made-up host answers as the real one was seen to."""

import errno
import os
from pathlib import Path

import pytest

from tests.unit.lives.host import ALL, DEVICES, HOST_DRIVER, LivingHost
from tests.unit.lives.model import parse_list, show

VF = next(iter(DEVICES))


@pytest.fixture
def host(tmp_path: Path) -> LivingHost:
    host = LivingHost(tmp_path)
    host.bear(VF, [(30, ALL), (31, frozenset({2}))])
    host.begin()
    return host


def write(host: LivingHost, number: int, cpus: str) -> None:
    fd = host.open(host.root.affinity_file(number), os.O_WRONLY | os.O_TRUNC)
    try:
        host.write(fd, cpus.encode())
    finally:
        host.close(fd)


def test_a_descriptor_belongs_to_one_life(host: LivingHost) -> None:
    fd = host.open(host.root.affinity_file(30), os.O_WRONLY | os.O_TRUNC)
    host.bear(VF, [(30, frozenset({5}))])
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        host.write(fd, b"1")
    host.close(fd)
    assert (host.smp(30), host.written) == ("5", [])


def test_a_set_without_an_online_cpu_is_refused(host: LivingHost) -> None:
    host.plug(parse_list("0-2,5-7"))
    write(host, 30, "3,5")
    for cpus in ("3", "3-4", ""):
        with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
            write(host, 30, cpus)
    assert (host.smp(30), show(host.lives[30].smp)) == ("3,5", "3,5")
    assert (host.proc / "irq/30/effective_affinity_list").read_text() == "5\n"


def test_an_affinity_that_loses_its_last_cpu_becomes_all_that_are_online(host: LivingHost) -> None:
    host.plug(parse_list("0-1,3-7"))
    assert (host.smp(30), host.smp(31)) == ("0-7", "0-1,3-7")
    host.plug(ALL)
    assert (host.smp(31), host.lives[31].touched) == ("0-1,3-7", True)
    assert (host.sys / "devices/system/node/node0/cpulist").read_text() == "0-2\n"


def test_another_driver_has_interrupts_of_its_own(host: LivingHost) -> None:
    host.rebind(VF, HOST_DRIVER)
    assert host.lives == {}
    assert not list((host.proc / "irq").glob("3*"))
    assert os.readlink(host.device_folder(VF) / "driver").endswith(f"/{HOST_DRIVER}")


@pytest.mark.parametrize(("mode", "code"), [("1", errno.EPERM), ("5", errno.EIO)])
def test_what_the_kernel_keeps_to_itself_is_refused(host: LivingHost, mode: str, code: int) -> None:
    host.bear(VF, [(32, ALL)], mode)
    with pytest.raises(OSError, match=os.strerror(code)):
        write(host, 32, "1")


def test_a_fault_is_met_where_it_was_put(host: LivingHost) -> None:
    host.faults.unread[30] = errno.EMFILE
    host.faults.folders[VF] = "listdir", errno.ENOTDIR
    host.faults.refused_writes[31] = [errno.EBUSY]
    with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
        host.root.read(host.root.affinity_file(30))
    with pytest.raises(OSError, match=os.strerror(errno.ENOTDIR)):
        host.listdir(f"{host.sys}/bus/pci/devices/{VF}/msi_irqs")
    with pytest.raises(OSError, match=os.strerror(errno.EBUSY)):
        write(host, 31, "1")
    write(host, 31, "1")
    assert host.smp(31) == "1"
