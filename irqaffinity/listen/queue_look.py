# SPDX-License-Identifier: Apache-2.0
"""Looks at a queue over AMQP: a passive declaration makes and changes nothing, and needs no permission."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import amqp.exceptions

from irqaffinity.listen.refusals import FAILURES


@dataclass(frozen=True, slots=True)
class Look:
    """What an existing queue holds. `is_known` is False where the broker says only that the queue exists."""

    messages: int = 0
    consumers: int = 0
    is_known: bool = True

    @property
    def is_read(self) -> bool:
        """Whether somebody reads it, or may read it."""
        return self.consumers > 0 or not self.is_known


def look_at(connection: Any, queue: str) -> Look | None:
    """Return what a queue holds, None where there is no such queue; raise one of FAILURES on any other refusal."""
    found: list[Any] = []
    refusal = refusal_of(connection, lambda channel: found.append(channel.queue_declare(queue, passive=True)))
    if isinstance(refusal, amqp.exceptions.NotFound):
        return None
    if isinstance(refusal, amqp.exceptions.ResourceLocked):  # it is another connection's alone
        return Look(is_known=False)
    if refusal is not None:
        raise refusal
    return Look(found[0].message_count, found[0].consumer_count)


def refusal_of(connection: Any, ask: Callable[[Any], object]) -> BaseException | None:
    """Return why the broker refused; it closes the channel then, so each question has its own."""
    try:
        with contextlib.closing(connection.channel()) as channel:
            ask(channel)
    except FAILURES as error:
        return error
    return None
