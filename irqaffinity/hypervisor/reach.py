# SPDX-License-Identifier: Apache-2.0
"""Whether libvirt can be reached, when it is asked again, and when only a new process helps."""

from collections.abc import Callable

from irqaffinity.hypervisor.connection import Hypervisor, LibvirtUnreachable
from irqaffinity.listen.link import Link
from irqaffinity.listen.retry import Retry
from irqaffinity.model.times import STUCK


class LibvirtStuck(Exception):
    """libvirt has not answered for so long that only a new process helps."""


class Reach:
    """The state of one connection to libvirt. Times are in seconds of `clock`."""

    def __init__(self, hypervisor: Hypervisor, clock: Callable[[], float]) -> None:
        self.link = Link("libvirt", hypervisor.shown_uri)
        self._hypervisor = hypervisor
        self._clock = clock
        self._retry = Retry(clock)
        self._stuck_since: float | None = None

    @property
    def is_up(self) -> bool:
        """Whether libvirt answered when it was asked last."""
        return self.link.state.is_up

    def answered(self) -> None:
        """Note that libvirt has answered."""
        if not self.is_up:
            self.link.up(self._hypervisor.shown_uri)
        self._retry.worked()

    def lost(self, error: LibvirtUnreachable) -> None:
        """Note that libvirt has not answered."""
        self.link.down(str(error))

    def next_wait(self) -> float:
        """Return the seconds until the next attempt."""
        return self._retry.failed()

    def move(self, uri: str) -> None:
        """Ask another libvirt from now on; the status names it, whether it can be reached or not."""
        before = self._hypervisor.shown_uri
        self._hypervisor.move(uri)
        if self._hypervisor.shown_uri != before:
            self.link.turn_to(self._hypervisor.shown_uri)
            self._retry = Retry(self._clock)

    def watch(self) -> None:
        """Raise LibvirtStuck when two calls have not come back for a minute: only a new process frees their threads."""
        if not self._hypervisor.is_stuck:
            self._stuck_since = None
        elif self._stuck_since is None:
            self._stuck_since = self._clock()
        elif self._clock() - self._stuck_since > STUCK:
            raise LibvirtStuck(f"libvirt at {self._hypervisor.shown_uri} has not answered for {STUCK:g} s")
