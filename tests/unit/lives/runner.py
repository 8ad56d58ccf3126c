# SPDX-License-Identifier: Apache-2.0
"""Plays random episodes, each on a fresh host; makes the steps of one that fails few, and shows them."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.unit.lives.ledger import Violation
from tests.unit.lives.machine import Machine, Step
from tests.unit.lives.steps import Proposer

EPISODE = 250
"""Steps on one host."""

_MOST_REPLAYS = 150


class EpisodeFailed(AssertionError):
    """An episode broke a rule; str() gives the seed and the steps that show it."""


def play(folder: Path, seed: int, length: int = EPISODE) -> None:
    """Play the episode of `seed`; raise EpisodeFailed."""
    machine = _make(folder)
    proposer = Proposer(Random(seed), machine)
    steps: list[Step] = []
    for number in range(length):
        steps.append(("quiet",) if number == length - 1 else proposer.draw())
        try:
            machine.apply(steps[-1])
        except Violation as found:
            raise EpisodeFailed(_explain(folder, seed, steps, found)) from found


def replay(folder: Path, steps: Sequence[Step]) -> Violation | None:
    """Play these steps on a fresh host, and return what was broken."""
    machine = _make(folder)
    for step in steps:
        try:
            machine.apply(step)
        except Violation as found:
            return found
    return None


def shrink(folder: Path, steps: Sequence[Step], rule: str) -> list[Step]:
    """Return fewer of `steps` that break the same rule still: halves are left out, then quarters, and so on."""
    kept, size, left = list(steps), max(len(steps) // 2, 1), _MOST_REPLAYS
    while left:
        for start in range(len(kept) - size, -1, -size):
            fewer = kept[:start] + kept[start + size :]
            left -= 1
            found = replay(folder, fewer)
            if found is not None and found.rule == rule:
                kept = fewer
            if not left:
                break
        else:
            if size == 1:
                break
            size = max(size // 2, 1)
    return kept


def _make(folder: Path) -> Machine:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return Machine(folder)


def _explain(folder: Path, seed: int, steps: Sequence[Step], found: Violation) -> str:
    few = shrink(folder, steps, found.rule)
    last = replay(folder, few) or found
    lines = "\n".join(f"    {step!r}," for step in few)
    return f"--random-seed {seed}: {last}\nafter {len(steps)} steps, of which these show it:\n{lines}"
