# SPDX-License-Identifier: Apache-2.0
"""The state file: read with suspicion, replaced as a whole."""

import contextlib
import json
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from irqaffinity.model.record import State
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.format import BadState, NewerState, decode, encode
from irqaffinity.state.lock import PASS_LOCK, PASS_WAIT, hold

LOG = logging.getLogger(__name__)

_FILE = "state.json"
_NEW = "state.json.new"
_CORRUPT = "state.json.corrupt"
_Signature = tuple[int, int, int]


class Keeper(Protocol):
    """Where a pass finds the state, leaves it, and is kept from running beside another one."""

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Hold off other passes; raise StateError."""

    def load(self) -> State:
        """Return the state; raise StateError."""

    def peek(self) -> State:
        """Return the state for a dry run, empty where it cannot be read."""

    def save(self, state: State) -> None:
        """Keep `state`; raise StateError."""


class MemoryStore:
    """Keeps the state for the life of the object, and no other pass away: for a host that nobody else can see."""

    def __init__(self) -> None:
        self._state = State()

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Hold off nobody."""
        return contextlib.nullcontext()

    def load(self) -> State:
        """Return what was saved last."""
        return self._state

    peek = load

    def save(self, state: State) -> None:
        """Keep `state`."""
        self._state = state


class Store:
    """The state of one boot in one folder; read again only when another process has replaced the file."""

    def __init__(self, folder: StateFolder, boot_id: str, sync: Callable[[int], None] = os.fsync) -> None:
        """Take the id of this boot, and what makes a descriptor's content durable."""
        self._folder = folder
        self._boot_id = boot_id
        self._sync = sync
        self._signature: _Signature | None = None
        self._state = State()
        self._is_newer = False
        self._said = ""

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Hold pass.lock, for which another pass is waited 5 s; raise LockTaken or StateError."""
        return hold(self._folder, PASS_LOCK, PASS_WAIT)

    def load(self) -> State:
        """Return what is stored for this boot, empty where nothing is; raise StateError.

        A file that is cut short is set aside under a name with its time; one of a newer schema is left as it is. Of
        another boot only the extra specs hold still: its interrupt numbers mean nothing now.
        """
        self._is_newer = False
        with self._folder.opened() as folder:
            try:
                fd = self._folder.open_file(folder, _FILE, os.O_RDONLY)
                with os.fdopen(fd, "rb") as file:
                    signature = _signature(file.fileno())
                    if signature != self._signature:
                        self._state = self._decode(folder, file.read())
                        self._signature = signature
            except FileNotFoundError:
                self._signature, self._state = None, State()
            except OSError as error:
                path = f"{self._folder.path}/{_FILE}"
                raise StateError(f"{path}: {error.strerror}; mend its file system, or move the file away") from error
        return self._state

    def peek(self) -> State:
        """Return what `load` does without changing anything: what cannot be read counts as empty, and is said."""
        try:
            with self._folder.opened() as folder:
                fd = self._folder.open_file(folder, _FILE, os.O_RDONLY)
                with os.fdopen(fd, "rb") as file:
                    return decode(json.loads(file.read()), self._boot_id)
        except FileNotFoundError:
            return State()
        except StateError as error:
            if os.path.lexists(self._folder.path):
                self._say_once(str(error))
            return State()
        except (BadState, NewerState, OSError, ValueError, RecursionError) as error:
            self._say_once(f"{self._folder.path}/{_FILE}: {error}")
            return State()

    def save(self, state: State) -> None:
        """Replace the file by `state`, durably; raise StateError, and the old file is whole still.

        A file that `load` found to be of a newer program is not replaced.
        """
        if self._is_newer:
            self.load()
        data = json.dumps(encode(state, self._boot_id), separators=(",", ":")).encode()
        try:
            with self._folder.opened() as folder:
                fd = self._folder.open_file(folder, _NEW, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                with os.fdopen(fd, "wb") as file:
                    file.write(data)
                    file.flush()
                    self._sync(file.fileno())
                    signature = _signature(file.fileno())
                os.replace(_NEW, _FILE, src_dir_fd=folder, dst_dir_fd=folder)
                self._sync(folder)
        except OSError as error:
            path = f"{self._folder.path}/{_FILE}"
            raise StateError(f"{path} cannot be written: {error.strerror}; free or mend its file system") from error
        self._signature, self._state = signature, state

    def _say_once(self, why: str) -> None:
        if why != self._said:
            LOG.warning("the state is taken as empty: %s", why)
        self._said = why

    def _decode(self, folder: int, data: bytes) -> State:
        try:
            return decode(json.loads(data), self._boot_id)
        except NewerState as error:
            remedy = "install the newer program again, or move the file away once that one has given back what it moved"
            self._is_newer = True
            raise StateError(f"{self._folder.path}/{_FILE}: {error}; {remedy}") from error
        except (BadState, ValueError, RecursionError) as error:
            aside = _free_name(folder)
            os.rename(_FILE, aside, src_dir_fd=folder, dst_dir_fd=folder)
            LOG.warning("%s/%s was set aside as %s: %s", self._folder.path, _FILE, aside, error)
            return State()


def _free_name(folder: int) -> str:
    """Return a name for what is set aside now, that nothing in the folder has."""
    name = f"{_CORRUPT}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    taken = set(os.listdir(folder))
    return next(way for way in (name, *(f"{name}.{count}" for count in range(1, len(taken) + 2))) if way not in taken)


def _signature(fd: int) -> _Signature:
    found = os.fstat(fd)
    return found.st_ino, found.st_mtime_ns, found.st_size
