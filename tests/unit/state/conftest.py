# SPDX-License-Identifier: Apache-2.0
"""A folder for the state."""

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return an empty folder as it has to be."""
    made = tmp_path / "state"
    made.mkdir(mode=0o700)
    return made
