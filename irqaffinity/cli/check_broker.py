# SPDX-License-Identifier: Apache-2.0
"""Checks the broker for `irqaffinity check`, and whether the host needs one at all."""

import argparse
import socket
from collections.abc import Iterator, Mapping
from typing import Any

from irqaffinity.agent.machine import read_machine_id
from irqaffinity.agent.status_file import is_running
from irqaffinity.cli.check_masks import has_masks
from irqaffinity.cli.session import Session
from irqaffinity.conf.broker_files import tls_faults
from irqaffinity.conf.broker_process import ask_broker
from irqaffinity.conf.load import ConfigError
from irqaffinity.listen.broker_check import Local, check_broker
from irqaffinity.listen.link import NOT_NEEDED
from irqaffinity.listen.nova_host import spellings
from irqaffinity.listen.nova_topics import NOTHING_MISSING
from irqaffinity.model.finding import Finding
from irqaffinity.model.text import clean


def check_broker_of(
    session: Session, arguments: argparse.Namespace, status: Mapping[str, Any] | None
) -> Iterator[Finding]:
    """Give the findings; `status` is the last one that the agent of this host wrote, None where there is none."""
    settings, broker = session.settings, None
    try:
        if settings.messaging:
            files, folders, nova = arguments.config_file, arguments.config_dir, arguments.nova_config
            broker = ask_broker(files, folders, settings.notifications, nova)
    except ConfigError as error:
        yield Finding("broker", False, str(error))
        return
    wanted, masks = settings.notifications, has_masks(session)
    if broker is None:
        yield _without_broker(is_missed=not wanted.is_auto, has_masks=masks)
        return
    rest = None if status is None else _why_not_needed(status)
    if wanted.is_auto and rest is not None:
        yield Finding("broker", True, rest)
        return
    local = Local(
        names=spellings(settings.host, socket.gethostname(), socket.getfqdn()),
        machine_id=read_machine_id(),
        has_agent=status is not None,
        from_relay=wanted.from_relay,
        is_exclusive=wanted.is_exclusive,
        versioned=() if wanted.notification_format == "unversioned" else wanted.versioned_topics,
        has_masks=masks if wanted.is_auto else bool(masks),
    )
    faults = [Finding("broker", False, fault) for fault in tls_faults(broker)]
    yield from faults or check_broker(broker, local)


def _without_broker(*, is_missed: bool, has_masks: bool | None) -> Finding:
    if is_missed:
        what = "copy nova.conf's, or set enabled = auto in [notifications]"
    elif has_masks:
        what = NOTHING_MISSING
    else:
        what = "masks come from the domains alone, where Nova 32.0 and newer write them"
    return Finding("broker", not is_missed, f"no transport_url is set: {what}")


def _why_not_needed(status: Mapping[str, Any]) -> str | None:
    """Return why the running agent has left the broker, None where it has not."""
    try:
        link = status["connections"]["broker"]
        text = clean(f"{link['state']} since {link['since']}: {link['trouble']}")
        return text if is_running(status) and link["state"] == NOT_NEEDED else None
    except (KeyError, TypeError):  # another program's status
        return None
