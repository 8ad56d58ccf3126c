# SPDX-License-Identifier: Apache-2.0
"""Which policy is in force, what counts of it and of the queue's arguments, and the command that sets another."""

import json
import shlex
import subprocess
from typing import Any

import pytest

from irqaffinity.listen.broker_policy import (
    NOVA_LIMITS,
    BrokerPolicy,
    describe_limits,
    displaced,
    in_force,
    list_lines,
    lower,
    lowered,
    set_policy_line,
)

OWN = {"x-expires": 1800000, "x-message-ttl": 300000, "x-max-length": 10000, "x-overflow": "drop-head"}
QUEUE = "irqaffinity.cmp-1.0f3a9c1d"


@pytest.mark.parametrize(
    ("argument", "policy", "counts"),
    [
        (300000, 70000, 70000),
        (300000, 3600000, 300000),
        (300000, None, 300000),
        (None, 70000, 70000),
        (None, None, None),
        (300000, 0, 0),
        (300000, "70000", 300000),
        (300000, True, 300000),
        (300000, -1, 300000),
    ],
)
def test_the_lower_limit_counts(argument: int | None, policy: object, counts: int | None) -> None:
    arguments = {} if argument is None else {"x-message-ttl": argument}
    assert lower("message-ttl", arguments, {} if policy is None else {"message-ttl": policy}) == counts


@pytest.mark.parametrize(
    ("definition", "less"),
    [
        ({"message-ttl": 70000}, {"message-ttl": 300000}),
        ({"expires": 60000, "max-length": 5}, {"expires": 1800000, "max-length": 10000}),
        ({"message-ttl": 3600000, "ha-mode": "all"}, {}),
        ({}, {}),
    ],
)  # fmt: skip
def test_what_a_policy_lowers_is_told_as_the_queue_has_it(definition: dict[str, Any], less: dict[str, int]) -> None:
    assert lowered(OWN, definition) == less


def test_limits_in_words() -> None:
    assert describe_limits(OWN, {"message-ttl": 70500}) == "kept 70.5 s, at most 10000 messages"
    assert describe_limits({}, {"max-length": 1, "max-length-bytes": 2}) == "at most 1 message, at most 2 bytes"
    assert describe_limits({}, {"ha-mode": "all"}) == ""


def test_one_policy_is_in_force_that_with_the_highest_priority() -> None:
    weak, strong = BrokerPolicy("weak", "^irq", -1), BrokerPolicy("strong", r"^irqaffinity\.", 2)
    others = [BrokerPolicy("other", "^nova", 9), BrokerPolicy("exchanges", ".*", 9, "exchanges")]
    assert in_force([weak, strong, *others], QUEUE) is strong
    assert in_force([weak, strong, *others], QUEUE, named="weak") is strong  # it was so before the strong one came
    assert in_force([weak, *others], QUEUE) is weak
    assert in_force(others, QUEUE) is None
    assert in_force(others, QUEUE, named="gone") is None


def test_the_broker_decides_between_equals_and_on_patterns_that_python_does_not_know() -> None:
    one, two, odd = BrokerPolicy("one", "irq"), BrokerPolicy("two", "irq"), BrokerPolicy("odd", r"\R(*UTF8)", 0)
    assert in_force([one, two], QUEUE, named="two") is two
    assert in_force([one, two], QUEUE) is one
    assert not odd.matches(QUEUE)
    assert in_force([odd], QUEUE) is None


@pytest.mark.parametrize(
    ("apply_to", "kind", "does"),
    [
        ("all", "classic", True),
        ("queues", "quorum", True),
        ("classic_queues", "classic", True),
        ("classic_queues", "quorum", False),
        ("quorum_queues", "quorum", True),
        ("streams", "stream", True),
        ("streams", "classic", False),
        ("exchanges", "classic", False),
    ],
)
def test_a_policy_applies_to_queues_of_its_type(apply_to: str, kind: str, does: bool) -> None:
    assert BrokerPolicy("p", "", 0, apply_to).matches(QUEUE, kind) == does


def test_policies_that_would_limit_the_queue_were_another_not_stronger() -> None:
    shipped, ha = BrokerPolicy("ours", "", 0, "queues", NOVA_LIMITS), BrokerPolicy("ha", "", 1)
    assert displaced([shipped, ha], ha, QUEUE, "classic") == ["ours"]
    assert displaced([shipped, ha], shipped, QUEUE, "classic") == []
    assert displaced([shipped], None, QUEUE, "classic") == []


def said_by_a_shell(line: str) -> list[str]:
    """Return the words of a command as a shell understands it."""
    shown = subprocess.run(["sh", "-c", f"printf '%s\\0' {line}"], check=True, capture_output=True).stdout
    return [word.decode() for word in shown.split(b"\0")[:-1]]


@pytest.mark.parametrize("vhost", ["/", "nova", "it's", "$(reboot)", '`x` \\ "', "-p"])
def test_the_command_keeps_the_keys_of_what_it_displaces_and_survives_a_shell(vhost: str) -> None:
    hostile = {"ha-mode": "all", "dead-letter-exchange": "'; $(reboot) `x` \n\x1b\u202e é", "message-ttl": 70000}
    over = BrokerPolicy("ha", ".*", 7, "all", hostile)
    line = set_policy_line(vhost, "irqaffinity", r"^irqaffinity\.", {"message-ttl": 300000}, over)
    assert line.isprintable()
    words = said_by_a_shell(line)
    assert words == shlex.split(line)
    head = ["rabbitmqctl", "set_policy", "-p", vhost, "--priority", "8", "--apply-to", "queues"]
    assert words[:-1] == [*head, "irqaffinity", r"^irqaffinity\."]
    assert json.loads(words[-1]) == hostile | {"message-ttl": 300000}


def test_without_a_policy_to_displace_the_priority_is_none() -> None:
    words = shlex.split(set_policy_line("/", "n", "^n", NOVA_LIMITS))
    assert (words[5], json.loads(words[-1])) == ("0", NOVA_LIMITS)


def test_what_is_too_long_for_a_line_is_named_and_not_cut() -> None:
    over = BrokerPolicy("ha", ".*", 7, "all", {"x": "y" * 5000})
    said = set_policy_line("/", "n", "^n", {"message-ttl": 1}, over)
    assert said == 'a policy with a priority above 7 that has {"message-ttl": 1} and its keys too'


def test_a_virtual_host_that_is_not_printable_shows_no_character_of_it() -> None:
    for line in (list_lines("a\x1b[2J", QUEUE), set_policy_line("a\u202e", "n", "^n", {})):
        assert line.isprintable()
