# SPDX-License-Identifier: Apache-2.0
"""Asks libvirt for its domains and their XML; every call has a deadline."""

import contextlib
import functools
import itertools
import re
import threading
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any, Protocol, TypeVar

import libvirt

from irqaffinity.hypervisor.calls import CallThread
from irqaffinity.hypervisor.domains import ACTIVE, DEFINED, SAVED, Handles, Look, list_domains, look_up, read_active
from irqaffinity.model.text import clean
from irqaffinity.model.times import CALL
from irqaffinity.observe.domain import Domain

T = TypeVar("T")

_ABANDONED_AT_MOST = 2
_USERINFO = re.compile(r"//(.*@)")
"""Up to the last `@`, for a password may hold one, and a slash too; to hide more of a URI harms nobody."""


class LibvirtUnreachable(Exception):
    """libvirt does not answer; str() names the URI, why, and the next step."""


class Listener(Protocol):
    """Who registers for the events of a connection."""

    def attach(self, connection: Any) -> None:
        """Register on a connection that was just opened."""

    def detach(self, connection: Any) -> None:
        """Take back what `attach` did, before the connection is closed."""


class Deaf:
    """Registers for nothing."""

    def attach(self, connection: Any) -> None:
        """Do nothing."""

    detach = attach


class Hypervisor:
    """One read-only connection, opened when it is first needed and again after it broke. For any number of threads.

    Each call has a deadline: a libvirt daemon that is stuck on one guest still answers keepalives.
    """

    def __init__(self, uri: str, deadline: float = CALL, listener: Listener = Deaf()) -> None:
        self._uri = uri
        self._deadline = deadline
        self._listener = listener
        self._connection: Any = None
        self._thread: CallThread | None = None
        self._abandoned: list[CallThread] = []
        self._lock = threading.RLock()
        self.on_answer: Callable[[], None] = lambda: None
        """Called after each call, answered or not: it shows that a long pass over many guests goes on."""

    @property
    def is_stuck(self) -> bool:
        """Whether two calls still have not come back, so that no other call is made."""
        self._abandoned = [thread for thread in self._abandoned if thread.is_busy]
        return len(self._abandoned) >= _ABANDONED_AT_MOST

    @property
    def shown_uri(self) -> str:
        """The URI without credentials."""
        return self._redacted(self._uri) or "its default URI"

    def active_domains(self, but: Container[str] = ()) -> Iterator[Domain]:
        """Return an iterator over the active domains, which asks for each in its turn; raise LibvirtUnreachable.

        Those whose uuids are in `but` are left out, and libvirt is not asked for their XML.
        A domain that ends between the listing and its XML is left out (VIR_ERR_NO_DOMAIN). One whose XML libvirt
        refuses or does not give in time is returned with the error: it is there, but nothing more is known of it.
        """
        return self._read_each(ACTIVE, self._list(ACTIVE), but)

    def defined_domains(self) -> Iterator[Domain]:
        """Do what `active_domains` does for what a start of each defined domain would make of it, active ones included.

        One that was saved (virsh managedsave) comes twice: as it is defined, and as the saved one goes on. Of a domain
        that is not defined, or was saved to a file of its owner's choice, libvirt knows nothing while it is not active.
        """
        listed = [(look, self._list(look)) for look in (DEFINED, SAVED)]
        return itertools.chain.from_iterable(self._read_each(look, handles) for look, handles in listed)

    def names(self) -> Mapping[str, str]:
        """Return the names of all domains by uuid, active or not, without their XML; raise LibvirtUnreachable."""
        return {uuid: name for look in (ACTIVE, DEFINED) for uuid, (name, _) in self._list(look).items()}

    def _read_each(self, look: Look, handles: Handles, but: Container[str] = ()) -> Iterator[Domain]:
        for uuid in tuple(handles):
            if uuid not in handles or uuid in but:
                continue  # it has ended since, or nobody asks for it
            name, handle = handles[uuid]
            domain = self._read(uuid, name, functools.partial(look.read, handle))
            if domain is not None:
                yield domain
            if self._connection is None:
                again = self._list_again(look)
                handles = handles if again is None else again

    def domain(self, uuid: str) -> Domain | None:
        """Return one domain as `active_domains` does, None when there is none; raise LibvirtUnreachable."""
        handle = self._on_connection(functools.partial(look_up, uuid))
        return None if handle is None else self._read(uuid, handle.name(), functools.partial(read_active, handle))

    def version(self) -> str:
        """Return the version of the libvirt that answers, such as `9.0.0`; raise LibvirtUnreachable."""
        number = self._on_connection(lambda connection: connection.getLibVersion())
        return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"

    def move(self, uri: str) -> None:
        """Ask another libvirt from now on."""
        with self._lock:
            if uri != self._uri:
                self.close()
                self._uri = uri

    def close(self) -> None:
        """Close the connection, if there is one that still answers."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                with contextlib.suppress(LibvirtUnreachable, libvirt.libvirtError):
                    self._ask(functools.partial(_close, connection, self._listener))

    def _redacted(self, text: str) -> str:
        """Return `text`, which may repeat the URI, without the credentials of the URI."""
        found = _USERINFO.search(self._uri)
        return clean(text.replace(found[1], "") if found else text)

    def _read(self, uuid: str, name: str, read_xml: Callable[[], str | None]) -> Domain | None:
        try:
            xml = self._ask(read_xml)
        except (LibvirtUnreachable, libvirt.libvirtError) as error:
            return Domain(uuid, name, error=self._redacted(str(error)))
        return None if xml is None else Domain(uuid, name, xml=xml)

    def _list(self, look: Look) -> Handles:
        return self._on_connection(functools.partial(list_domains, look.flag))

    def _list_again(self, look: Look) -> Handles | None:
        """Return the domains' handles of a new connection, None when libvirt cannot be reached again."""
        try:
            return self._list(look)
        except LibvirtUnreachable:
            return None

    def _on_connection(self, call: Callable[[Any], T]) -> T:
        with self._lock:
            return self._on_the_one_connection(call)

    def _on_the_one_connection(self, call: Callable[[Any], T]) -> T:
        try:
            if self._connection is not None and not self._ask(self._connection.isAlive):
                self.close()
            if self._connection is None:
                self._connection = self._ask(functools.partial(_open, self._uri, self._listener))
            return self._ask(functools.partial(call, self._connection))
        except libvirt.libvirtError as error:
            self.close()
            raise LibvirtUnreachable(
                f"libvirt at {self.shown_uri} is not reachable: {self._redacted(str(error))}; "
                "start its daemon, or name another one with --libvirt-uri or [libvirt] uri"
            ) from error

    def _ask(self, call: Callable[[], T]) -> T:
        """Return what `call` returns on the thread that talks to libvirt; give up thread and connection when stuck."""
        with self._lock:
            return self._ask_alone(call)

    def _ask_alone(self, call: Callable[[], T]) -> T:
        if self.is_stuck:
            raise LibvirtUnreachable(f"libvirt at {self.shown_uri} has stopped answering; restart its daemon")
        if self._thread is None:
            self._thread = CallThread("libvirt")
        try:
            return self._thread.call(call, self._deadline)
        except TimeoutError as error:
            self._thread.leave(functools.partial(_dispose, self._connection, self._listener))
            self._abandoned.append(self._thread)
            self._thread = self._connection = None
            raise LibvirtUnreachable(
                f"libvirt at {self.shown_uri} did not answer within {self._deadline:g} s; "
                "look at its daemon's log, and restart the daemon if it is stuck"
            ) from error
        finally:
            self.on_answer()


def _open(uri: str, listener: Listener) -> Any:
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    connection = libvirt.openReadOnly(uri)
    listener.attach(connection)
    return connection


def _dispose(connection: Any, listener: Listener, late_result: Any) -> None:
    """Close a connection that was given up, and one that was opened too late: another thread talks by now."""
    for given_up in (connection, late_result):
        if isinstance(given_up, libvirt.virConnect):
            with contextlib.suppress(libvirt.libvirtError):
                _close(given_up, listener)


def _close(connection: Any, listener: Listener) -> None:
    listener.detach(connection)
    connection.close()
