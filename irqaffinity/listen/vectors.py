# SPDX-License-Identifier: Apache-2.0
"""Listens to the kernel's trace events for the births and ends of interrupts (x86 alone)."""

import logging
import os
import re
import select
import time
from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol

from irqaffinity.listen.ears import Ears
from irqaffinity.listen.link import Link
from irqaffinity.listen.queue import WakeQueue
from irqaffinity.listen.retry import Retry
from irqaffinity.listen.tracing import Changed, Untraceable, explained, read_settings, require_settings, traced

LOG = logging.getLogger(__name__)

_CHECK_EVERY = 2.0
"""Seconds between two checks that the instance still has its settings."""

_HOUR = 3600.0
_EVENT = re.compile(r": vector_(activate|teardown): irq=(\d+) |\[LOST (\d+) EVENTS\]")


class Hearer(Protocol):
    """The receiver of the kernel's news of interrupts. The listener's thread calls it, with ends first."""

    def born(self, number: int) -> None:
        """Take note that an interrupt's vector is in use from now on, just before /proc/irq has it."""

    def ended(self, numbers: Collection[int]) -> None:
        """Take note that interrupts have ended: others may get their numbers next."""


class Heard(NamedTuple):
    """What a text of the trace says: `born` are alive at its end, `ended` had an end in it; `lost` counts events."""

    born: list[int]
    ended: set[int]
    lost: int


def sift(text: str) -> Heard:
    """Return what a text of trace_pipe says. An interrupt that was born and ended within it counts as ended alone.

    Nothing of such an interrupt is left to be placed, and a guest can make them by the thousand.
    """
    born, ended, lost = dict[int, None](), set[int](), 0
    for kind, number, losses in _EVENT.findall(text):
        if losses:
            lost += int(losses)
        elif kind == "activate":
            born[int(number)] = None
        else:
            ended.add(int(number))
            born.pop(int(number), None)
    return Heard(list(born), ended, lost)


class VectorListener:
    """A private trace instance, read while it has something. `run` is the life of a thread, until `stop`."""

    def __init__(self, queue: WakeQueue, hearer: Hearer, tracing: str, name: str) -> None:
        """`tracing` is where tracefs is, `name` the instance's; only one process may use that name at a time."""
        self.link = Link("vectors", f"{tracing}/instances/{name}")
        self.retry = Retry()
        self.lost = 0
        """Events that the kernel dropped."""
        self._wakes = queue
        self._hearer = hearer
        self._tracing = tracing
        self._folder = f"{tracing}/instances/{name}"
        self._stopping = os.eventfd(0, os.EFD_CLOEXEC)
        self._has_lost = False
        self._logged_change: float | None = None

    def stop(self) -> None:
        """Let `run` give the instance back and return."""
        os.eventfd_write(self._stopping, 1)

    def run(self) -> None:
        """Listen until `stop`. Where there is nothing to listen to, say why, and try again now and then.

        An instance that somebody switched off is set up anew, and a full pass makes up for the events that it missed.
        """
        while True:
            try:
                with explained(self._tracing), traced(self._tracing, self._folder) as pipe:
                    armed = read_settings(self._folder)
                    self.link.up(self._folder)
                    self.retry.worked()
                    self._wakes.wake_all()
                    self._listen(pipe, armed)
                    return
            except Changed as change:
                self._tell_change(change)
            except Untraceable as error:
                self.link.down(f"new interrupts are polled for: {error}")
            if self._waits(self.retry.failed()):
                return

    def _listen(self, pipe: int, armed: Mapping[str, str]) -> None:
        """Hear births until `stop`; raise Changed when the instance no longer has the settings `armed`."""
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        poll.register(self._stopping, select.POLLIN)
        checked, ears = time.monotonic(), Ears(pipe, self._heed)
        with ears.both():
            while self._stopping not in dict(poll.poll(_CHECK_EVERY * 1000)):
                has_ended = ears.has_ended()  # as it has where tracing was switched off
                if has_ended or time.monotonic() - checked >= _CHECK_EVERY:
                    require_settings(self._folder, armed)
                    checked = time.monotonic()
                if has_ended:
                    raise Changed("its trace_pipe has ended")

    def _tell_change(self, change: Changed) -> None:
        """Log the change, but once an hour at most where somebody changes the instance again and again."""
        now = time.monotonic()
        is_news = self._logged_change is None or now - self._logged_change >= _HOUR
        if is_news:
            self._logged_change = now
        self.link.down(f"somebody changed the trace instance: {change}; it is set up anew", is_news=is_news)

    def _waits(self, seconds: float) -> bool:
        """Wait, and tell whether it was `stop` that ended it."""
        return bool(select.select([self._stopping], [], [], seconds)[0])

    def _heed(self, text: str) -> None:
        heard = sift(text)
        if heard.ended:
            self._hearer.ended(heard.ended)
        for number in heard.born:
            self._hearer.born(number)
        if heard.lost:
            self._make_up(heard.lost)

    def _make_up(self, lost: int) -> None:
        """Have every guest looked at: nobody knows whose interrupts the lost events were about."""
        self.lost += lost
        level = logging.DEBUG if self._has_lost else logging.WARNING
        LOG.log(level, "vectors: the kernel dropped %d events, which came too fast; every guest is looked at", lost)
        self._has_lost = True
        self._wakes.wake_all("vectors")
