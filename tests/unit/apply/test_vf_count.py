# SPDX-License-Identifier: Apache-2.0
"""The number of virtual functions: written by a process of its own, read back, and left to a kernel that hangs.

A pipe stands for `sriov_numvfs`: what is written to it is done when the number is read next, and a full one blocks.
"""

import errno
import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from irqaffinity.apply import vf_count
from irqaffinity.apply.vf_count import AUTOPROBE, NUMVFS, Counted, count_vfs, keep_nothing, write_autoprobe, write_count
from irqaffinity.model.declared import Made
from tests.functional.agent import wait_for
from tests.patience import HANG

SHORT = 0.3
"""Seconds; the one who writes to a full pipe waits for ever."""


class Kernel:
    """Makes and removes virtual functions of the device in a folder, `most` at most."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.most = 64
        self.seen: list[str] = []
        os.mkfifo(folder / NUMVFS)
        self.pipe = os.open(folder / NUMVFS, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self.pipe, fcntl.F_SETPIPE_SZ, 4096)

    def count(self, folder: str) -> int:
        """Do what was written, and return how many virtual functions there are."""
        assert folder == str(self.folder)
        try:
            text = os.read(self.pipe, 4096).decode()
        except BlockingIOError:
            return count_vfs(folder)
        self.seen.append(text)
        for link in self.folder.glob("virtfn*"):
            link.unlink()
        for index in range(min(int(text), self.most)):
            (self.folder / f"virtfn{index}").symlink_to(f"../{index}")
        return count_vfs(folder)

    def block(self) -> None:
        """Have the next write wait."""
        os.write(self.pipe, bytes(4096))

    def go_on(self) -> None:
        """Let the write that waits come to its end."""
        os.read(self.pipe, 4096)

    def write(self, wanted: int, *, removes: bool = True) -> Counted:
        return write_count(str(self.folder), wanted, HANG, keep_nothing, self.count, removes=removes)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    made = Kernel(tmp_path)
    yield made
    os.close(made.pipe)


@pytest.fixture
def left() -> Iterator[list["subprocess.Popen[bytes]"]]:
    """The processes that a test leaves to the kernel; they end with it."""
    yield vf_count._left
    for process in vf_count._left:
        process.kill()
        process.wait(HANG)
    vf_count._left.clear()


def test_from_none_it_is_one_write_and_from_some_none_comes_first(kernel: Kernel) -> None:
    assert kernel.write(4, removes=False) == Counted(Made.SET)
    assert kernel.write(8) == Counted(Made.SET)
    assert kernel.write(0) == Counted(Made.SET)
    assert kernel.seen == ["4", "0", "8", "0"]


def test_what_somebody_else_has_made_meanwhile_is_not_removed(kernel: Kernel) -> None:
    assert kernel.write(4, removes=False) == Counted(Made.SET)
    kernel.write(8, removes=False)
    assert kernel.seen == ["4", "8"], "the kernel refuses the second one"


def test_what_failed_half_way_is_told_with_what_is_and_what_should_be(kernel: Kernel) -> None:
    kernel.most = 5
    answer = kernel.write(8)
    assert answer == Counted(Made.FAILED, "it has 5, and should have 8: the kernel accepted it")


def test_a_kernel_that_hangs_is_left_and_nobody_waits_behind_it(
    kernel: Kernel, left: list["subprocess.Popen[bytes]"]
) -> None:
    assert kernel.write(3) == Counted(Made.SET)
    kernel.block()
    answer = write_count(str(kernel.folder), 8, SHORT, keep_nothing, count_vfs, removes=True)
    (process,) = left
    assert process.poll() is None
    assert answer == Counted(
        Made.FAILED,
        "it has 3, and should have 8: the kernel has not answered for 0 s, and goes on with it "
        f"(process {process.pid})",
        hangs=True,
    )
    wait_for("the lock of the one that hangs", lambda: _is_locked(kernel.folder / NUMVFS))
    only = {os.devnull, str(kernel.folder / NUMVFS)}
    wait_for("a process that holds no lock and no file of ours", lambda: _files(process.pid) == only)
    assert os.getsid(process.pid) == process.pid
    second = write_count(str(kernel.folder), 8, HANG, keep_nothing, count_vfs, removes=True)
    assert second.hangs
    assert second.message == (
        "it has 3, and should have 8: another process writes it, and the kernel has not answered that one yet: "
        "wait for its end"
    )
    assert left == [process]
    kernel.go_on()
    assert process.wait(HANG) == 0
    assert kernel.count(str(kernel.folder)) == 0
    assert kernel.write(8) == Counted(Made.SET)


def _files(pid: int) -> set[str]:
    return {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}


def _is_locked(path: Path) -> bool:
    """Tell whether somebody holds the lock; to try to get it would take it from the one who is about to."""
    return f":{path.stat().st_ino} " in Path("/proc/locks").read_text()


def test_a_signal_ends_the_process_that_writes_if_the_kernel_lets_it(
    kernel: Kernel, left: list["subprocess.Popen[bytes]"]
) -> None:
    kernel.block()
    write_count(str(kernel.folder), 8, SHORT, keep_nothing, count_vfs, removes=True)
    left[0].terminate()
    assert left[0].wait(HANG) < 0
    kernel.go_on()


def test_a_process_that_cannot_open_the_file_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / AUTOPROBE)  # to open it waits for a reader
    monkeypatch.setattr(vf_count, "DEADLINE", SHORT)
    answer = write_autoprobe(str(tmp_path), False, HANG)
    assert answer == Counted(Made.FAILED, "the process that writes it was ended by signal 9: try again")


def test_what_is_kept_back_at_the_last_moment_is_not_written(kernel: Kernel) -> None:
    held, asked = Counted(Made.HELD, "hold 1"), []

    def keep() -> Counted | None:
        assert _is_locked(kernel.folder / NUMVFS), "the process could write at once"
        asked.append(True)
        return held if len(asked) == 1 else None

    for _ in range(2):
        answer = write_count(str(kernel.folder), 4, HANG, keep, kernel.count, removes=True)
        assert kernel.seen == ([] if answer == held else ["0", "4"])
    assert (len(asked), answer) == (2, Counted(Made.SET)), "what has begun with the removal is brought to its end"
    (kernel.folder / AUTOPROBE).write_text("1")
    assert write_autoprobe(str(kernel.folder), False, HANG, lambda: held) == held
    assert (kernel.folder / AUTOPROBE).read_text() == "1"


def test_nothing_is_written_where_nobody_could_be_asked(kernel: Kernel) -> None:
    def fail() -> None:
        raise LookupError("the holds cannot be read")

    with pytest.raises(LookupError, match="cannot be read"):
        write_count(str(kernel.folder), 4, HANG, fail, kernel.count, removes=False)
    wait_for("the end of the process", lambda: not _is_locked(kernel.folder / NUMVFS))
    assert kernel.count(str(kernel.folder)) == 0
    assert kernel.seen == []


def test_a_device_without_a_driver_for_it(tmp_path: Path) -> None:
    assert write_count(str(tmp_path), 8, removes=False) == Counted(
        Made.UNSUPPORTED, "it has 0, and should have 8: the device has no driver that can make virtual functions"
    )
    assert (
        write_count(str(tmp_path / "gone"), 8, removes=False).message
        == f"{tmp_path}/gone cannot be read: No such file or directory"
    )


@pytest.mark.parametrize(
    ("number", "made", "told"),
    [
        (errno.ENOENT, Made.UNSUPPORTED, "the device has no driver that can make virtual functions"),
        (errno.EACCES, Made.FAILED, "/a: Permission denied; run it as root, with /sys writable"),
        (errno.EROFS, Made.FAILED, "/a: Read-only file system; run it as root, with /sys writable"),
        (errno.ERANGE, Made.FAILED, "Numerical result out of range; the kernel's log says more"),
        (errno.EBUSY, Made.FAILED, "Device or resource busy; the kernel's log says more"),
        (255, Made.FAILED, "the process that writes it was ended by an error of its own: try again"),
        (-9, Made.FAILED, "the process that writes it was ended by signal 9: try again"),
    ],
)
def test_what_an_error_means(number: int, made: Made, told: str) -> None:
    assert vf_count._judge("/a", number) == Counted(made, told)


def test_an_error_of_the_kernel_reaches_us_by_its_number(tmp_path: Path) -> None:
    (tmp_path / NUMVFS).symlink_to(f"/proc/{os.getpid()}/oom_score_adj")  # no other process locks it
    assert write_count(str(tmp_path), 5000, removes=False).message == (
        "it has 0, and should have 5000: Invalid argument; the kernel's log says more"
    )


def test_autoprobe(tmp_path: Path) -> None:
    file = tmp_path / AUTOPROBE
    file.write_text("1")
    assert write_autoprobe(str(tmp_path), False) == Counted(Made.SET)
    assert file.read_text() == "0"
    assert write_autoprobe(str(tmp_path), True) == Counted(Made.SET)
    assert file.read_text() == "1"


def test_the_links_alone_are_counted(tmp_path: Path) -> None:
    for name in ("virtfn0", "virtfn12", "virtfn", "virtfnx", "physfn", "sriov_numvfs"):
        (tmp_path / name).touch()
    assert count_vfs(str(tmp_path)) == 2
