# SPDX-License-Identifier: Apache-2.0
"""Reads a Nova notification from the body of a message, and decides what it means for this host. Pure: no I/O.

Both envelopes of oslo.messaging are read (oslo_messaging/_drivers/common.py), and both of Nova's payloads: versioned
(nova/notifications/objects/instance.py) and legacy (nova/notifications/base.py).
"""

import enum
import json
import re
from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from irqaffinity.grammar.mask import EXTRA_SPEC
from irqaffinity.listen.events import asks_for_a_look, split_event
from irqaffinity.model.guest import GuestId, parse_guest_id
from irqaffinity.model.record import RememberedSpecs
from irqaffinity.model.text import LONGEST, clean

_ENVELOPED = "oslo.message"
_DATA = "nova_object.data"
_MOST_PARTS = 20_000
"""The most members and elements in a text, about: Nova's have some hundreds."""

_VERSIONED, _LEGACY = "instance.", "compute.instance."
_COMPUTE_SERVICES = frozenset({"nova-compute", "compute"})
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?", re.ASCII)


class BadNotification(ValueError):
    """A message that is no notification; str() says why."""


class Outcome(enum.Enum):
    """What became of a message."""

    WOKE = "woke"
    FOREIGN = "foreign"
    IGNORED = "ignored"
    MALFORMED = "malformed"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Notification:
    """An instance notification. `event` has neither prefix nor phase: `power_on`. `phase` is empty where there is none.

    `is_compute` tells that a nova-compute sent it. `specs` are None unless the payload has the flavor's extra specs.
    """

    event: str
    phase: str
    publisher_host: str
    is_compute: bool
    payload_host: str | None
    uuid: GuestId
    specs: RememberedSpecs | None = None


def parse_notification(body: bytes | str) -> Notification | None:
    """Return the instance notification in `body`, None for one of another kind; raise BadNotification."""
    try:
        message = _load(body)
        if isinstance(message, dict) and _ENVELOPED in message:
            message = _load(message[_ENVELOPED])
        return _read(message)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise BadNotification(clean(f"{type(error).__name__}: {error}")) from error


def judge(notification: Notification, host: str, known: Container[GuestId]) -> Outcome:
    """Return what becomes of a notification on `host`, whose guests are `known`: whether it wakes its guest.

    The payload's host is often not the one that publishes, and either may be where something happened. Names are
    compared exactly.
    """
    is_ours = host in (notification.publisher_host, notification.payload_host) or notification.uuid in known
    if not is_ours:
        return Outcome.FOREIGN
    return Outcome.WOKE if asks_for_a_look(notification.event, notification.phase) else Outcome.IGNORED


def is_believed(notification: Notification, host: str, known: Container[GuestId]) -> bool:
    """Tell whether its extra specs are kept: those of a guest here, or from the nova-compute of this host."""
    is_local = notification.is_compute and notification.publisher_host == host
    return is_local or notification.uuid in known


def _load(text: bytes | str) -> Any:
    """Return the parsed JSON. The parser lets no other thread run, so a text with too many parts is refused."""
    marks = (b"[", b"{", b",") if isinstance(text, bytes) else ("[", "{", ",")
    parts = sum(map(text.count, marks))  # type: ignore[arg-type]
    if parts > _MOST_PARTS:
        raise BadNotification(f"it has {parts} parts")
    return json.loads(text)


def _read(message: Any) -> Notification | None:
    event_type, payload = message["event_type"], message["payload"]
    if len(event_type) > LONGEST:
        raise BadNotification(f"its event_type has {len(event_type)} characters")
    for prefix in (_VERSIONED, _LEGACY):
        if event_type.startswith(prefix):
            break
    else:
        return None
    service, _, publisher_host = message["publisher_id"].partition(":" if prefix == _VERSIONED else ".")
    event, phase = split_event(event_type.removeprefix(prefix))
    data = payload[_DATA] if prefix == _VERSIONED else payload
    host = data.get("host")
    return Notification(
        event=event,
        phase=phase,
        publisher_host=publisher_host,
        is_compute=service in _COMPUTE_SERVICES,
        payload_host=host if isinstance(host, str) else None,
        uuid=parse_guest_id(data["uuid" if prefix == _VERSIONED else "instance_id"]),
        specs=_specs(event, data, message.get("timestamp"), publisher_host) if prefix == _VERSIONED else None,
    )


def _specs(event: str, data: Any, timestamp: Any, publisher: str) -> RememberedSpecs | None:
    """Return a payload's extra specs; None for resize_prep, which has those of the flavor that ends."""
    if event == "resize_prep" or not _is_time(timestamp):
        return None
    flavor = data.get("flavor")
    extra_specs = flavor[_DATA].get("extra_specs") if flavor is not None else None
    if extra_specs is None:
        return None
    mask = extra_specs.get(EXTRA_SPEC)
    if mask is not None:
        mask = clean(" ".join(mask.split()) if len(mask) <= LONGEST else mask)
    return RememberedSpecs(mask, timestamp.replace("T", " "), clean(publisher))


def _is_time(timestamp: Any) -> bool:
    """Tell whether `timestamp` is a time on a day that the calendar has."""
    if not isinstance(timestamp, str) or not _TIMESTAMP.fullmatch(timestamp):
        return False
    try:
        datetime.fromisoformat(timestamp[:19])
    except ValueError:
        return False
    return True
