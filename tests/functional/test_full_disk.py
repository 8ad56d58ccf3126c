# SPDX-License-Identifier: Apache-2.0
"""Commands on a disk that is full: a small tmpfs of the test's own."""

import contextlib
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.domains import make_libvirt
from tests.fakes.scene import VF0, Scene
from tests.functional.agent import PROGRAM
from tests.patience import HANG

Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.usefixtures("as_root")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k,mode=0700", "none", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path, left: int = 0) -> None:
    """Leave so many bytes, whole pages, on a disk."""
    with (disk / "rest").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 512)
    (disk / "rest").chmod(0o600)
    os.truncate(disk / "rest", (disk / "rest").stat().st_size - left)


@pytest.fixture
def run(scene: Scene, disk: Path) -> Run:
    """Runs a command on a guest of the scene, with its state on the disk."""
    scene.add_guest(VF0)
    for path in scene.host.proc.glob("irq/*/effective_affinity_list"):
        path.unlink()
    uri = make_libvirt(scene.folder / "libvirt", scene.domains)

    def call(*arguments: str, state: str = "state", **environment: str) -> subprocess.CompletedProcess[str]:
        options = [f"--proc={scene.host.proc}", f"--sys={scene.host.sys}", f"--libvirt-uri={uri}"]
        command = [PROGRAM, "--config-file=/dev/null", *options, f"--state={disk / state}", *arguments]
        environment = {**os.environ, **environment}
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG, env=environment)

    return call


def test_a_reset_and_an_audit_that_cannot_be_stored_say_so_in_one_line(run: Run, disk: Path, scene: Scene) -> None:
    assert run("audit", "--once").returncode == 0
    fill(disk)
    for command in (["reset"], ["audit", "--once"], ["audit", "--once", "-f", "json"]):
        done = run(*command)
        assert done.returncode == 1
        assert_one_line(done, disk / "state")
    (disk / "rest").unlink()
    assert run("reset").returncode == 0
    assert scene.host.smp(40) == "0-15"


def assert_one_line(done: subprocess.CompletedProcess[str], named: Path) -> None:
    (line,) = done.stderr.splitlines()
    assert line.startswith("irqaffinity: ")
    assert str(named) in line
    assert re.search(r"(No space left on device|disk I/O error|disk is full); (free|name) ", line)


@pytest.mark.parametrize("left", [0, 4096, 8192, 16384])
def test_a_state_that_cannot_even_be_made_is_told_in_one_line(run: Run, disk: Path, left: int) -> None:
    fill(disk, left)
    done = run("audit", "--once", state="new")
    assert done.returncode == 1
    assert_one_line(done, disk / "new")
    done = run("reset", state="new")
    assert "Traceback" not in done.stderr
    assert (done.returncode, len(done.stderr.splitlines())) in ((0, 0), (1, 1))


@pytest.mark.parametrize("left", [4096, 16384, 65536])
def test_a_demo_on_a_full_disk_is_one_line(run: Run, disk: Path, left: int) -> None:
    """Where not even a byte can be written, Python's tempfile takes another folder."""
    fill(disk, left)
    done = run("demo", TMPDIR=str(disk))
    assert (done.returncode, done.stdout) == (1, "")
    assert_one_line(done, disk)
