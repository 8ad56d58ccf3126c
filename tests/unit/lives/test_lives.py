# SPDX-License-Identifier: Apache-2.0
"""Thousands of random steps on small hosts; after each quiet pass the host is as an independent model says.

`--random-steps` makes more of them, `--random-seed` plays one episode again.
"""

from pathlib import Path

import pytest

from tests.unit.lives.runner import AGENT, EPISODE, play

_SHARE = 4
"""Of so many steps one is made with the agent: it makes many passes."""


def test_whatever_happens_every_interrupt_is_where_it_belongs(memory: Path, request: pytest.FixtureRequest) -> None:
    seed = request.config.getoption("--random-seed")
    seeds = range(request.config.getoption("--random-steps") // EPISODE) if seed is None else [seed]
    for number in seeds:
        play(memory / "host", number)


def test_whatever_happens_the_agent_puts_every_interrupt_where_it_belongs(
    memory: Path, request: pytest.FixtureRequest
) -> None:
    seed, steps = request.config.getoption("--random-seed"), request.config.getoption("--random-steps")
    for number in range(steps // (_SHARE * EPISODE)) if seed is None else [seed]:
        play(memory / "host", number, AGENT)
