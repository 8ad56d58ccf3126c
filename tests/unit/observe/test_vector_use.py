# SPDX-License-Identifier: Apache-2.0
"""The kernel's own count of the interrupt vectors of each CPU."""

import errno
import os
from pathlib import Path

import pytest

from irqaffinity.model.isolation import VectorUse
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.vector_use import parse_vector_use, read_vector_use
from tests.fakes.host import FakeHost

HEAD = """\
name:   VECTOR
 size:   0
 mapped: 41
 flags:  0x00000103
Online bitmaps:        3
Global available:    398
Global reserved:       6
Total allocated:     222
System: 36: 0-19,21,50,128,236,243-244,246-255
 | CPU | avl | man | mac | act | vectors
"""
TABLE = HEAD + "     0   169     0     0   33  32-49,51-65\n     2    26     3     1  174  32-49,52-127,129-208\n"
"""As Linux 6.6 writes it; without a vector the row ends after its count, and a blank."""
PATH = "kernel/debug/irq/domains/VECTOR"


def test_a_reserved_vector_is_taken_whether_or_not_it_is_in_use(host: FakeHost) -> None:
    host.put(host.sys / PATH, TABLE + "   130   201     1     0    0  ")
    assert read_vector_use(host.root) == VectorUse({0: 33, 2: 176, 130: 1}, {0: 202, 2: 202, 130: 202}, is_exact=True)


def test_the_table_may_be_indented_below_other_domains() -> None:
    text = "name:   DMAR-MSI\n parent: VECTOR\n    name:   VECTOR\n"
    text += "     | CPU | avl | man | mac | act | vectors\n         0   197     0     0    4  33-35,48\n"
    assert parse_vector_use(text.encode()) == VectorUse({0: 4}, {0: 201}, is_exact=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        HEAD,
        TABLE.replace("mac | ", ""),
        TABLE.replace("mac", "man", 1).replace("| man | man |", "| mac | man |"),
        TABLE + "     3   169     0     0\n",
        TABLE + "     3   169     0     x   33  32-49\n",
        TABLE + "and so on\n",
        TABLE + "     3   169     0     9    1  33\n",
    ],
)
def test_what_is_not_understood_is_not_known(text: str) -> None:
    assert parse_vector_use(text.encode()) is None


def test_a_table_longer_than_one_read_is_read_to_its_end(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"  {cpu:4}   169     0     0   33  32-49,51-65\n" for cpu in range(256))
    host.put(host.sys / PATH, HEAD + rows)
    monkeypatch.setattr(FakeHost, "read", lambda _self, fd, length: os.read(fd, min(length, 4096)))
    use = read_vector_use(host.root)
    assert use is not None
    assert len(use.used) == 256


@pytest.mark.parametrize("code", [errno.ENOENT, errno.EACCES, errno.EPERM])
def test_where_the_file_cannot_be_read_nothing_is_known(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    host.put(host.sys / PATH, TABLE)

    def called(_call: str, path: str) -> None:
        raise OSError(code, os.strerror(code), path)

    monkeypatch.setattr(host, "called", called)
    assert read_vector_use(host.root) is None


def test_the_file_of_this_machine_is_understood() -> None:
    path = Path("/sys") / PATH
    if not os.access(path, os.R_OK):
        pytest.skip(f"{path} is not there, or not for this user")
    use = read_vector_use(HostRoot())
    assert use is not None
    assert all(0 <= use.used[cpu] <= use.capacity[cpu] for cpu in use.capacity)
