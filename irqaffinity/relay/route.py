# SPDX-License-Identifier: Apache-2.0
"""Finds the hosts that a message concerns. Pure: it knows only the message and those before it."""

import enum
from collections import OrderedDict
from typing import NamedTuple

from irqaffinity.listen.events import EVENTS, announces_a_domain, asks_for_a_look
from irqaffinity.listen.payload import BadNotification, Notification, parse_notification
from irqaffinity.model.guest import GuestId

MOST_GUESTS = 100_000
"""Guests whose hosts the relay remembers; it first forgets the one whose last message is the oldest."""

_LONGEST_KEY = 255
"""Bytes of a routing key (AMQP 0-9-1, shortstr)."""


class Fate(enum.Enum):
    """What became of a message."""

    RELAYED = "relayed"
    IGNORED = "ignored"
    NO_HOST = "no_host"
    MALFORMED = "malformed"
    UNREAD = "unread"
    REFUSED = "refused"


class Route(NamedTuple):
    """The hosts to hand a message on to, by name; with none, why it is dropped."""

    fate: Fate
    hosts: tuple[str, ...] = ()


class Router:
    """Reads one message after the other, and remembers where each guest was last."""

    def __init__(self, most_guests: int = MOST_GUESTS) -> None:
        self._most = most_guests
        self._seen: OrderedDict[GuestId, tuple[str, ...]] = OrderedDict()

    def route(self, body: bytes) -> Route:
        """Return the hosts for a message, or why it is dropped; no message that is malformed raises an error."""
        try:
            notification = parse_notification(body)
        except BadNotification:
            return Route(Fate.MALFORMED)
        if notification is None:
            return Route(Fate.IGNORED)
        publisher = notification.publisher_host if notification.is_compute else None
        named = tuple(sorted({host for host in (publisher, notification.payload_host) if host and _is_key(host)}))
        last = self._remember(notification.uuid, named)
        if asks_of_known_event(notification):
            hosts = named or last
            return Route(Fate.RELAYED, hosts) if hosts else Route(Fate.NO_HOST)
        if publisher in named and brings_specs(notification):
            return Route(Fate.RELAYED, (publisher,))
        return Route(Fate.IGNORED)

    def _remember(self, uuid: GuestId, named: tuple[str, ...]) -> tuple[str, ...]:
        """Note and return the hosts that a message names for a guest; where it names none, return the last ones."""
        hosts = named or self._seen.get(uuid, ())
        if hosts:
            self._seen[uuid] = hosts
            self._seen.move_to_end(uuid)
            if len(self._seen) > self._most:
                self._seen.popitem(last=False)
        return hosts


def asks_of_known_event(notification: Notification) -> bool:
    """Return whether an agent has to look at the guest. A Nova with events that no table knows needs no relay."""
    return notification.event in EVENTS and asks_for_a_look(notification.event, notification.phase)


def brings_specs(notification: Notification) -> bool:
    """Return whether a host needs the message only for its extra specs: it then knows the mask before the start."""
    return notification.specs is not None and announces_a_domain(notification.event, notification.phase)


def _is_key(host: str) -> bool:
    """Return whether a name can be a routing key; the names come from outside."""
    try:
        return len(host.encode()) <= _LONGEST_KEY
    except UnicodeEncodeError:
        return False
