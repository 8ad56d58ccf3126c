# SPDX-License-Identifier: Apache-2.0
"""Sees to it that virtual functions are what is declared, and costs no memory where nobody asked for it."""

from typing import TYPE_CHECKING

from irqaffinity.agent.counters import Counters
from irqaffinity.agent.view import View
from irqaffinity.conf.load import Settings
from irqaffinity.daemon.threads import Threads
from irqaffinity.model.sriov_options import ApplyMode

if TYPE_CHECKING:
    from irqaffinity.agent.sriov import FunctionKeeper


class Functions:
    """The part of the agent that `[sriov] apply` switches on."""

    def __init__(self, threads: Threads, view: View, counters: Counters) -> None:
        self._threads = threads
        self._view = view
        self._counters = counters
        self._keeper: FunctionKeeper | None = None

    def follow(self, settings: Settings, *, is_start: bool = False) -> None:
        """Work by these options from now on; `is_start` is whether the agent starts with them."""
        if self._keeper is None and settings.sriov.apply is not ApplyMode.OFF:
            from irqaffinity.agent.sriov import FunctionKeeper  # noqa: PLC0415  off by default

            self._keeper = FunctionKeeper(self._threads, self._view.saw_functions, self._counters.count_functions)
        if self._keeper is not None:
            self._keeper.follow(settings, is_start=is_start)

    def is_settled(self) -> bool:
        """Return whether what is done at the start is over, or takes too long for others to wait for it."""
        return self._keeper is None or self._keeper.is_settled

    def wake(self) -> None:
        """Try again at once what a hold deferred: it may be over."""
        if self._keeper is not None:
            self._keeper.wake()

    def end(self) -> None:
        """Begin nothing more."""
        if self._keeper is not None:
            self._keeper.end()
