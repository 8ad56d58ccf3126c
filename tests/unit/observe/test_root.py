# SPDX-License-Identifier: Apache-2.0
"""How the host is reached: what counts as missing, and what is passed on as an error."""

import errno
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from irqaffinity.observe.root import HostRoot, HostUnreadable
from tests.fakes.host import FakeHost


def failing(code: int, *names: str) -> Any:
    """Return the calls of `os`; those in `names` fail with this errno."""

    def fail(*_args: object) -> None:
        raise OSError(code, os.strerror(code))

    calls = {name: getattr(os, name) for name in ("open", "read", "write", "close", "stat", "listdir", "readlink")}
    return SimpleNamespace(**{**calls, **dict.fromkeys(names, fail)})


def test_paths_of_an_interrupt_are_below_proc() -> None:
    root = HostRoot("/host/proc", "/host/sys")
    assert root.irq_folder(24) == "/host/proc/irq/24"
    assert root.affinity_file(24) == "/host/proc/irq/24/smp_affinity_list"


def test_a_text_is_read_without_the_space_around_it(host: FakeHost) -> None:
    host.put(host.sys / "some/file", "  a b ")
    assert host.root.read(f"{host.sys}/some/file") == "a b"
    assert (host.opens, host.reads) == (1, 1)


@pytest.mark.parametrize("ending", ["", "\n", "\n\0", "\0\n"])
def test_a_text_that_comes_in_parts_is_read_to_its_end(host: FakeHost, ending: str) -> None:
    path = host.sys / "cpulist"
    path.write_text(f"0-31,64-95{ending}")
    calls = failing(errno.EIO)
    calls.read = lambda fd, length: os.read(fd, 3)
    assert HostRoot(str(host.proc), str(host.sys), calls).read(str(path)) == "0-31,64-95"


@pytest.mark.parametrize("code", [errno.ENOENT, errno.ENODEV, errno.ENXIO])
@pytest.mark.parametrize("call", ["open", "read"])
def test_a_file_that_vanished_has_no_text(host: FakeHost, code: int, call: str) -> None:
    root = HostRoot(str(host.proc), str(host.sys), failing(code, call))
    assert root.read_if_there(f"{host.sys}/devices/system/cpu/online") is None


def test_a_file_without_a_value_has_no_text(host: FakeHost) -> None:
    root = HostRoot(str(host.proc), str(host.sys), failing(errno.EINVAL, "read"))
    assert root.read_if_there(f"{host.sys}/devices/system/cpu/online") is None


@pytest.mark.parametrize(
    ("call", "use", "missing"),
    [
        ("listdir", HostRoot.list_if_there, []),
        ("readlink", HostRoot.read_link, None),
        ("open", HostRoot.read_if_there, None),
    ],
)
def test_what_is_missing_is_no_error_and_what_is_forbidden_is(
    call: str, use: Callable[[HostRoot, str], object], missing: object
) -> None:
    assert use(HostRoot(calls=failing(errno.ENOENT, call)), "/any") == missing
    with pytest.raises(PermissionError):
        use(HostRoot(calls=failing(errno.EACCES, call)), "/any")


def test_a_folder_is_listed_in_order_and_a_file_is_an_error(host: FakeHost) -> None:
    for name in ("c", "a", "b"):
        host.put(host.sys / "folder" / name, "")
    assert host.root.list_if_there(f"{host.sys}/folder") == ["a", "b", "c"]
    with pytest.raises(NotADirectoryError):
        host.root.list_if_there(f"{host.sys}/folder/a")


def test_a_link_gives_its_target_and_a_file_gives_none(host: FakeHost) -> None:
    host.put(host.sys / "file", "")
    host.link(host.sys / "bus/driver", host.sys / "bus/drivers/vfio-pci")
    assert host.root.read_link(f"{host.sys}/bus/driver") == "drivers/vfio-pci"
    assert host.root.read_link(f"{host.sys}/file") is None


def test_every_descriptor_is_closed_also_after_a_failed_read(host: FakeHost) -> None:
    closed: list[int] = []

    def close(fd: int) -> None:
        closed.append(fd)
        os.close(fd)

    calls, path = failing(errno.EIO, "read"), f"{host.sys}/devices/system/cpu/online"
    calls.close = close
    with pytest.raises(OSError, match="Input/output error") as refusal:
        HostRoot(str(host.proc), str(host.sys), calls).read_if_there(path)
    assert (len(closed), refusal.value.filename) == (1, path)


def test_existence(host: FakeHost) -> None:
    assert host.root.exists(str(host.sys / "devices/system/cpu/online"))
    assert not host.root.exists(str(host.sys / "devices/system/cpu/offline"))
    with pytest.raises(PermissionError):
        HostRoot(calls=failing(errno.EACCES, "stat")).exists("/any")


def test_what_is_required_and_cannot_be_read_is_named() -> None:
    with pytest.raises(HostUnreadable, match=r"^/any cannot be read \(Permission denied\): point --sys$"):
        HostRoot(calls=failing(errno.EACCES, "stat")).require("/any", "--sys")
    with pytest.raises(HostUnreadable, match=r"^/any does not exist: point --sys$"):
        HostRoot(calls=failing(errno.ENOENT, "stat")).require("/any", "--sys")
