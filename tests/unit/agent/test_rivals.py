# SPDX-License-Identifier: Apache-2.0
"""The search for rivals: it hangs where a process hangs whose memory it reads, and nothing waits for it."""

import threading
from pathlib import Path

import pytest

from irqaffinity.agent.rivals import RivalSearch
from irqaffinity.agent.view import View
from irqaffinity.daemon.threads import Threads
from tests.fakes.host import FakeHost
from tests.patience import HANG


class Hanging(FakeHost):
    """A host where the command line of process 77 cannot be read before the test lets it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.searches = 0
        self.hangs, self.goes_on = threading.Event(), threading.Event()

    def called(self, call: str, path: str) -> None:
        self.searches += call == "listdir" and path == str(self.proc)
        if call == "read" and path.endswith("/77/cmdline"):
            self.hangs.set()
            assert self.goes_on.wait(HANG)


def end_searches() -> None:
    for thread in threading.enumerate():
        if thread.name == "rivals":
            thread.join(HANG)


@pytest.fixture
def host(tmp_path: Path) -> Hanging:
    made = Hanging(tmp_path)
    made.add_process(77, "bash", words=["/bin/bash", "/usr/sbin/set_irq_affinity.sh", "eth0"])
    return made


def test_nothing_waits_for_a_process_whose_memory_cannot_be_read(host: Hanging) -> None:
    threads, view = Threads(), View("cmp-1")
    search = RivalSearch(host.root, threads, view)
    search.begin()
    assert host.hangs.wait(HANG)
    search.begin()
    assert (host.searches, view.rivals, view.version) == (1, (), 0), "no second one hangs behind the first"
    host.goes_on.set()
    end_searches()
    assert (view.rivals, view.version, threads.dead) == (("set_irq_affinity",), 1, None)
    search.begin()
    end_searches()
    assert (host.searches, view.version) == (2, 1)
