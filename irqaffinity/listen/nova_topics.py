# SPDX-License-Identifier: Apache-2.0
"""Whether Nova sends what the agent listens to: Nova's notifier declares a queue for each topic that it sends to."""

from collections.abc import Iterator, Sequence
from typing import Any

import amqp.exceptions

from irqaffinity.listen.broker import Broker
from irqaffinity.listen.broker_limits import Limits
from irqaffinity.listen.queue_look import Look, look_at
from irqaffinity.model.finding import Finding

NOVA_CONF = (
    "set driver = messagingv2 in [oslo_messaging_notifications] and notification_format = versioned (or both) in "
    "[notifications] of nova.conf, and restart Nova's services"
)

NOTHING_MISSING = "nothing is missing: the domains of all guests have their extra specs (Nova 32.0 or newer)"

_NO_GUEST = f"no guest of Nova's is here, and Nova 32.0 and newer need send nothing; for an older one {NOVA_CONF}"

_LEGACY_ALONE = (
    "legacy notifications alone (notification_format = unversioned): they wake the agent, and do not carry the extra "
    "specs with the mask"
)
_FOR_MASKS = (
    "Nova 32.0 and newer need no more, for there the domain has them; for an older Nova set notification_format = both "
    "in [notifications] of nova.conf, or name the masks in [placement] flavor_masks"
)


def check_topics(
    connection: Any, broker: Broker, versioned: Sequence[str], limits: Limits, *, has_masks: bool | None
) -> Iterator[Finding]:
    """Check Nova's own queue of each routing key. `versioned` are the topics of versioned notifications.

    `has_masks` is True where no guest needs a message for its mask, None where no guest is there to show it. One topic
    in use is enough.
    """
    looks = {key: _look(connection, key) for key in broker.routing_keys}
    infos = [key for key in looks if key.endswith(".info")]
    bound = {key: limits.is_bound(broker.exchange, key) for key in infos if looks[key] is not None}
    sent_to = {key.rpartition(".")[0] for key, is_bound in bound.items() if is_bound is not False}
    for key, look in looks.items():
        if look is not None and key.rpartition(".")[0] in sent_to:
            yield from _check_queue(key, look, limits)
    if not sent_to:
        what = _NO_GUEST if has_masks is None else NOTHING_MISSING if has_masks else NOVA_CONF
        yield Finding("nova", has_masks is not False, f"Nova has sent nothing to {' or '.join(infos)} yet: {what}")
    elif versioned and not sent_to & set(versioned):
        sender = "Nova" if all(bound.values()) else "Nova, or another service of the virtual host,"
        yield Finding("nova", True, f"{sender} sends {_LEGACY_ALONE}; {NOTHING_MISSING if has_masks else _FOR_MASKS}")


def _check_queue(key: str, look: Look, limits: Limits) -> Iterator[Finding]:
    if not look.is_read and (look.messages or key.endswith(".info")):
        yield limits.of_nova(key, look)
    elif key.endswith(".info"):
        yield Finding("nova", True, f"messages are sent to {key}")


def _look(connection: Any, key: str) -> Look | None:
    try:
        return look_at(connection, key)
    except amqp.exceptions.AccessRefused:
        return Look(is_known=False)
