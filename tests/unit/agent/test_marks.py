# SPDX-License-Identifier: Apache-2.0
"""The files whose age probes ask for, looked at as a probe of the chart does."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from irqaffinity.agent.marks import ALIVE, READY, remove, renew
from tests.probe import passes


@pytest.mark.parametrize(("is_alive", "works"), [(True, True), (True, False), (False, False)])
def test_each_holds_by_itself(tmp_path: Path, is_alive: bool, works: bool) -> None:
    path = str(tmp_path / "status.json")
    renew(path, is_alive=True, works=True)
    renew(path, is_alive=is_alive, works=works)
    assert (passes(path + ALIVE), passes(path + READY)) == (is_alive, works)


def test_one_that_is_not_renewed_holds_no_longer(tmp_path: Path) -> None:
    """As when the agent was killed, and its files were left."""
    path = str(tmp_path / "status.json")
    renew(path, is_alive=True, works=True)
    seconds = os.stat(path + ALIVE).st_mtime - 31.0
    os.utime(path + ALIVE, (seconds, seconds))
    assert not passes(path + ALIVE)
    renew(path, is_alive=True, works=True)
    assert passes(path + ALIVE)


def test_nothing_is_left_of_an_agent_that_has_ended(tmp_path: Path) -> None:
    path = str(tmp_path / "status.json")
    renew(path, is_alive=True, works=True)
    remove(path)
    assert list(tmp_path.iterdir()) == []
    remove(path)


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_link(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))
    path.with_name("elsewhere").touch()


@pytest.mark.parametrize("make", [make_fifo, make_link, Path.mkdir])
def test_what_is_no_file_is_neither_renewed_nor_removed(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "status.json"
    make(Path(f"{path}{ALIVE}"))
    before = os.lstat(f"{path}{ALIVE}")
    with pytest.raises(OSError, match=r"no regular file|Too many levels|No such device|Is a directory"):
        renew(str(path), is_alive=True, works=True)
    remove(str(path))
    assert os.lstat(f"{path}{ALIVE}") == before
