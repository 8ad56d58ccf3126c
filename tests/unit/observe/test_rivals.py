# SPDX-License-Identifier: Apache-2.0
"""Programs of root's that move interrupts too are found by their name."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from irqaffinity.observe.rivals import find_rivals, shows_processes
from irqaffinity.observe.root import HostRoot
from tests.fakes.host import FakeHost
from tests.functional.agent import wait_for

NOBODY = 65534


def test_irqbalance_is_found_among_the_processes(host: FakeHost) -> None:
    assert (find_rivals(host.root), shows_processes(host.root)) == ((), False)
    host.add_process(1, "systemd")
    assert (find_rivals(host.root), shows_processes(host.root)) == ((), True)
    host.put(host.proc / "self/comm", "irqbalance")
    host.put(host.proc / "76/comm", "irqbalance")  # it ends meanwhile
    assert find_rivals(host.root) == ()
    host.add_process(77, "irqbalance")
    host.add_process(78, "irqbalance")
    (host.proc / "79").mkdir()
    assert find_rivals(host.root) == ("irqbalance",)


def test_a_process_of_another_user_is_none_whatever_its_name(host: FakeHost) -> None:
    host.add_process(77, "irqbalance", uid=1000)
    host.add_process(78, "irqbalance", uid=10)
    assert find_rivals(host.root) == ()


@pytest.fixture
def named(tmp_path: Path) -> Iterator[Path]:
    """A program that waits, by the name of a rival, where every user may start it."""
    if os.geteuid() != 0:
        pytest.skip("needs root: nobody else can start a process of another user")
    folder = Path("/tmp") / f"irqaffinity-{os.getpid()}"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    shutil.copy("/bin/sleep", folder / "irqbalance")
    yield folder / "irqbalance"
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("users", "found"),
    [((0, 0), ("irqbalance",)), ((NOBODY, NOBODY), ()), ((NOBODY, 0), ())],
    ids=["root", "nobody", "nobody with a set-user-ID program"],
)
def test_real_processes(named: Path, tmp_path: Path, users: tuple[int, int], found: tuple[str, ...]) -> None:
    """Those of this machine are left out: one of its own may be a rival."""
    begin = f"import os; os.setresuid(*{users}, {users[1]}); os.execv({str(named)!r}, ['x', '1000000'])"
    with subprocess.Popen([sys.executable, "-c", begin]) as process:
        try:
            (tmp_path / str(process.pid)).symlink_to(f"/proc/{process.pid}")
            comm = Path(f"/proc/{process.pid}/comm")
            wait_for("its name", lambda: comm.read_text() == "irqbalance\n")
            assert find_rivals(HostRoot(proc=str(tmp_path))) == found
        finally:
            process.kill()


def test_a_proc_that_is_away_shows_none(host: FakeHost) -> None:
    host.proc.rename(host.proc.with_name("away"))
    assert (find_rivals(host.root), shows_processes(host.root)) == ((), False)
