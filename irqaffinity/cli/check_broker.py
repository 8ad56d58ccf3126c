# SPDX-License-Identifier: Apache-2.0
"""What `irqaffinity check` knows of this host when it asks the broker."""

import socket
from collections.abc import Iterator

from irqaffinity.agent.machine import read_machine_id
from irqaffinity.cli.session import Session
from irqaffinity.listen.broker import Broker
from irqaffinity.listen.broker_check import Local, check_broker
from irqaffinity.listen.nova_host import spellings
from irqaffinity.model.finding import Finding


def check_broker_of(session: Session, broker: Broker, *, has_agent: bool, has_masks: bool) -> Iterator[Finding]:
    """Give what is found on the broker for this host."""
    wanted = session.settings.notifications
    local = Local(
        names=spellings(session.settings.host, socket.gethostname(), socket.getfqdn()),
        machine_id=read_machine_id(),
        has_agent=has_agent,
        is_relayed=getattr(wanted, "source", "nova") == "relay",
        is_exclusive=getattr(wanted, "queue", "durable") == "exclusive",
        versioned=() if wanted.notification_format == "unversioned" else wanted.versioned_topics,
        has_masks=has_masks,
        may_leave=has_masks and getattr(wanted, "enabled", None) == "auto",
    )
    yield from check_broker(broker, local)
