# SPDX-License-Identifier: Apache-2.0
"""Others that write the same files: a loop that resets every affinity, and the real irqbalance."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.lab import parts
from tests.lab.inside import interrupts, isolation, program, rivals
from tests.lab.node import ALPHA, BETA, VF0, Node


@pytest.fixture
def rivalled(agent: Node) -> Iterator[Node]:
    """The agent at work on guests that have settled; at the end no rival is left, nor what it moved of the host's."""
    agent.call(program.wait_settled)
    before = agent.call(isolation.affinities)
    yield agent
    agent.call(rivals.end)
    agent.call(isolation.put_back, before)


def test_what_another_program_moves_is_put_back_and_told_once(rivalled: Node) -> None:
    (number, *_) = rivalled.call(interrupts.numbers_of, VF0)
    drifts = rivalled.call(program.status)["counters"]["drifts"]
    rivalled.call(interrupts.move, number, "6")
    rivalled.call(program.wake_agent)
    rivalled.wait_placed(ALPHA | BETA)
    rivalled.call(program.wait_logged, f"put back 1 interrupt ({number}) of {VF0} from 6 to 1: drift")
    assert rivalled.call(program.status_after_pass)["counters"]["drifts"] == drifts + 1


def test_irqbalance_is_named_and_what_it_moves_is_put_back(rivalled: Node) -> None:
    rivalled.call(rivals.start_irqbalance, str(parts.debian_package("irqbalance")))
    rivalled.call(program.wake_agent)
    rivalled.wait_placed(ALPHA | BETA)
    rivalled.call(program.wait_rival, "irqbalance")
    check = rivalled.call(program.command, "check")
    assert (check["status"], "irqbalance runs" in check["out"]) == (1, True)


def test_a_program_that_never_stops_is_no_endless_fight(rivalled: Node) -> None:
    numbers = rivalled.call(interrupts.numbers_of, VF0)
    rivalled.call(rivals.reset_for_ever, numbers, "0-7")
    for _ in range(6):
        rivalled.call(program.wake_agent)
    rivalled.call(program.wait_fought_over, numbers)
    first = rivalled.call(program.status_after_pass)
    for _ in range(5):
        rivalled.call(program.wake_agent)
    last = rivalled.call(program.status_after_pass)
    assert _writes(last) - _writes(first) <= len(numbers) * (1 + _minutes(first, last)), (
        "each is put back once a minute"
    )
    rivalled.wait_placed(BETA)
    told = rivalled.call(program.fought_over)
    assert sorted(told) == sorted(numbers), "the log names the fight over an interrupt once an hour"


def _writes(status: dict[str, Any]) -> int:
    return sum(status["counters"]["writes"].values())


def _minutes(first: dict[str, Any], last: dict[str, Any]) -> int:
    """Return how many full minutes may have passed between two statuses, whose times are in whole seconds."""
    between = datetime.fromisoformat(last["updated"]) - datetime.fromisoformat(first["updated"])
    return int(between.total_seconds() + 1) // 60
