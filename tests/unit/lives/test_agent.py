# SPDX-License-Identifier: Apache-2.0
"""Each rule of the random runs with the agent is seen to be broken by an agent that breaks it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.lives.agent import Agent
from tests.unit.lives.ledger import Violation
from tests.unit.lives.machine import Step

GUEST: list[Step] = [
    ("start", "a", "1 2", "0", None, None),
    ("bear", 0, "30:0-7 31:0-2", ""),
    ("audit",),
]


def do_nothing(*_args: Any, **_keywords: Any) -> None: ...


def make_no_full_pass(agent: Agent) -> None:
    agent.worker._audit = do_nothing  # type: ignore[method-assign]


def make_one_full_pass(agent: Agent) -> None:
    audit, agent.worker._audit_due = agent.worker._audit, 0.0

    def once() -> None:
        audit()
        agent.worker._audit_due = float("inf")

    agent.worker._audit = once  # type: ignore[method-assign]


def show_nothing(agent: Agent) -> None:
    agent.view.saw = do_nothing  # type: ignore[method-assign]


def keep_watching(agent: Agent) -> None:
    agent.worker._see = do_nothing  # type: ignore[method-assign]


def forget_masks(agent: Agent) -> None:
    agent.auditor.remember = do_nothing  # type: ignore[method-assign,assignment]


def trust_uevents_not(agent: Agent) -> None:
    agent.auditor.doubt = do_nothing  # type: ignore[method-assign]


def hear_no_end(agent: Agent) -> None:
    agent.auditor.note_ends = do_nothing  # type: ignore[method-assign]


def look_at_nobody(agent: Agent) -> None:
    agent.worker._look_at_all = do_nothing  # type: ignore[method-assign]


def count_too_many(agent: Agent) -> None:
    agent.counters.drifts += 100


def fail(agent: Agent) -> None:
    agent.worker._audit = lambda: 1 / 0  # type: ignore[method-assign,assignment]


HEARD: list[Step] = [*GUEST, ("hear", "each"), ("wait", 0.0)]


@pytest.mark.parametrize(
    ("break_it", "steps", "rule"),
    [
        pytest.param(make_no_full_pass, [("quiet",)], "audit", id="no full pass"),
        pytest.param(make_one_full_pass, [*GUEST, ("quiet",)], "audit", id="no other full pass"),
        pytest.param(show_nothing, [*GUEST, ("quiet",)], "report", id="a status that says nothing"),
        pytest.param(keep_watching, [*GUEST, ("quiet",)], "settled", id="a guest that is watched for ever"),
        pytest.param(
            forget_masks, [*GUEST, ("tell", "a", "0", 1), ("audit",)], "placed", id="a mask that is not heeded"
        ),
        pytest.param(
            forget_masks,
            [("start", "a", "1 2", "0", {}, {}), ("audit",), ("tell", "a", "0", 1), ("audit",), ("restart",)],
            "specs",
            id="nor stored",
        ),
        pytest.param(
            trust_uevents_not,
            [*GUEST, ("away",), ("uevent", 0), ("rebirth", 30, "5"), ("look", "a"), ("wait", 2.0), ("wait", 2.0)],
            "foreign",
            id="a device that may have left its guest",
        ),
        pytest.param(
            hear_no_end,
            [*HEARD, ("rebirth", 30, "1"), ("stop", "a", "keep"), ("audit",)],
            "foreign",
            id="what an earlier life had",
        ),
        pytest.param(look_at_nobody, [*GUEST, ("quiet",), ("drift", 30, "5"), ("alone",)], "placed", id="no repair"),
        pytest.param(count_too_many, GUEST, "drift", id="drift that was none"),
        pytest.param(fail, GUEST, "crash", id="the loop fails"),
    ],
)
def test_what_the_agent_may_not_do(
    tmp_path: Path, break_it: Callable[[Agent], None], steps: list[Step], rule: str
) -> None:
    assert play(Agent(tmp_path / "0"), steps) is None
    broken = Agent(tmp_path / "1")
    break_it(broken)
    assert play(broken, steps) == rule


def play(agent: Agent, steps: list[Step]) -> str | None:
    """Play steps, and return the rule that broke."""
    try:
        for step in steps:
            agent.apply(step)
    except Violation as found:
        return found.rule
    return None
