# SPDX-License-Identifier: Apache-2.0
"""Fixtures of all tests."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.fakes.host import FakeHost
from tests.fakes.scene import Scene

# No deadline: an example takes longer on a busy machine. By default the examples are the same in each run, so that a
# change is judged by what it did; "tools/test full" looks further with --hypothesis-profile=random.
hypothesis.settings.register_profile("random", deadline=None)
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.load_profile("same")

signal.signal(signal.SIGINT, signal.default_int_handler)
"""A shell ignores SIGINT for what it starts in the background, and so would the programs that the tests start."""

_MEMORY = "/dev/shm"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the random runs."""
    group = parser.getgroup("random runs (tests/unit/lives)")
    group.addoption("--random-steps", type=int, default=20_000, help="how many random steps are made; %(default)s")
    group.addoption("--random-seed", type=int, default=None, help="play the one episode that a failure named again")


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory, where there is one: thousands of files come and go, and a busy disk would be waited for."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None) as name:
        yield Path(name)


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    """A host of two nodes, CPUs 0-7 and 8-15, that has no devices yet."""
    return FakeHost(tmp_path / "host")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A fake host with two virtual functions, and no guest yet."""
    return Scene(tmp_path)
