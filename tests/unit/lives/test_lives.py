# SPDX-License-Identifier: Apache-2.0
"""Thousands of random steps on small hosts; after each quiet pass the host is as an independent model says.

`--random-steps` makes more of them, `--random-seed` plays one episode again.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.lives.runner import AGENT, EPISODE, play

_MEMORY = "/dev/shm"
_SHARE = 4
"""Of so many steps one is made with the agent: it makes many passes."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory, where there is one: thousands of files come and go, and a busy disk would be waited for."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None) as name:
        yield Path(name)


def test_whatever_happens_every_interrupt_is_where_it_belongs(folder: Path, request: pytest.FixtureRequest) -> None:
    seed = request.config.getoption("--random-seed")
    seeds = range(request.config.getoption("--random-steps") // EPISODE) if seed is None else [seed]
    for number in seeds:
        play(folder / "host", number)


def test_whatever_happens_the_agent_puts_every_interrupt_where_it_belongs(
    folder: Path, request: pytest.FixtureRequest
) -> None:
    seed, steps = request.config.getoption("--random-seed"), request.config.getoption("--random-steps")
    for number in range(steps // (_SHARE * EPISODE)) if seed is None else [seed]:
        play(folder / "host", number, AGENT)
