# SPDX-License-Identifier: Apache-2.0
"""Thousands of random steps on small hosts; after each quiet pass the host is as an independent model says."""

from pathlib import Path

import pytest

from tests.unit.lives.runner import EPISODE, play


def test_whatever_happens_every_interrupt_is_where_it_belongs(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    seed = request.config.getoption("--random-seed")
    seeds = range(request.config.getoption("--random-steps") // EPISODE) if seed is None else [seed]
    for number in seeds:
        play(tmp_path / "host", number)
