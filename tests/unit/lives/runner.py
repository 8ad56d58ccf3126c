# SPDX-License-Identifier: Apache-2.0
"""Plays random episodes, each on a fresh host; makes the steps of one that fails few, and shows them."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.unit.lives.agent import Agent
from tests.unit.lives.agent_steps import AgentProposer
from tests.unit.lives.ledger import Violation
from tests.unit.lives.machine import Machine, Step
from tests.unit.lives.steps import Proposer

EPISODE = 250
"""Steps on one host."""

_MOST_REPLAYS = 150


class EpisodeFailed(AssertionError):
    """An episode broke a rule; str() gives the seed and the steps that show it."""


class Game(NamedTuple):
    """What is played: what carries steps out, and what thinks of them."""

    machine: Callable[[Path], Machine]
    proposer: Callable[[Random, Any], Proposer]


PASSES = Game(Machine, Proposer)
"""The methods of the Auditor are called."""


AGENT = Game(Agent, AgentProposer)
"""The agent makes the passes."""


def play(folder: Path, seed: int, game: Game = PASSES, length: int = EPISODE) -> None:
    """Play the episode of `seed`; raise EpisodeFailed."""
    machine = _make(folder, game)
    proposer = game.proposer(Random(seed), machine)
    steps: list[Step] = []
    for number in range(length):
        steps.append(("quiet",) if number == length - 1 else proposer.draw())
        try:
            machine.apply(steps[-1])
        except Violation as found:
            raise EpisodeFailed(_explain(folder, seed, steps, found, game)) from found


def replay(folder: Path, steps: Sequence[Step], game: Game = PASSES) -> Violation | None:
    """Play these steps on a fresh host, and return what was broken."""
    machine = _make(folder, game)
    for step in steps:
        try:
            machine.apply(step)
        except Violation as found:
            return found
    return None


def shrink(folder: Path, steps: Sequence[Step], rule: str, game: Game = PASSES) -> list[Step]:
    """Return fewer of `steps` that break the same rule still: halves are left out, then quarters, and so on."""
    kept, size, left = list(steps), max(len(steps) // 2, 1), _MOST_REPLAYS
    while left:
        for start in range(len(kept) - size, -1, -size):
            fewer = kept[:start] + kept[start + size :]
            left -= 1
            found = replay(folder, fewer, game)
            if found is not None and found.rule == rule:
                kept = fewer
            if not left:
                break
        else:
            if size == 1:
                break
            size = max(size // 2, 1)
    return kept


def _make(folder: Path, game: Game) -> Machine:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return game.machine(folder)


def _explain(folder: Path, seed: int, steps: Sequence[Step], found: Violation, game: Game) -> str:
    few = shrink(folder, steps, found.rule, game)
    last = replay(folder, few, game) or found
    lines = "\n".join(f"    {step!r}," for step in few)
    return f"--random-seed {seed}: {last}\nafter {len(steps)} steps, of which these show it:\n{lines}"
