# SPDX-License-Identifier: Apache-2.0
"""The tree of the tests changes its files as the kernel does: nobody finds one empty."""

import os
import threading
from pathlib import Path

import pytest

from tests.fakes.tree import HostTree


@pytest.mark.parametrize("name", ["smp_affinity_list", "numa_node"])
def test_what_is_put_is_there_at_any_moment(tmp_path: Path, name: str) -> None:
    path, seen, is_over = tmp_path / name, set[str](), threading.Event()
    HostTree.put(path, "0-15")

    def read() -> None:
        while not is_over.is_set():
            seen.add(path.read_text().strip())

    thread = threading.Thread(target=read)
    thread.start()
    for _ in range(20):
        HostTree.put(path, "5")
        HostTree.put(path, "0-15")
    is_over.set()
    thread.join()
    assert "" not in seen
    assert (path.read_text(), os.listdir(tmp_path)) == ("0-15\n", [name])


def test_an_affinity_is_born_whole(tmp_path: Path) -> None:
    seen, is_over = set[str](), threading.Event()

    def read() -> None:
        while not is_over.is_set():
            for path in tmp_path.glob("*/smp_affinity_list"):
                seen.add(path.read_text())

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(20):
        HostTree.put(tmp_path / f"{number}/smp_affinity_list", "0-15")
    is_over.set()
    thread.join()
    assert seen <= {"0-15\n"}
