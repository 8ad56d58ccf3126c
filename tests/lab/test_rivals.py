# SPDX-License-Identifier: Apache-2.0
"""Others that write the same files: a loop that resets every affinity, and the real irqbalance."""

import re
from collections.abc import Iterator

import pytest

from irqaffinity.model.cpuset import CpuSet
from tests.lab import parts
from tests.lab.inside import interrupts, program, rivals
from tests.lab.node import ALPHA, BETA, VF0, Node


@pytest.fixture
def rivalled(agent: Node) -> Iterator[Node]:
    """The agent at work on guests that have settled, and no rival left at the end."""
    agent.call(program.wait_settled)
    yield agent
    agent.call(rivals.end)


def test_what_another_program_moves_is_put_back_and_told_once(rivalled: Node) -> None:
    (number, *_) = rivalled.call(interrupts.numbers_of, VF0)
    drifts = rivalled.call(program.status)["counters"]["drifts"]
    rivalled.call(interrupts.move, number, "6")
    rivalled.call(program.wake_agent)
    rivalled.wait_placed(ALPHA | BETA)
    rivalled.call(program.wait_logged, f"{VF0}: 1 interrupt ({number}) had drifted from 1 to 6")
    assert rivalled.call(program.status)["counters"]["drifts"] == drifts + 1


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
    rivalled.call(program.wait_logged, "they drift again and again, and are put back once a minute")
    written = sum(rivalled.call(program.status)["counters"]["writes"].values())
    for _ in range(5):
        rivalled.call(program.wake_agent)
    more = sum(rivalled.call(program.status)["counters"]["writes"].values()) - written
    assert more <= len(numbers), "five passes within a minute or two put each back once at most"
    rivalled.wait_placed(BETA)
    told = re.findall(r"\(([\d,-]+)\) had drifted .*; they drift again and again", rivalled.call(program.log))
    fought_over = [number for line in told for number in CpuSet.parse(line)]
    assert len(fought_over) == len(set(fought_over)) > 0, "the log names the fight over an interrupt once an hour"
