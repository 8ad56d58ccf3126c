# SPDX-License-Identifier: Apache-2.0
"""Trace instances of a benchmark's own, on this machine's own tracefs."""

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

TRACING = Path("/sys/kernel/tracing")
BIRTHS = {"irq_vectors/vector_activate": "reserve==0"}
"""The event of a birth with its filter: the vector is in use from now on."""

_KILOBYTES_PER_CPU = "1024"
_PLAIN = ("noraw", "nohex", "nobin", "nofields", "context-info")
"""How events are printed; a new instance takes these over from the one of the whole host."""


def require_tracefs() -> None:
    """See that tracefs is mounted; where it is not, start the program anew in a mount namespace where it is."""
    if not os.path.ismount(TRACING):
        script = f'mount -t tracefs tracefs {TRACING} && exec "$0" "$@"'
        os.execvp("unshare", ["unshare", "--mount", "sh", "-c", script, sys.executable, *sys.argv])


class Instance:
    """One trace instance, in which the events of `set` are recorded by the monotonic clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for option in _PLAIN:
            with contextlib.suppress(OSError):  # older kernels lack some of these
                self._write("trace_options", option)
        self._write("buffer_size_kb", _KILOBYTES_PER_CPU)
        self._write("trace_clock", "mono")

    def set(self, events: Mapping[str, str]) -> None:
        """Record these events, each with its filter, and no others; what was recorded before is forgotten."""
        self._write("events/enable", "0")
        for event, condition in events.items():
            self._write(f"events/{event}/filter", condition)
            self._write(f"events/{event}/enable", "1")
        self._write("trace", "")

    @contextlib.contextmanager
    def pipe(self, flags: int = 0) -> Iterator[int]:
        """Give a descriptor of trace_pipe, which only one may have at a time."""
        fd = os.open(self.folder / "trace_pipe", os.O_RDONLY | os.O_CLOEXEC | flags)
        try:
            yield fd
        finally:
            os.close(fd)

    def _write(self, name: str, text: str) -> None:
        fd = os.open(self.folder / name, os.O_WRONLY | os.O_TRUNC)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


@contextlib.contextmanager
def instance(name: str) -> Iterator[Instance]:
    """Give a new instance, and remove it afterwards, as well as what a killed benchmark left of it."""
    folder = TRACING / "instances" / name
    remove(folder)
    folder.mkdir(mode=0o700)
    try:
        yield Instance(folder)
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Remove an instance, if it is there and nobody has it open."""
    with contextlib.suppress(OSError):
        (folder / "events/enable").write_text("0")
    with contextlib.suppress(OSError):
        folder.rmdir()


def lines(pipe: int) -> Iterable[str]:
    """Return what can be read of a trace_pipe that does not block."""
    text = b""
    with contextlib.suppress(BlockingIOError):
        while data := os.read(pipe, 65536):
            text += data
    return text.decode("utf-8", "replace").splitlines()
