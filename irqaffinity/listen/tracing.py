# SPDX-License-Identifier: Apache-2.0
"""A private trace instance that records births and ends of interrupts alone, and a check that it still does."""

import contextlib
import errno
import hashlib
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

LOG = logging.getLogger(__name__)

BIRTH = "events/irq_vectors/vector_activate"
"""Fires in request_irq() with the interrupt's number, just before /proc/irq has it (arch/x86/kernel/apic/vector.c)."""

END = "events/irq_vectors/vector_teardown"
"""Fires when the kernel frees the interrupt: an interrupt with the same number afterwards is another one."""

_FILTER = "reserve==0"
"""The vector is in use from now on; with 1 it is only set aside, at the allocation."""

_OPTIONS = ("noraw", "nohex", "nobin", "nofields", "context-info")
"""How events are printed; a new instance takes these over from the one of the whole host."""

_PIDS = ("set_event_pid", "set_event_notrace_pid")
"""Which processes' events are recorded, or not; any process can cause a birth."""

_SETTINGS = (
    "tracing_on",
    f"{BIRTH}/enable",
    f"{BIRTH}/filter",
    f"{END}/enable",
    f"{END}/filter",
    *_PIDS,
    "tracing_cpumask",
    "trace_options",
    "buffer_size_kb",
)
"""The files that decide whether births are recorded; older kernels lack some of them."""

_KILOBYTES_PER_CPU = "64"
_REMEDIES = {
    errno.EPERM: "it takes more rights",
    errno.EACCES: "run as root",
    errno.EROFS: "mount it writable",
}


class Untraceable(Exception):
    """Vector events cannot be had here; str() tells why, and the next step."""


class Changed(Exception):
    """Somebody else changed the instance, so that births may not be heard; str() tells what."""


def instance_name(state_path: str) -> str:
    """Return the name of the trace instance of the agent that has this state folder; always the same."""
    return f"irqaffinity-{hashlib.sha256(state_path.encode()).hexdigest()[:8]}"


def tracing_folder(sys: str) -> str:
    """Return where tracefs is mounted below a host's sysfs."""
    return f"{sys}/kernel/tracing"


def probe(tracing: str) -> None:
    """Check, without a change, that the tracefs at `tracing` can give vector events; raise Untraceable."""
    with explained(tracing):
        os.close(os.open(f"{tracing}/instances", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        if not os.access(f"{tracing}/instances", os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        _require_event(tracing)
        os.close(os.open(f"{tracing}/{BIRTH}/enable", os.O_RDONLY | os.O_CLOEXEC))


@contextlib.contextmanager
def traced(tracing: str, folder: str) -> Iterator[int]:
    """Give trace_pipe of an instance in which births and ends alone are recorded; remove the instance afterwards."""
    with contextlib.suppress(OSError):  # an agent that was killed has left it, or somebody has changed it
        os.rmdir(folder)
    with contextlib.suppress(FileExistsError):  # somebody has it open
        os.mkdir(folder, 0o700)
    try:
        _set_up(tracing, folder)
        pipe = os.open(f"{folder}/trace_pipe", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            yield pipe
        finally:
            with contextlib.suppress(OSError):
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
    _write(f"{folder}/{BIRTH}/filter", _FILTER)
    _write(f"{folder}/{END}/filter", "0")
    for name, text in (*(("trace_options", option) for option in _OPTIONS), *((name, "") for name in _PIDS)):
        with contextlib.suppress(OSError):  # older kernels lack some of these
            _write(f"{folder}/{name}", text)
    for event in (END, BIRTH):
        _write(f"{folder}/{event}/enable", "1")
    _write(f"{folder}/tracing_on", "1")


def read_settings(folder: str) -> dict[str, str]:
    """Return the settings of an instance by file, without those that this kernel lacks; raise OSError."""
    settings = {}
    for name in _SETTINGS:
        with contextlib.suppress(FileNotFoundError), open(f"{folder}/{name}", encoding="utf-8") as file:
            settings[name] = file.read().strip()
    return settings


def require_settings(folder: str, armed: Mapping[str, str]) -> None:
    """Raise Changed unless an instance still has the settings `armed`."""
    try:
        settings = read_settings(folder)
    except OSError as error:
        LOG.debug("vectors: %s cannot be looked at: %s", folder, error)
        return
    if not settings:
        raise Changed("it is gone")
    for name, text in armed.items():
        if settings.get(name) != text:
            found = settings.get(name, "gone")
            raise Changed(f"{name} has changed" if "\n" in text + found else f"{name} was {text!r}, and is {found!r}")


def _require_event(tracing: str) -> None:
    if not Path(tracing, BIRTH).is_dir():
        raise Untraceable("this kernel has no event irq_vectors:vector_activate; only x86 has it")


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


@contextlib.contextmanager
def explained(tracing: str) -> Iterator[None]:
    """Turn an OSError on the tracefs at `tracing` into Untraceable."""
    try:
        yield
    except FileNotFoundError as error:
        if os.path.ismount(tracing):
            raise Untraceable(f"{tracing} is empty: the kernel is locked down and shows no events") from error
        raise Untraceable(f"tracefs is not mounted: run mount -t tracefs tracefs {tracing}") from error
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0)
        raise Untraceable(f"{tracing}: {error.strerror}{f'; {remedy}' if remedy else ''}") from error
