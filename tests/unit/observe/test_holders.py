# SPDX-License-Identifier: Apache-2.0
"""Which processes hold functions open, and why others may hold them too."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.holders import HOST_PROCESSES, OPEN_FILES, Holders, Process, find_holders
from irqaffinity.observe.root import HostRoot
from tests.fakes.holding import DEVICE_FILE, open_file, show_host_processes
from tests.fakes.host import FakeHost

NODES = {"vfio/12", "vfio/devices/vfio3", "uio0", "vhost-vdpa-1", "infiniband/uverbs0"}
VF = PciAddress.parse("0000:41:00.1")
SYSPATH = "vfio-device-syspath: /sys/devices/pci0000:40/0000:40:01.0/0000:41:00.1"


class Guarded(FakeHost):
    """A host that refuses calls on some paths."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.refused: dict[str, int] = {}
        self.calls: list[str] = []

    def called(self, call: str, path: str) -> None:
        self.calls.append(f"{call} {path.removeprefix(str(self.proc))}")
        code = next((code for end, code in self.refused.items() if path.endswith(end)), 0)
        if code:
            raise OSError(code, os.strerror(code), path)


@pytest.fixture
def host(tmp_path: Path) -> Guarded:
    made = Guarded(tmp_path)
    show_host_processes(made)
    return made


@pytest.mark.parametrize(
    ("target", "node"),
    [
        ("/dev/vfio/12", "vfio/12"),
        ("/dev/vfio/12 (deleted)", "vfio/12"),
        ("/run/chroot/dev/vfio/12", "vfio/12"),
        ("/dev/vfio/noiommu-12", "vfio/12"),
        ("/dev/vfio/devices/vfio3", "vfio/devices/vfio3"),
        ("/dev/uio0", "uio0"),
        ("/dev/vhost-vdpa-1", "vhost-vdpa-1"),
        ("/dev/infiniband/uverbs0", "infiniband/uverbs0"),
        ("/dev/vfio/vfio", None),
        ("/dev/vfio/1", None),
        ("/dev/vfio/123", None),
        ("/home/me/vfio/12", None),
        ("socket:[12]", None),
        ("anon_inode:[eventpoll]", None),
    ],
)
def test_a_process_that_holds_a_character_device_is_found(host: Guarded, target: str, node: str | None) -> None:
    open_file(host, 77, target)
    found = {} if node is None else {node: (Process(77, "testpmd"),)}
    assert find_holders(host.root, NODES) == Holders(found)


def test_each_process_that_holds_it_is_named_once(host: Guarded) -> None:
    for pid, name in ((9, "primary"), (100, "second\u202eary"), (9, "primary")):
        open_file(host, pid, "/dev/vfio/12", name)
    assert find_holders(host.root, NODES).nodes == {
        "vfio/12": (Process(9, "primary"), Process(100, "second\\x202eary"))
    }


def test_fdinfo_names_the_function_where_the_kernel_has_it(host: Guarded) -> None:
    open_file(host, 77, DEVICE_FILE, fdinfo=f"pos:\t0\nmnt_id:\t17\n{SYSPATH}")
    open_file(host, 78, DEVICE_FILE, fdinfo=f"{SYSPATH}/11111111-1111-1111-1111-111111111111")
    assert find_holders(host.root, NODES) == Holders(functions={VF: (Process(77, "testpmd"), Process(78, "testpmd"))})


@pytest.mark.parametrize("fdinfo", ["pos:\t0", "vfio-device-syspath: /sys/devices/platform/x", "other: /0000:41:00.1"])
def test_a_function_that_nothing_names_may_be_any(host: Guarded, fdinfo: str) -> None:
    open_file(host, 77, DEVICE_FILE, "spdk", fdinfo=fdinfo)
    missing = find_holders(host.root, NODES).missing
    assert missing == "spdk (pid 77) holds a vfio device, and Linux before 6.18 does not tell which"
    open_file(host, 77, "/dev/vfio/vfio", "spdk")
    assert find_holders(host.root, NODES).missing == missing, "a container says nothing"


@pytest.mark.parametrize("node", ["vfio/12", "vfio/99", "vfio/noiommu-99", "vfio/devices/vfio99"])
def test_a_node_says_which_function_it_may_be_also_one_that_nobody_asks_for(host: Guarded, node: str) -> None:
    open_file(host, 77, DEVICE_FILE, "qemu-system-x86")
    open_file(host, 77, f"/dev/{node}", "qemu-system-x86")
    assert find_holders(host.root, NODES).missing is None


def test_a_process_or_file_that_vanishes_is_passed_over(host: Guarded) -> None:
    for pid in (77, 78, 79, 80, 81):
        open_file(host, pid, "/dev/vfio/12")
    open_file(host, 78, "/dev/uio0")
    open_file(host, 80, DEVICE_FILE)
    host.refused = {
        "/77/fd": errno.ENOENT,
        "/78/fd/0": errno.ENOENT,
        "/79/fd": errno.ESRCH,
        "/80/fdinfo/1": errno.ENOENT,
    }
    host.refused["/81/comm"] = errno.ESRCH
    assert find_holders(host.root, NODES) == Holders(
        {"uio0": (Process(78, "testpmd"),), "vfio/12": (Process(80, "testpmd"), Process(81, "?"))}
    )


@pytest.mark.parametrize("place", ["/77/fd", "/77/fd/0", "/77/fdinfo/0"])
@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.ENOMEM, errno.EMFILE])
def test_what_may_not_be_read_is_said_with_the_right_that_is_missing(host: Guarded, place: str, code: int) -> None:
    open_file(host, 77, DEVICE_FILE, fdinfo=SYSPATH)
    open_file(host, 78, "/dev/vfio/12")
    host.refused = {place: code}
    found = find_holders(host.root, NODES)
    assert found.missing == f"the open files of 1 of 3 processes may not be read: {OPEN_FILES}"
    assert found.nodes == {"vfio/12": (Process(78, "testpmd"),)}, "who is found is found"


def test_a_proc_of_a_container_shows_not_the_host(host: Guarded) -> None:
    open_file(host, 77, "/dev/vfio/12")
    for stat in ("2 (kthreadd) S 1 0 0 0 -1 4194560 0 0", "2 (a) 209b) S", ""):
        host.put(host.proc / "2/stat", stat)
        found = find_holders(host.root, NODES)
        assert found.missing == f"{host.proc} does not show the processes of the host: {HOST_PROCESSES}"
        assert found.nodes == {"vfio/12": (Process(77, "testpmd"),)}
    (host.proc / "2/stat").unlink()
    assert find_holders(host.root, NODES).missing is not None
    show_again = "2 (kthreadd) S 0 0) S 0 0 0 0 -1 2129984 0"
    host.put(host.proc / "2/stat", show_again)
    assert find_holders(host.root, NODES).missing is None, "a name may have a parenthesis"


def test_without_a_proc_nothing_is_known(tmp_path: Path) -> None:
    assert find_holders(HostRoot(str(tmp_path / "none")), NODES).missing is not None


def test_a_copy_of_a_proc_in_plain_files_hides_nobody(host: Guarded) -> None:
    (host.proc / "2/stat").unlink()
    assert find_holders(host.root, NODES).missing is not None
    (host.proc / "self").unlink()
    open_file(host, 77, "/dev/vfio/12")
    found = find_holders(host.root, NODES)
    assert (found.missing, [process.pid for process in found.nodes["vfio/12"]]) == (None, [77])


def test_of_a_kernel_thread_and_of_other_files_nothing_more_is_read(host: Guarded) -> None:
    open_file(host, 77, "/dev/null")
    host.calls.clear()
    find_holders(host.root, NODES)
    assert sorted(host.calls) == [
        "listdir ",
        "listdir /2/fd",
        "listdir /77/fd",
        "open /2/stat",
        "read /2/stat",
        "readlink /77/fd/0",
    ]


def test_a_real_process_that_holds_a_real_file_is_found(tmp_path: Path) -> None:
    group = tmp_path / "dev/vfio/4711"
    group.parent.mkdir(parents=True)
    group.touch()
    with group.open() as file, subprocess.Popen(["sleep", "infinity"], stdin=file) as process:
        file.close()
        found = find_holders(HostRoot(), {"vfio/4711"}).nodes
        process.kill()
    assert found["vfio/4711"][0].pid == process.pid
    assert "vfio/4711" not in find_holders(HostRoot(), {"vfio/4711"}).nodes


PROGRAM = """
import os, sys
from irqaffinity.observe.holders import find_holders
from irqaffinity.observe.root import HostRoot
if sys.argv[1:] == ["nobody"]:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
print(find_holders(HostRoot(), ()).missing)
"""


def test_a_process_without_rights_is_told_what_it_lacks() -> None:
    """Where root runs this, it becomes nobody once it has loaded the program."""
    command = [sys.executable, "-c", PROGRAM, *(["nobody"] if os.geteuid() == 0 else [])]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert OPEN_FILES in told or HOST_PROCESSES in told, "the second where these tests run in a container"


def test_in_a_pid_namespace_of_its_own_it_is_told_so() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may make a PID namespace")
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", PROGRAM]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told.strip() == f"/proc does not show the processes of the host: {HOST_PROCESSES}"
