# SPDX-License-Identifier: Apache-2.0
"""Listens to the kernel's trace events for the birth of an interrupt: its vector is activated (x86 alone)."""

import contextlib
import errno
import hashlib
import logging
import os
import re
import select
from collections.abc import Iterator
from pathlib import Path

from irqaffinity.listen.link import Link
from irqaffinity.listen.queue import WakeQueue
from irqaffinity.listen.retry import delays

LOG = logging.getLogger(__name__)

EVENT = "events/irq_vectors/vector_activate"
"""Fires in request_irq() with the interrupt's number, just before /proc/irq has it (arch/x86/kernel/apic/vector.c)."""

_FILTER = "reserve==0"
"""The vector is in use from now on; with 1 it is only set aside, at the allocation."""

_KILOBYTES_PER_CPU = "64"
_LARGEST = 65536
_BORN = re.compile(r": vector_activate: irq=(\d+) ")
_LOST = re.compile(r"\[LOST (\d+) EVENTS\]")
_REMEDIES = {
    errno.EPERM: "it takes more rights",
    errno.EACCES: "run as root",
    errno.EROFS: "mount it writable",
}


class Untraceable(Exception):
    """Vector events cannot be had here; str() tells why, and the next step."""


def instance_name(state_path: str) -> str:
    """Return the name of the trace instance of the agent that has this state folder; always the same."""
    return f"irqaffinity-{hashlib.sha256(state_path.encode()).hexdigest()[:8]}"


def tracing_folder(sys: str) -> str:
    """Return where tracefs is mounted below a host's sysfs."""
    return f"{sys}/kernel/tracing"


def probe(tracing: str) -> None:
    """Try, without a change, whether vector events can be had from the tracefs at `tracing`; raise Untraceable."""
    with _explained(tracing):
        os.close(os.open(f"{tracing}/instances", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        if not os.access(f"{tracing}/instances", os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        _require_event(tracing)
        os.close(os.open(f"{tracing}/{EVENT}/enable", os.O_RDONLY | os.O_CLOEXEC))


class VectorListener:
    """A private trace instance, read while it has something. `run` is the life of a thread, until `stop`."""

    def __init__(self, queue: WakeQueue, tracing: str, name: str) -> None:
        """Take where tracefs is, and the name of the instance; only one process may use that name at a time."""
        self.link = Link("vectors", f"{tracing}/instances/{name}")
        self._wakes = queue
        self._tracing = tracing
        self._folder = f"{tracing}/instances/{name}"
        self._stopping = os.eventfd(0, os.EFD_CLOEXEC)
        self._has_lost = False

    def stop(self) -> None:
        """Let `run` give the instance back and return."""
        os.eventfd_write(self._stopping, 1)

    def run(self) -> None:
        """Listen until `stop`. Where there is nothing to listen to, say why, and try again now and then."""
        waits = delays()
        while True:
            try:
                with _explained(self._tracing), _traced(self._tracing, self._folder) as pipe:
                    self.link.up(self._folder)
                    self._wakes.wake_all()
                    self._listen(pipe)
                    return
            except Untraceable as error:
                self.link.down(f"new interrupts are polled for: {error}")
            if self._waits(next(waits)):
                return

    def _listen(self, pipe: int) -> None:
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        poll.register(self._stopping, select.POLLIN)
        while self._stopping not in dict(poll.poll()):
            with contextlib.suppress(BlockingIOError):
                self._heed(os.read(pipe, _LARGEST).decode("utf-8", "replace"))

    def _waits(self, seconds: float) -> bool:
        """Wait, and tell whether it was `stop` that ended it."""
        return bool(select.select([self._stopping], [], [], seconds)[0])

    def _heed(self, text: str) -> None:
        for line in text.splitlines():
            born, lost = _BORN.search(line), _LOST.search(line)
            if born is not None:
                self._wakes.wake_vector(int(born[1]))
            elif lost is not None:
                self._make_up(int(lost[1]))

    def _make_up(self, lost: int) -> None:
        """Look at every guest: whose interrupts the lost events were of, nobody knows."""
        level = logging.DEBUG if self._has_lost else logging.WARNING
        LOG.log(level, "vectors: the kernel dropped %d events, which came too fast; every guest is looked at", lost)
        self._has_lost = True
        self._wakes.wake_all()


@contextlib.contextmanager
def _traced(tracing: str, folder: str) -> Iterator[int]:
    """Give trace_pipe of an instance in which births alone are recorded; remove the instance afterwards."""
    with contextlib.suppress(FileExistsError):  # an agent that was killed has left it
        os.mkdir(folder, 0o700)
    try:
        _set_up(tracing, folder)
        pipe = os.open(f"{folder}/trace_pipe", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            yield pipe
        finally:
            _write(f"{folder}/events/enable", "0")
            os.close(pipe)
    finally:
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def _set_up(tracing: str, folder: str) -> None:
    _require_event(tracing)
    _write(f"{folder}/events/enable", "0")
    _write(f"{folder}/trace", "")
    _write(f"{folder}/buffer_size_kb", _KILOBYTES_PER_CPU)
    _write(f"{folder}/{EVENT}/filter", _FILTER)
    _write(f"{folder}/{EVENT}/enable", "1")
    _write(f"{folder}/tracing_on", "1")


def _require_event(tracing: str) -> None:
    if not Path(tracing, EVENT).is_dir():
        raise Untraceable("this kernel has no event irq_vectors:vector_activate; only x86 has it")


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


@contextlib.contextmanager
def _explained(tracing: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        if os.path.ismount(tracing):
            raise Untraceable(f"{tracing} is empty: the kernel is locked down and does not tell") from error
        raise Untraceable(f"no tracefs: mount -t tracefs tracefs {tracing}") from error
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0)
        raise Untraceable(f"{tracing}: {error.strerror}{f'; {remedy}' if remedy else ''}") from error
