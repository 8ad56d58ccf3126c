# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the packaging tests; the real parts among them are those of the functional ones."""

from pathlib import Path

import pytest

from tests.functional.conftest import as_root, kept_affinity, libvirtd, movable_device, short_folder, tree
from tests.packaging.chart import Chart

__all__ = ["as_root", "kept_affinity", "libvirtd", "movable_device", "short_folder", "tree"]


@pytest.fixture
def chart(tmp_path: Path) -> Chart:
    """The chart of this tree."""
    folder = tmp_path / "helm"
    folder.mkdir()
    return Chart(folder)
