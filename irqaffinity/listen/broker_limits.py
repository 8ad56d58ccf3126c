# SPDX-License-Identifier: Apache-2.0
"""Finds out how long a queue keeps messages, and what to do where that is wrong."""

import re
from collections.abc import Iterator, Mapping

from irqaffinity.listen.broker_policy import (
    NOVA_LIMITS,
    BrokerPolicy,
    Definition,
    describe_limits,
    displaced,
    in_force,
    list_lines,
    lower,
    lowered,
    operator_line,
    set_policy_line,
)
from irqaffinity.listen.management import Management, QueueFacts, Unreadable
from irqaffinity.listen.queue_look import Look
from irqaffinity.model.finding import Finding
from irqaffinity.model.text import counted

MOST_UNREAD = 10_000
"""The most messages that wait where the policy of etc/rabbitmq is in force: where more wait, it is not."""

_OWN_QUEUES = r"^irqaffinity\."


class Limits:
    """What RabbitMQ's management says of policies and queues; where it does not answer, `trouble` says why."""

    def __init__(self, management: Management, virtual_host: str) -> None:
        self._management = management
        self._virtual_host = virtual_host
        self._policies: tuple[BrokerPolicy, ...] = ()
        self.trouble: str | None = None
        try:
            self._policies = management.policies()
        except Unreadable as error:
            self.trouble = str(error)

    def own(self, queue: str) -> Iterator[Finding]:
        """Tell how long the agent's queue keeps messages, and what a policy changes in that."""
        facts = self._facts(queue)
        if facts is None:
            if self.trouble is not None:
                text = f"the policies of the virtual host could not be read: {self.trouble}; see them with"
                yield Finding("policy", True, f"{text}: {list_lines(self._virtual_host, queue)}")
            return
        policy = in_force(self._policies, queue, facts.kind, facts.policy)
        definition = _definition(policy, facts)
        kept = describe_limits(facts.arguments, definition) or "kept without a limit"
        less = lowered(facts.arguments, definition)
        yield Finding("policy", True, f"messages in {queue}: {kept}{self._why_so(policy, facts, less)}")

    def of_nova(self, queue: str, look: Look) -> Finding:
        """Tell whether something keeps a queue of Nova's own, which nobody reads, from growing without bound."""
        facts = self._facts(queue)
        if facts is None:
            return self._unknown(queue, look)
        policy = in_force(self._policies, queue, facts.kind, facts.policy)
        kept = describe_limits(facts.arguments, _definition(policy, facts))
        hidden = displaced(self._policies, policy, queue, facts.kind)
        beaten = f"; not in force: {', '.join(hidden)}, for {_name(policy)} goes first" if policy and hidden else ""
        if kept:
            named = "" if policy is None else f" by the policy {_name(policy)}"
            text = f"messages are sent to {queue}; nobody reads its own queue, which is limited{named}: {kept}{beaten}"
            return Finding("nova", True, text)
        if not look.messages and not beaten:
            return Finding("nova", True, f"messages are sent to {queue}")
        topic = queue.rpartition(".")[0]
        pattern = rf"^{re.escape(topic)}\.(info|error)$"
        line = self._set_policy(topic.replace("_", "-"), pattern, NOVA_LIMITS, policy)
        text = f"{_waiting(queue, look)} and no policy limits{beaten}"
        return Finding("nova", False, f"{text}. Read it, or: {line}")

    def is_bound(self, exchange: str, queue: str) -> bool | None:
        """Tell whether an exchange hands messages to a queue; return None where management does not say."""
        if self.trouble is not None:
            return None
        try:
            return self._management.is_bound(exchange, queue)
        except Unreadable as error:
            self.trouble = str(error)
            return None

    def _unknown(self, queue: str, look: Look) -> Finding:
        text = _waiting(queue, look)
        lines = list_lines(self._virtual_host, queue)
        if look.messages > MOST_UNREAD:
            text += " and no policy limits: set the policy in etc/rabbitmq for this virtual host, or read it; see"
            return Finding("nova", False, f"{text}: {lines}")
        if not look.messages:
            return Finding("nova", True, f"messages are sent to {queue}")
        return Finding("nova", True, f"{text}: see that a policy limits it: {lines}")

    def _why_so(self, policy: BrokerPolicy | None, facts: QueueFacts, less: Mapping[str, int]) -> str:
        """Return which policy lowers the limits in `less`, and what can be done."""
        own, with_operators = facts.arguments, _definition(policy, facts)
        alone = {} if policy is None else policy.definition
        keys = [key for key in less if lower(key, own, with_operators) != lower(key, own, alone)]
        if keys:
            line = operator_line(self._virtual_host)
            return f", for an operator policy lowers {', '.join(keys)}. See it with: {line}"
        if policy is None:
            return ""
        if not less:
            return f"; the policy {_name(policy)} changes nothing in that"
        line = self._set_policy("irqaffinity", _OWN_QUEUES, less, policy)
        return f", for the policy {_name(policy)} lowers {', '.join(less)}. Where that is too little: {line}"

    def _set_policy(self, name: str, pattern: str, definition: Definition, over: BrokerPolicy | None) -> str:
        """Return the command that sets a policy, under a name that no policy for other queues has already."""
        taken = {policy.name for policy in self._policies if policy.pattern != pattern}
        while name in taken:
            name += "-2"
        return set_policy_line(self._virtual_host, name, pattern, definition, over)

    def _facts(self, queue: str) -> QueueFacts | None:
        if self.trouble is not None:
            return None
        try:
            return self._management.queue(queue)
        except Unreadable as error:
            self.trouble = str(error)
            return None


def _definition(policy: BrokerPolicy | None, facts: QueueFacts) -> Definition:
    """Return what policies set for a queue; where an operator policy is among them, management has merged them."""
    return facts.effective if facts.effective is not None else {} if policy is None else policy.definition


def _waiting(queue: str, look: Look) -> str:
    return f"{counted(look.messages, 'message')} in Nova's own queue {queue}, which nobody reads"


def _name(policy: BrokerPolicy) -> str:
    return f"{policy.name} (priority {policy.priority})"
