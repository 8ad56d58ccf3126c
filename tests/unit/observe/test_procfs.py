# SPDX-License-Identifier: Apache-2.0
"""The affinity of interrupts as /proc/irq shows it, and the id of the boot."""

import errno
import os
from pathlib import Path

import pytest

from irqaffinity.model.irq import Interrupt
from irqaffinity.observe.procfs import read_boot_id, read_default_affinity, read_interrupt, read_interrupts
from irqaffinity.observe.root import HostRoot, HostUnreadable
from tests.fakes.host import FakeHost
from tests.fakes.snapshots import cpus


class RefusingHost(FakeHost):
    """A host on which reading fails, at the open or at the read, with a chosen errno."""

    folder_code = open_code = read_code = 0

    def open(self, path: str | bytes, flags: int, *, dir_fd: int | None = None) -> int:
        code = self.folder_code if os.fsdecode(path).endswith("/irq") else self.open_code
        if code:
            raise OSError(code, os.strerror(code), path)
        return super().open(path, flags, dir_fd=dir_fd)

    def read(self, fd: int, length: int) -> bytes:
        if self.read_code:
            raise OSError(self.read_code, os.strerror(self.read_code))
        return super().read(fd, length)


def test_an_interrupt_costs_two_opens_and_two_reads_beside_the_folder(host: FakeHost) -> None:
    host.add_interrupt(24, "0-3,8", "8")
    host.add_interrupt(25, "9", "9")
    assert read_interrupts(host.root, [25, 24, 26]) == [
        Interrupt(25, cpus("9"), cpus("9"), writable=True),
        Interrupt(24, cpus("0-3,8"), cpus("8"), writable=True),
    ]
    assert (host.opens, host.reads, host.writes) == (1 + 2 * 2 + 1, 2 * 2, 0)


def test_without_numbers_nothing_is_opened(host: FakeHost) -> None:
    assert read_interrupts(host.root, []) == []
    assert host.opens == 0


def test_without_the_folder_no_interrupt_can_be_told_from_one_that_is_gone(host: FakeHost) -> None:
    (host.proc / "irq").rename(host.proc / "away")
    with pytest.raises(HostUnreadable, match="irq does not exist: point --proc"):
        read_interrupts(host.root, [24])


def test_where_the_folder_cannot_be_opened_at_the_moment_no_affinity_is_known(tmp_path: Path) -> None:
    host = RefusingHost(tmp_path)
    host.add_interrupt(24, "3", "3")
    host.folder_code = errno.EMFILE
    assert read_interrupts(host.root, [24, 25]) == [Interrupt(24, None, None), Interrupt(25, None, None)]


def test_of_an_interrupt_that_was_moved_the_permission_is_known(host: FakeHost) -> None:
    for number in (24, 25):
        host.add_interrupt(number, "3", "3")
        (host.proc / f"irq/{number}/smp_affinity_list").chmod(0o444)
    assert [interrupt.writable for interrupt in read_interrupts(host.root, [24, 25], moved={25})] == [False, True]


@pytest.mark.parametrize(("mode", "writable"), [(0o444, False), (0o644, True), (0o464, False), (0o200 | 0o444, True)])
def test_the_write_permission_of_the_owner_decides(host: FakeHost, mode: int, writable: bool) -> None:
    host.add_interrupt(24, "3", "3")
    (host.proc / "irq/24/smp_affinity_list").chmod(mode)
    interrupt = read_interrupt(host.root, 24)
    assert interrupt is not None
    assert (interrupt.writable, interrupt.smp) == (writable, cpus("3"))


def test_without_an_effective_file_it_is_not_known(host: FakeHost) -> None:
    host.add_interrupt(24, "3")
    assert read_interrupt(host.root, 24) == Interrupt(24, cpus("3"), None)


def test_an_empty_effective_affinity_is_an_empty_set(host: FakeHost) -> None:
    host.add_interrupt(24, "3", "")
    assert read_interrupt(host.root, 24) == Interrupt(24, cpus("3"), cpus(""))


def test_an_interrupt_that_is_not_there_is_none(host: FakeHost) -> None:
    assert read_interrupt(host.root, 24) is None


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOENT])
def test_an_interrupt_that_vanishes_between_open_and_read_is_none(tmp_path: Path, code: int) -> None:
    host = RefusingHost(tmp_path)
    host.add_interrupt(24, "3", "3")
    host.read_code = code
    assert read_interrupt(host.root, 24) is None


def test_an_interrupt_that_may_not_be_read_is_there_with_unknown_affinity(tmp_path: Path) -> None:
    host = RefusingHost(tmp_path)
    host.add_interrupt(24, "3", "3")
    host.open_code = errno.EACCES
    assert read_interrupt(host.root, 24) == Interrupt(24, None, None)


def test_an_empty_affinity_is_an_empty_set(host: FakeHost) -> None:
    host.add_interrupt(24, "")
    assert read_interrupt(host.root, 24) == Interrupt(24, cpus(""), None)


class PagewiseHost(FakeHost):
    """A host whose reads give a few bytes each, as the kernel gives a list longer than a page."""

    def read(self, fd: int, length: int) -> bytes:
        return super().read(fd, min(length, 5))


@pytest.mark.parametrize("ending", ["\n", "", "\n\0"])
def test_a_list_that_comes_in_parts_is_read_whole(tmp_path: Path, ending: str) -> None:
    host = PagewiseHost(tmp_path)
    host.add_interrupt(24, "", "")
    for name in ("smp", "effective"):
        (host.proc / f"irq/24/{name}_affinity_list").write_text(f"100-123,456{ending}")
    assert read_interrupt(host.root, 24) == Interrupt(24, cpus("100-123,456"), cpus("100-123,456"))


@pytest.mark.parametrize("text", ["nonsense", "3-1", "0x3"])
def test_an_affinity_that_is_no_cpu_list_is_unknown(host: FakeHost, text: str) -> None:
    host.add_interrupt(24, text, text)
    assert read_interrupt(host.root, 24) == Interrupt(24, None, None)


@pytest.mark.parametrize("last", [230, 242, 244, 246, 1600, 8192])
def test_the_longest_list_that_a_large_host_prints_is_read_whole(host: FakeHost, last: int) -> None:
    text = ",".join(str(cpu) for cpu in range(0, last, 2))
    host.add_interrupt(24, text, text)
    assert read_interrupt(host.root, 24) == Interrupt(24, cpus(text), cpus(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ffff", "0-15"),
        ("00000000,0000ffff", "0-15"),
        ("00000001,00000002", "1,32"),
        ("3", "0-1"),
        ("", None),
        ("nonsense", None),
    ],
)
def test_the_default_affinity_is_a_hexadecimal_mask(host: FakeHost, text: str, expected: str | None) -> None:
    host.put(host.proc / "irq/default_smp_affinity", text)
    assert read_default_affinity(host.root) == (None if expected is None else cpus(expected))


def test_a_procfs_without_interrupts_is_refused(host: FakeHost) -> None:
    (host.proc / "irq/default_smp_affinity").unlink()
    with pytest.raises(HostUnreadable, match=r"irq/default_smp_affinity does not exist: point --proc"):
        read_default_affinity(host.root)


def test_the_boot_id_is_that_of_the_host(host: FakeHost) -> None:
    host.put(host.proc / "sys/kernel/random/boot_id", "6a2f7c3e-0000-4000-8000-000000000000")
    assert read_boot_id(host.root) == "6a2f7c3e-0000-4000-8000-000000000000"


@pytest.mark.parametrize("text", [None, ""])
def test_the_boot_id_falls_back_to_that_of_this_process(host: FakeHost, text: str | None) -> None:
    if text is not None:
        host.put(host.proc / "sys/kernel/random/boot_id", text)
    assert read_boot_id(host.root) == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_the_boot_id_is_empty_where_no_proc_has_one(tmp_path: Path) -> None:
    host = RefusingHost(tmp_path)
    host.open_code = errno.ENOENT
    assert read_boot_id(HostRoot(str(host.proc), str(host.sys), host)) == ""
