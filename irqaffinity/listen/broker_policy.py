# SPDX-License-Identifier: Apache-2.0
"""What the policies of a virtual host make of a queue, and the rabbitmqctl line that mends it. Pure.

Where several policies match a queue, the one with the highest priority is in force, and its keys alone count. Where
both this policy and the queue's own arguments set a limit, the lower one counts (rabbitmq.com/docs/parameters).
"""

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from irqaffinity.model.text import counted, printable

Definition = Mapping[str, Any]

LIMITS = ("message-ttl", "max-length", "max-length-bytes")
"""What keeps a queue from growing without bound; the first is in milliseconds."""

NOVA_LIMITS: Definition = {"max-length": 10_000, "message-ttl": 3_600_000, "overflow": "drop-head"}
"""What etc/rabbitmq sets for a queue of Nova's own that nobody reads."""

_OWN = ("message-ttl", "expires", "max-length")
"""Limits that the agent's queue has by itself, and that a policy can lower."""

_LONGEST = 2000
"""The longest definition, in characters, that is printed."""


@dataclass(frozen=True, slots=True)
class BrokerPolicy:
    """A policy of RabbitMQ's. `apply_to` is what it applies to: all, queues, or queues of one type."""

    name: str
    pattern: str
    priority: int = 0
    apply_to: str = "all"
    definition: Definition = field(default_factory=dict)

    def matches(self, queue: str, kind: str = "classic") -> bool:
        """Tell whether it matches a queue of the type `kind`; a stronger policy may still be in force."""
        if self.apply_to not in ("all", "queues", "streams" if kind == "stream" else f"{kind}_queues"):
            return False
        try:
            return re.search(self.pattern, queue) is not None
        except (re.error, OverflowError):  # RabbitMQ takes expressions of PCRE, of which Python does not know all
            return False

    @property
    def has_limit(self) -> bool:
        """Whether it keeps a queue from growing."""
        return any(is_limit(self.definition.get(key)) for key in LIMITS)


def in_force(
    policies: Iterable[BrokerPolicy], queue: str, kind: str = "classic", named: str | None = None
) -> BrokerPolicy | None:
    """Return the policy that applies to a queue.

    `named` is the policy that the broker names. The broker is late after a change, so its word decides only where
    several policies have the same priority, and where none matches.
    """
    known = tuple(policies)
    matching = [policy for policy in known if policy.matches(queue, kind)]
    highest = max((policy.priority for policy in matching), default=None)
    strongest = [policy for policy in matching if policy.priority == highest] or known
    by_name = [policy for policy in strongest if policy.name == named]
    return next(iter(by_name or (strongest if matching else ())), None)


def displaced(policies: Iterable[BrokerPolicy], strongest: BrokerPolicy | None, queue: str, kind: str) -> list[str]:
    """Return the names of the policies that would limit a queue if another were not in force."""
    return [
        policy.name
        for policy in policies
        if strongest is not None and policy.name != strongest.name and policy.has_limit and policy.matches(queue, kind)
    ]


def is_limit(value: object) -> bool:
    """Tell whether a value of an argument or a policy limits anything."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def lower(key: str, arguments: Mapping[str, Any], definition: Definition) -> int | None:
    """Return the limit that counts: the lower of the queue's argument and the policy's, None without either."""
    values = (arguments.get(f"x-{key}"), definition.get(key))
    return min((value for value in values if isinstance(value, int) and is_limit(value)), default=None)


def lowered(arguments: Mapping[str, Any], definition: Definition) -> dict[str, int]:
    """Return the queue's own limits that a policy lowers, as its arguments have them."""
    own = {key: arguments[f"x-{key}"] for key in _OWN if is_limit(arguments.get(f"x-{key}"))}
    return {key: value for key, value in own.items() if lower(key, arguments, definition) != value}


def describe_limits(arguments: Mapping[str, Any], definition: Definition) -> str:
    """Return in words what limits a queue: `kept 70 s, at most 10000 messages`; empty where nothing limits it."""
    ttl, length, size = (lower(key, arguments, definition) for key in LIMITS)
    said = [] if ttl is None else [f"kept {ttl / 1000:g} s"]
    said += [] if length is None else [f"at most {counted(length, 'message')}"]
    said += [] if size is None else [f"at most {counted(size, 'byte')}"]
    return ", ".join(said)


def set_policy_line(
    virtual_host: str, name: str, pattern: str, definition: Definition, over: BrokerPolicy | None = None
) -> str:
    """Return the command that sets a policy above the one in force, with all keys of that, quoted for a shell."""
    merged = {**(over.definition if over is not None else {}), **definition}
    text = json.dumps(merged)
    if over is not None and len(text) > _LONGEST:
        return (
            f"a policy with a priority above {over.priority} that has {json.dumps(dict(definition))} and its keys too"
        )
    priority = 0 if over is None else over.priority + 1
    words = ["-p", virtual_host, "--priority", str(priority), "--apply-to", "queues", name, pattern, text]
    return _command("set_policy", words)


def list_lines(virtual_host: str, queue: str) -> str:
    """Return the commands that list the policies, and the queue with the policy that it has."""
    columns = ["name", "messages", "consumers", "policy"]
    queues = _command("list_queues", ["-p", virtual_host, *columns])
    return f"{_command('list_policies', ['-p', virtual_host])}; {queues} | grep -F {_quote(queue)}"


def operator_line(virtual_host: str) -> str:
    """Return the command that shows the operator's policies, which management shows to administrators alone."""
    return _command("list_operator_policies", ["-p", virtual_host])


def _command(verb: str, words: Sequence[str]) -> str:
    return " ".join(["rabbitmqctl", verb, *map(_quote, words)])


def _quote(word: str) -> str:
    return shlex.quote(printable(word))
