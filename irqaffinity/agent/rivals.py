# SPDX-License-Identifier: Apache-2.0
"""Looks for other programs that move interrupts, in a thread of its own: no pass ever waits for that.

It reads command lines, which are in the memory of their processes: where one of these hangs (in a page of a network
file system that is away, say), whoever reads its command line hangs too (Linux, fs/proc/base.c, get_mm_cmdline).
"""

import threading

from irqaffinity.agent.view import View
from irqaffinity.daemon.threads import Threads
from irqaffinity.observe.rivals import find_rivals
from irqaffinity.observe.root import HostRoot


class RivalSearch:
    """Shows in a view which rivals run. For the thread that makes passes."""

    def __init__(self, root: HostRoot, threads: Threads, view: View) -> None:
        self._root = root
        self._threads = threads
        self._view = view
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Search again, unless the last search still goes on; wait for nothing."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = self._threads.start("rivals", self._search)

    def _search(self) -> None:
        self._view.saw_rivals(find_rivals(self._root))
