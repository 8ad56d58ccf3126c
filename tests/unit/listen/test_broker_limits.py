# SPDX-License-Identifier: Apache-2.0
"""What the check prints on the limits of a queue. The same with a real RabbitMQ: tests/functional/test_check_broker."""

from collections.abc import Sequence
from typing import cast

import pytest

from irqaffinity.listen.broker_limits import Limits
from irqaffinity.listen.broker_policy import BrokerPolicy, Definition
from irqaffinity.listen.management import Management, QueueFacts
from irqaffinity.listen.queue_look import Look

OWN = {"x-expires": 1800000, "x-message-ttl": 300000, "x-max-length": 10000}
QUEUE = "irqaffinity.cmp-1.0f3a9c1d"
HA = BrokerPolicy("HA", "", 1, "all", {"ha-mode": "all"})
SHORT = BrokerPolicy("short", "", 1, "all", {"message-ttl": 5000})
OPERATORS = "rabbitmqctl list_operator_policies -p nova"


def limits(policies: Sequence[BrokerPolicy], facts: QueueFacts) -> Limits:
    class Told:
        def policies(self) -> tuple[BrokerPolicy, ...]:
            return tuple(policies)

        def queue(self, _name: str) -> QueueFacts:
            return facts

    return Limits(cast(Management, Told()), "nova")


@pytest.mark.parametrize(
    ("policies", "effective", "why"),
    [
        ([], None, ""),
        ([], {"message-ttl": 1000}, f", for an operator policy lowers message-ttl. See it with: {OPERATORS}"),
        (
            [HA],
            {"ha-mode": "all", "message-ttl": 1000},
            f", for an operator policy lowers message-ttl. See it with: {OPERATORS}",
        ),
        ([SHORT], {"message-ttl": 1000}, f", for an operator policy lowers message-ttl. See it with: {OPERATORS}"),
        (
            [SHORT],
            {"message-ttl": 5000, "max-length": 10},
            f", for an operator policy lowers max-length. See it with: {OPERATORS}",
        ),
        ([HA], {"ha-mode": "all", "max-length": 20000}, "; the policy HA (priority 1) changes nothing in that"),
    ],
)
def test_an_operator_policy_is_told_from_the_one_that_a_command_displaces(
    policies: Sequence[BrokerPolicy], effective: Definition | None, why: str
) -> None:
    (found,) = limits(policies, QueueFacts("classic", OWN, effective=effective)).own(QUEUE)
    assert found.is_ok
    assert found.text.endswith(f" messages{why}")


def test_a_policy_of_the_same_name_for_other_queues_is_not_replaced() -> None:
    facts = QueueFacts("classic")
    others = [
        BrokerPolicy("notifications", "^(notifications|cinder)", 0, "all", {"ha-mode": "all"}),
        BrokerPolicy("notifications-2", "^glance", 0),
    ]
    line = limits(others, facts).of_nova("notifications.info", Look(messages=1)).text
    assert "--priority 1 --apply-to queues notifications-2-2 '^notifications" in line
    hidden = BrokerPolicy("notifications", r"^notifications\.(info|error)$", 0, "queues", {"max-length": 1})
    line = limits([hidden, HA], facts).of_nova("notifications.info", Look(messages=1)).text
    assert "not in force: notifications, for HA" in line
    assert "--priority 2 --apply-to queues notifications '^notifications" in line


def test_the_agents_own_policy_replaces_none_either() -> None:
    other = BrokerPolicy("irqaffinity", "^irqaffinity-relay$", 0, "all", {"max-length": 5})
    (found,) = limits([SHORT, other], QueueFacts("classic", OWN)).own(QUEUE)
    assert r"queues irqaffinity-2 '^irqaffinity\." in found.text
